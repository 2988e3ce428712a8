"""The figures of a comparison as HTML tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.drift.operations import OperationErrors
from numlean.analysis.drift.page.numbers import format_number
from numlean.text_table import TextTable

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

_NOTABLE: Final = 2.0
"""From this amplification on, a row is marked."""

_OPERATIONS: Final = (
    *("phase", "layer", "operation", "calls", "local max", "local rms", "inherited max"),
    *("inherited rms", "total max", "total rms", "total relative", "amplifies", "inf", "NaN"),
    *("introduced", "flips"),
)


def settings(result: Comparison) -> str:
    """Return the settings of the comparison."""
    header = result.header
    parameters = ", ".join(f"{name} {tuple(shape)}" for name, shape in header["parameters"])
    shown = {
        "task": header["task"],
        "dtypes": ", ".join(result.dtypes),
        "truth": result.truth,
        "seeds": ", ".join(map(str, header["seeds"])),
        "steps": f"{header['steps']}, measured every {header['every']}",
        "batch size": str(header["batch_size"]),
        "optimizer": header["optimizer"],
        "schedule": header["schedule"] or f"constant, {header['lr']}",
        "parameters": parameters,
        "data digest": header["data_digest"],
        "numlean": header["numlean"],
        "machine": f"{header['platform']}, Python {header['python']}, numpy {header['numpy']}",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in shown.items())
    return f"<dl>{rows}</dl>"


def measures(result: Comparison) -> str:
    """Return the ulps and the exact arithmetic used for each run."""
    rows = [
        (dtype, each["grid"]["name"], str(each["grid"]["precision"]), each["judge"])
        for dtype, each in result.header["measures"].items()
    ]
    return _table(("dtype", "ulp of", "bits", "exact operations by"), rows, "<<><")


def runs(result: Comparison) -> str:
    """Return the final results of each run."""
    rows = [
        (
            *(run["dtype"], str(run["seed"]), format_number(run["loss"], 6)),
            *(_percent(run["accuracy"]), format_number(run["test_loss"], 6)),
            *(run["state_digest"], run["value_digest"]),
        )
        for run in sorted(result.runs, key=lambda run: result.dtypes.index(run["dtype"]))
    ]
    head = ("dtype", "seed", "last loss", "accuracy", "test loss", "state digest", "value digest")
    return _table(head, rows, "<>>>><", css_class="digests")


def ends(result: Comparison) -> str:
    """Return the errors of the parameters after the last step."""
    last = max((record["step"] for record in result.steps), default=None)
    names = ("median_ulp", "max_ulp", "relative", "max_relative", "sign_flips", "inf", "nan")
    rows = [
        (
            *(dtype, str(record["seed"])),
            *(format_number(record["parameters"][name]) for name in names),
            *(
                format_number(record["loss_error_ulp"]),
                format_number(record["loss_relative_error"]),
            ),
        )
        for dtype in result.measured
        for record in result.of(dtype)
        if record["step"] == last
    ]
    head = (
        *("dtype", "seed", "median ulp", "max ulp", "relative", "max relative", "sign flips"),
        *("inf", "NaN", "loss: ulp", "loss: relative"),
    )
    return _table(head, rows)


def operations(result: Comparison, dtype: str) -> str:
    """Return every operation of every layer, over all steps and seeds."""
    found = result.operations.get(dtype, {})
    rows = [(*key, *_figures(errors)) for key, errors in found.items()]
    return _table(_OPERATIONS, rows, "<<<>", css_class="wide")


def flags(result: Comparison) -> str:
    """Return the flags raised in the measured steps; "" if no run counts them."""
    totals: dict[tuple[str, str], Counter[str]] = {}
    for record in result.steps:
        for operation, counts in (record["flags"] or {}).items():
            totals.setdefault((record["dtype"], operation), Counter()).update(counts)
    if not totals:
        return ""
    names = list(next(iter(totals.values())))
    order = sorted(totals, key=lambda key: (result.dtypes.index(key[0]), key[1]))
    rows = [(*key, *(format_number(totals[key][name]) for name in names)) for key in order]
    head = ("dtype", "operation", *(name.replace("_", " ") for name in names))
    return _table(head, rows, "<<>")


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    align: str = "<>",
    *,
    css_class: str = "",
) -> str:
    """Return a table that scrolls by itself where the page is narrow."""
    table = TextTable(tuple(head), tuple(map(tuple, rows)), align)
    return f'<div class="scroll" tabindex="0">{table.to_html(css_class=css_class)}</div>'


def _figures(errors: OperationErrors) -> list[str]:
    local, inherited, total = errors.local, errors.inherited, errors.total
    both: list[Any] = [
        errors.calls,
        *_ulps(local),
        *_ulps(inherited),
        *_ulps(total),
        total.relative if total.count else None,
    ]
    mark = "▲ " if errors.amplification >= _NOTABLE else ""
    specials = (errors.inf, errors.nan, errors.introduced_nonfinite, errors.flipped_comparisons)
    gain = mark + format_number(errors.amplification) if errors.amplification else "\N{EN DASH}"
    return [*map(format_number, both), gain, *map(format_number, specials)]


def _ulps(stats: Any) -> tuple[float | None, float | None]:
    return (stats.max_ulp, stats.rms_ulp) if stats.count else (None, None)


def _percent(accuracy: float | None) -> str:
    return "\N{EN DASH}" if accuracy is None else f"{100 * accuracy:.2f} %"
