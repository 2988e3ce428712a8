"""What a comparison has measured: a map of operations by step, histograms, and all figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numlean.pages.bars import Bars, bar_chart
from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.pages.maps import Kind, heat_map
from numlean.pages.numbers import format_number, power_of_two
from numlean.play.runs.measured import ERRORS, FIGURES, Cell, Key, Measured
from numlean.play.views.runs.query import ORDERS, PATH, RunsQuery, number

_ROWS: Final = 60
_COLUMNS: Final = 120
_LISTED: Final = 200
_RECORDS: Final = 400
"""The most records that are read for a histogram."""

_ERROR_NAMES: Final = {
    "total": "total: against the reference run",
    "local": "local: against the exact operation",
    "inherited": "inherited: total minus local",
}
_UNIT_NAMES: Final = {
    "relative": "relative, as norms",
    "max_ulp": "greatest, in ulp",
    "rms_ulp": "root mean square, in ulp",
}

Record = Callable[[Cell], Mapping[str, Any]]
"""Returns the record of an operation in a step."""


@dataclass(frozen=True)
class _Row:
    """An operation with its number in program order, and its greatest figure."""

    number: int
    key: Key
    cells: Sequence[Cell]
    greatest: float

    @property
    def name(self) -> str:
        """Its name."""
        return name_of(self.key)


def compare_view(query: RunsQuery, measured: Measured, record: Record) -> Child:
    """Return the view of a comparison."""
    if not measured.dtypes:
        return element("p", "No operation was measured yet.", class_="soft")
    dtype = _dtype(query, measured)
    rows = _rows(query, measured.operations[dtype])
    pages = max(-(-len(rows) // _ROWS), 1)
    page = min(max(number(query.page) or 1, 1), pages)
    shown = rows[(page - 1) * _ROWS : page * _ROWS]
    return (
        element("h2", "Operations by step"),
        element(
            "p",
            f"{measured.count:,} measured operations, {len(measured.operations[dtype])} in each"
            f" step of {dtype}; rows {(page - 1) * _ROWS + 1 if rows else 0} to"
            f" {(page - 1) * _ROWS + len(shown)} of {len(rows)}. A row opens its histogram.",
            class_="soft",
        ),
        _pages(query, page, pages),
        _map(query, measured, dtype, shown) if shown else None,
        _detail(query, measured, dtype, rows, record),
        _table(query, shown, dtype),
        _operands(measured, dtype, record),
    )


def name_of(key: Key) -> str:
    """Return the name of an operation: its phase, layer and itself."""
    return " · ".join(part for part in key if part)


def _rows(query: RunsQuery, operations: Mapping[Key, Sequence[Cell]]) -> list[_Row]:
    words = query.layer.lower()
    found = []
    for k, (key, cells) in enumerate(operations.items()):
        if (query.phase and key[0] != query.phase) or words not in name_of(key).lower():
            continue
        values = [each.figure(query.error, query.unit) for each in _within(query, cells)]
        found.append(_Row(k, key, cells, max((v for v in values if v == v), default=-1.0)))
    if query.sort == "greatest":
        found.sort(key=lambda row: -row.greatest)
    elif query.sort == "name":
        found.sort(key=lambda row: row.name)
    return found


def _within(query: RunsQuery, cells: Sequence[Cell]) -> list[Cell]:
    first, last = number(query.first), number(query.last)
    return [
        each
        for each in cells
        if (first is None or each.step >= first) and (last is None or each.step <= last)
    ]


def _dtype(query: RunsQuery, measured: Measured) -> str:
    return query.dtype if query.dtype in measured.operations else next(iter(measured.dtypes), "")


def compare_form(query: RunsQuery, measured: Measured) -> Html:
    """Return the form that chooses what the map shows."""
    dtype = _dtype(query, measured)
    phases = dict.fromkeys(key[0] for key in measured.operations.get(dtype, {}))
    return element(
        "form",
        element("input", type="hidden", name="id", value=query.id),
        _choice("dtype", "In", {name: name for name in measured.dtypes}, dtype),
        _choice("error", "Error", _ERROR_NAMES, query.error),
        _choice("unit", "Unit", _UNIT_NAMES, query.unit),
        _choice("phase", "Role", {"": "all", **{name: name for name in phases}}, query.phase),
        _input("layer", "Layer or operation", query.layer, "contains"),
        _choice("sort", "Order", {name: name for name in ORDERS}, query.sort),
        _input("first", "From step", query.first, "zoom"),
        _input("last", "To step", query.last, ""),
        element("button", "Show", type="submit"),
        action=PATH,
        method="get",
        class_="query dense",
    )


def _choice(name: str, label: str, choices: Mapping[str, str], chosen: str) -> Html:
    return element(
        "div",
        element("label", label, for_=name),
        element(
            "select",
            [
                element("option", text, value=value, selected=value == chosen)
                for value, text in choices.items()
            ],
            id=name,
            name=name,
        ),
        class_="field",
    )


def _input(name: str, label: str, value: str, hint: str) -> Html:
    return element(
        "div",
        element("label", label, for_=name),
        element(
            "input", id=name, name=name, value=value, placeholder=hint or None, autocomplete="off"
        ),
        class_="field",
    )


def _pages(query: RunsQuery, page: int, pages: int) -> Child:
    if pages == 1:
        return None
    return element(
        "p",
        element("a", "Rows before", href=query.address(page=page - 1)) if page > 1 else None,
        f" page {page} of {pages} ",
        element("a", "Rows after", href=query.address(page=page + 1)) if page < pages else None,
    )


def _map(query: RunsQuery, measured: Measured, dtype: str, rows: Sequence[_Row]) -> Html:
    steps = sorted({each.step for row in rows for each in _within(query, row.cells)})
    size = max(-(-len(steps) // _COLUMNS), 1)
    groups = {step: k // size for k, step in enumerate(steps)}
    width = -(-len(steps) // size)
    cells: list[list[float | None]] = []
    for row in rows:
        values: list[float | None] = [None] * width
        for each in _within(query, row.cells):
            value, k = each.figure(query.error, query.unit), groups[each.step]
            if not math.isnan(value):
                values[k] = max(values[k] or 0.0, value)
        cells.append(values)
    precision = measured.precision(dtype) if query.unit == "relative" else None
    if query.unit == "relative":
        exponent = 1 - (precision or 24)
        kind = Kind("relative error", power_of_two(exponent), cells, 2.0**exponent)
    else:
        kind = Kind(_UNIT_NAMES[query.unit], "an ulp", cells)
    chosen = _chosen(query, rows, groups)
    return heat_map(
        [row.name for row in rows],
        [str(steps[k * size]) for k in range(width)],
        {query.error: kind},
        f"Errors of {dtype} by operation and step; the table below lists them",
        links=[query.address(row=row.number, step="") for row in rows],
        chosen=chosen,
        caption=(element("b", dtype), f", {_ERROR_NAMES[query.error]}"),
    )


def _chosen(
    query: RunsQuery, rows: Sequence[_Row], groups: Mapping[int, int]
) -> tuple[int, int | None] | None:
    at = next((k for k, row in enumerate(rows) if str(row.number) == query.row), None)
    step = number(query.step)
    return None if at is None else (at, None if step is None else groups.get(step))


def _detail(
    query: RunsQuery, measured: Measured, dtype: str, rows: Sequence[_Row], record: Record
) -> Child:
    """Return the histograms of the operation that is chosen."""
    row = next((each for each in rows if str(each.number) == query.row), None)
    if row is None:
        return None
    step = number(query.step)
    cells = [each for each in _within(query, row.cells) if step is None or each.step == step]
    shown = cells[:: max(-(-len(cells) // _RECORDS), 1)]
    counts = {error: Counter[int]() for error in ERRORS}
    exact, beyond = Counter[str](), Counter[str]()
    for each in shown:
        found = record(each)
        for error in ERRORS:
            stats = found.get(error)
            if isinstance(stats, dict):
                counts[error].update(_histogram(stats.get("histogram")))
                exact[error] += _count(stats.get("exact"))
                beyond[error] += _count(stats.get("infinite")) + _count(stats.get("unknown"))
    part = f"step {step}" if step is not None else f"{len(cells)} measured steps"
    sampled = (
        f", of which every {len(cells) // len(shown)}th is counted"
        if len(shown) < len(cells)
        else ""
    )
    return element(
        "section",
        element("h3", f"{row.name}, {part}"),
        bar_chart(
            [
                Bars(_ERROR_NAMES[error], counts[error], exact[error], beyond[error], style, 0)
                for style, error in enumerate(ERRORS)
            ],
            "error in ulp, each bar from its power of two to the next",
            f"Errors of {row.name} in ulp by powers of two",
            caption=f"Histogram of the errors over {part}{sampled}; the line stands at one ulp.",
        ),
        element("p", element("a", "All steps", href=query.address(step="")))
        if step is not None
        else None,
        id="detail",
    )


def _table(query: RunsQuery, rows: Sequence[_Row], dtype: str) -> Html:
    """Return the figures of the rows that are shown: the greatest of all steps."""
    head = ["phase", "layer", "operation", "calls"]
    head += [f"{error} {name}" for error in ERRORS for name in ("relative", "max ulp", "rms ulp")]
    return element(
        "details",
        element("summary", f"Figures of these {len(rows)} operations, the greatest of all steps"),
        scrolling(
            "Figures of operations",
            element(
                "table",
                element(
                    "thead", element("tr", [element("th", each, scope="col") for each in head])
                ),
                element("tbody", [_figures(query, row) for row in rows]),
                class_="wide",
            ),
        ),
        open=not query.row,
    )


def _figures(query: RunsQuery, row: _Row) -> Html:
    cells = _within(query, row.cells)
    phase, layer, operation = row.key
    values = []
    for k in range(len(ERRORS) * len(FIGURES)):
        found = [each.figures[k] for each in cells if not math.isnan(each.figures[k])]
        values.append(format_number(max(found)) if found else "\N{EN DASH}")
    link = element("a", operation, href=query.address(row=row.number, step=""))
    calls = f"{sum(each.calls for each in cells):,}"
    return element(
        "tr",
        [element("td", each) for each in (phase, layer, link)],
        [element("td", each, class_="number") for each in (calls, *values)],
    )


def _operands(measured: Measured, dtype: str, record: Record) -> Child:
    """Return the scales and the errors of blocks of scaled operands."""
    operands = measured.operands.get(dtype)
    if not operands:
        return None
    scales, errors = [], []
    for key, cells in [*operands.items()][:_LISTED]:
        layer, product, operand = key
        label = " · ".join((operand, product.replace("_", " "), layer))
        counts, wrong = Counter[int](), Counter[int]()
        zero = exact = broken = bad = 0
        for each in cells[:: max(-(-len(cells) // 50), 1)]:
            found = record(each)
            counts.update(_histogram(found.get("scales")))
            wrong.update(_histogram(found.get("errors")))
            zero += _count(found.get("zero_scales"))
            bad += _count(found.get("nonfinite_scales"))
            exact += _count(found.get("exact_blocks"))
            broken += _count(found.get("broken_blocks"))
        scales.append(Bars(label, counts, zero, bad, 0))
        errors.append(Bars(label, wrong, exact, broken, 1))
    return (
        element("h2", "Scaled operands"),
        element(
            "div",
            bar_chart(
                scales,
                "scale",
                f"Scales of the blocks of {dtype} by powers of two",
                before="0",
                caption="Scales of blocks: each bar counts those from its power of two on.",
            ),
            bar_chart(
                errors,
                "relative error",
                f"Relative errors of the blocks of {dtype} by powers of two",
                caption="Relative errors of blocks: the norm of the errors by that of the numbers.",
            ),
            class_="figures",
        ),
    )


def _histogram(found: Any) -> Counter[int]:
    counts = Counter[int]()
    for power, count in found.items() if isinstance(found, dict) else ():
        at = number(power.removeprefix("-"))
        if at is not None and at < 100_000:
            counts[-at if power.startswith("-") else at] += _count(count)
    return counts


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 60 else 0
