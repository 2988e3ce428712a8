"""Parts of a page that are not figures: tables, lists of settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from numlean.text_table import TextTable


def scrolling_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    align: str = "<>",
    *,
    css_class: str = "",
    title: str = "",
) -> str:
    """Return a table that scrolls by itself where the page is narrow."""
    table = TextTable(tuple(head), tuple(map(tuple, rows)), align, title)
    return f'<div class="scroll" tabindex="0">{table.to_html(css_class=css_class)}</div>'


def definition_list(shown: Mapping[str, str]) -> str:
    """Return texts by name."""
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in shown.items())
    return f"<dl>{rows}</dl>"


def training_settings(header: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a training, its data and its machine, from the first record."""
    shapes = (f"{name} {tuple(shape)}" for name, shape in header["parameters"])
    return {
        "batch size": str(header["batch_size"]),
        "optimizer": header["optimizer"],
        "schedule": header["schedule"] or f"constant, {header['lr']}",
        "parameters": ", ".join(shapes),
        "data digest": header["data_digest"],
        "numlean": header["numlean"],
        "machine": f"{header['platform']}, Python {header['python']}, numpy {header['numpy']}",
    }
