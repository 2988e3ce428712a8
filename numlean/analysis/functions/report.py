"""A comparison as tables, in text and in HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from numlean.analysis.functions.result import join_numbers
from numlean.analysis.lockstep.exact_result import digits_of
from numlean.scalar.precision import precision_of
from numlean.text_table import TextTable

if TYPE_CHECKING:
    from numlean.analysis.functions.comparison import FunctionComparison
    from numlean.analysis.functions.result import FunctionResult

_MOST_LINES: Final = 20
"""Longer programs show only this many lines, those with the greatest errors."""
_MARGIN: Final = 4
"""The truth must have this many more certain bits than the arithmetic measured against it."""
_LONGEST: Final = 48


def as_text(comparison: FunctionComparison) -> str:
    """Return aligned tables, and the first divergence in full."""
    parts = [_title(comparison)]
    parts += [table.to_text() for table in _tables(comparison)]
    parts += ["\n".join(_remarks(comparison)), _first_block(comparison)]
    return "\n\n".join(filter(None, parts))


def as_html(comparison: FunctionComparison) -> str:
    """Return the same as HTML for notebooks."""
    parts = [f"<p>{html.escape(_title(comparison))}</p>"]
    parts += [table.to_html() for table in _tables(comparison)]
    parts += [f"<p>{html.escape(remark)}</p>" for remark in _remarks(comparison)]
    block = _first_block(comparison)
    parts += [f"<pre>{html.escape(block)}</pre>"] if block else []
    return "".join(parts)


def error_text(ulps: float) -> str:
    """Return an error as text."""
    return f"{ulps:.4g}"


def _title(comparison: FunctionComparison) -> str:
    count = len(comparison.places)
    number = f": {digits_of(comparison.exact.item())}" if count == 1 else f", {count} numbers"
    return f"{comparison.name} in {comparison.truth}{number}"


def _tables(comparison: FunctionComparison) -> Iterator[TextTable]:
    yield _results(comparison)
    if any(result.operations for result in comparison.results):
        yield _lines(comparison)


def _results(comparison: FunctionComparison) -> TextTable:
    common = ("dtype", "correctly rounded", "flags")
    if len(comparison.places) == 1:
        single = (*common, "result", "relative error", "error in own ulps")
        rows = tuple(_single_row(result) for result in comparison.results)
        return TextTable(single, rows, "<<<>", "Errors of the result")
    header = (*common, "worst relative", "worst in own ulps", "at", "median in own ulps")
    rows = tuple(_row(result, comparison) for result in comparison.results)
    return TextTable(header, rows, "<<<>", "Errors of the result")


def _single_row(result: FunctionResult) -> tuple[str, ...]:
    assert not isinstance(result.result, tuple)
    tensor = result.result
    (text,) = tensor.scalar.to_string(tensor.data.reshape(1))
    is_right = "yes" if result.is_correctly_rounded.all() else "no"
    ulps, relative = result.ulps.item(), result.relative.item()
    return result.dtype, is_right, _flags(result), text, f"{relative:+.2e}", f"{ulps:+.4g}"


def _row(result: FunctionResult, comparison: FunctionComparison) -> tuple[str, ...]:
    count = int(result.is_correctly_rounded.sum())
    size = len(comparison.places)
    return (
        result.dtype,
        f"{count} of {size}",
        _flags(result),
        f"{result.worst_relative:.2e}",
        error_text(result.worst_ulps),
        comparison.places[result.worst_place] if size else "",
        error_text(float(np.median(np.abs(result.ulps)))) if size else "",
    )


def _flags(result: FunctionResult) -> str:
    if result.flags is None:
        return "not kept"
    return ", ".join(name for name, count in result.flags.items() if count) or "none"


def _lines(comparison: FunctionComparison) -> TextTable:
    """Return the errors of each operation and line, with two columns for each arithmetic."""
    by_dtype = [
        {(each.where, each.operation): each for each in result.lines}
        for result in comparison.results
    ]
    keys = list(dict.fromkeys(key for lines in by_dtype for key in lines))
    if len(keys) > _MOST_LINES:
        keys = _greatest(keys, [{k: v.accumulated for k, v in d.items()} for d in by_dtype])
    rows = []
    for where, operation in keys:
        found = [lines.get((where, operation)) for lines in by_dtype]
        calls = max(each.calls for each in found if each is not None)
        cells = (
            cell
            for each in found
            for cell in (
                ("", "") if each is None else map(error_text, (each.local, each.accumulated))
            )
        )
        rows.append((_short(where), operation, str(calls), *cells))
    header = [(f"{result.dtype}: own", "after") for result in comparison.results]
    title = (
        "The worst error of each operation by itself (own), and after it, in ulps of the dtype of"
        " the column"
    )
    columns = ("where", "operation", "calls", *(name for pair in header for name in pair))
    return TextTable(columns, tuple(rows), "<<>", title)


def _greatest(
    keys: list[tuple[str, str]], errors: Sequence[dict[tuple[str, str], float]]
) -> list[tuple[str, str]]:
    """Return the keys of the greatest errors, in their order."""

    def error(key: tuple[str, str]) -> float:
        found = [each.get(key, 0.0) for each in errors]
        return float("inf") if any(x != x for x in found) else max(found)

    chosen = set(sorted(keys, key=error, reverse=True)[:_MOST_LINES])
    return [key for key in keys if key in chosen]


def _remarks(comparison: FunctionComparison) -> Iterator[str]:
    bits = comparison.truth_bits
    for result in comparison.results:
        tensors = result.result if isinstance(result.result, tuple) else (result.result,)
        if bits < precision_of(tensors[0].scalar) + _MARGIN and join_numbers(tensors).size:
            yield (
                f"only {bits} bits of {comparison.truth} are certain, too few to measure"
                f" {result.dtype}; use a more precise truth"
            )
        growth = result.largest_growth
        if growth is not None:
            errors = " to ".join(map(error_text, (growth.inherited, growth.accumulated)))
            yield (
                f"{result.dtype}: the error grows most at operation {growth.number},"
                f" {growth.operation} ({_short(growth.where)}): from {errors} ulp of {result.dtype}"
            )
        if not result.is_whole_program:
            yield (
                f"the programs of {result.dtype} and {comparison.truth} differ: the function's"
                " control flow depends on values, as in an if or a while; errors are reported as"
                " far as the programs agree"
            )
    for divergence in comparison.divergences:
        yield from filter(None, (divergence.summary(), divergence.warning()))


def _first_block(comparison: FunctionComparison) -> str:
    for divergence in comparison.divergences:
        if divergence.divergence is not None:
            return divergence.block()
    return ""


def _short(text: str) -> str:
    """Return a long text without its middle: expressions differ at their ends."""
    half = (_LONGEST - len(" ... ")) // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} ... {text[-half:]}"
