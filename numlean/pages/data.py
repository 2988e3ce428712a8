"""Figures that the script of a page reads: JSON as a hidden text of the page."""

from __future__ import annotations

import json
import math
from typing import Any

from numlean.pages.html import Html, element


def data_block(value: Any) -> Html:
    """Return a value as a hidden text. Numbers that are not finite become null.

    It is text, not a script, so that nothing in it is ever executed.
    """
    text = json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return element("pre", text, hidden=True, class_="data")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
