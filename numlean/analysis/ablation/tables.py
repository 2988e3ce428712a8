"""The table of an ablation, and the notes below it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from numlean.analysis.ablation.figures import accuracy, drift, loss
from numlean.analysis.ablation.statistics import Sample
from numlean.analysis.ablation.variants import UNCHANGED
from numlean.text_table import TextTable

if TYPE_CHECKING:
    from numlean.analysis.ablation.figures import Figure
    from numlean.analysis.ablation.result import Ablation, Row

MARK: Final = "*"
"""Stands at differences that exceed the spread over seeds."""

SAME: Final = "same bits"
_PLUS_MINUS: Final = "\N{PLUS-MINUS SIGN}"


@dataclass(frozen=True)
class _Unit:
    """How a figure is written.

    Attributes:
        factor: What it is multiplied by.
        digits: The number of digits of a mean.
    """

    factor: float = 1.0
    digits: int = 4


PERCENT: Final = _Unit(100.0)
_PLAIN: Final = _Unit()


def table(result: Ablation) -> TextTable:
    """Return the table: a row for each policy."""
    has_accuracy = bool(result.unchanged.sample(accuracy).count)
    has_skips = any(row.skipped for row in result.rows)
    has_nonfinite = any(row.nonfinite for row in result.rows)
    head = ["policy", "loss", "difference"]
    head += ["accuracy/%", "difference"] if has_accuracy else []
    head += [f"distance from {result.header['truth']}"]
    head += ["not finite from step"] if has_nonfinite else []
    head += ["skipped steps"] if has_skips else []
    rows = []
    for row in result.rows:
        cells = [row.name, summary(row.sample(loss)), difference(result, row, loss)]
        if has_accuracy:
            cells.append(summary(row.sample(accuracy), PERCENT))
            cells.append(difference(result, row, accuracy, PERCENT))
        cells.append(summary(row.sample(drift)) + _mark(result, row, drift))
        cells += [nonfinite(row)] if has_nonfinite else []
        cells += [_range(row.skipped)] if has_skips else []
        rows.append(tuple(cells))
    return TextTable(tuple(head), tuple(rows), "<>")


def summary(sample: Sample, unit: _Unit = _PLAIN) -> str:
    """Return a mean and the standard deviation over seeds."""
    if not sample.count:
        return ""
    if not sample.is_finite:
        bad = sample.count - len(sample.finite)
        return "not finite" if bad == sample.count else f"not finite in {bad} of {sample.count}"
    return _with_spread(sample, unit, "")


def difference(result: Ablation, row: Row, figure: Figure, unit: _Unit = _PLAIN) -> str:
    """Return the difference from the unchanged policy, with its standard deviation over seeds."""
    if row.variant.part == UNCHANGED:
        return ""
    if result.has_same_bits(row):
        return f"{SAME}  "
    sample = result.difference(row, figure)
    if not sample.is_finite:
        return ""
    return _with_spread(sample, unit, "+") + _mark(result, row, figure)


def _mark(result: Ablation, row: Row, figure: Figure) -> str:
    return f" {MARK}" if result.exceeds_spread(row, figure) else "  "


def nonfinite(row: Row) -> str:
    """Return the steps after which runs of a row were not finite for the first time."""
    steps = sorted(run.nonfinite.step for run in row.runs if run.nonfinite is not None)
    if not steps:
        return ""
    return f"{_range(tuple(steps))} ({len(steps)} of {len(row.runs)})"


def notes(result: Ablation) -> Iterator[str]:
    """Yield the lines below the table."""
    header, seeds = result.header, len(result.unchanged.runs)
    low = header["low"]
    demoted = f", each part demoted alone to {low}" if low else ""
    yield f"Each part is promoted alone to {header['high']}{demoted}."
    if not low:
        yield (
            f"No field of the policy is narrower than {header['high']}, so no part is demoted;"
            " name a low format."
        )
    if seeds > 1:
        yield (
            f"Figures are means {_PLUS_MINUS} standard deviations over {seeds} seeds, differences"
            f" seed by seed; {MARK} marks differences, also of the distance, that exceed the spread"
            f" over seeds (Student's t at 5 %, corrected for {len(result.rows) - 1} rows)."
        )
    if result.reference:
        yield _reference(result)
    for (direction, reason), group in groupby(
        sorted(result.omissions, key=lambda each: (each.direction, each.reason)),
        key=lambda each: (each.direction, each.reason),
    ):
        parts = ", ".join(each.part for each in group)
        yield f"Not {direction}: {parts} ({reason})."


def _reference(result: Ablation) -> str:
    own = Sample(tuple(run.loss for run in result.reference))
    text = f"The reference run in {result.header['truth']} has loss {summary(own)}"
    known = tuple(run.accuracy for run in result.reference if run.accuracy is not None)
    return f"{text}, accuracy {summary(Sample(known), PERCENT)} %." if known else f"{text}."


def _with_spread(sample: Sample, unit: _Unit, sign: str) -> str:
    mean, spread = sample.mean * unit.factor, sample.deviation
    if spread is None:
        return f"{mean:{sign}z.{unit.digits}g}"
    spread *= unit.factor
    places = _places(mean, spread, unit.digits)
    if places is None:
        return f"{mean:{sign}z.3g} {_PLUS_MINUS} {spread:.2g}"
    return f"{mean:{sign}z.{places}f} {_PLUS_MINUS} {spread:.{places}f}"


def _places(mean: float, spread: float, digits: int) -> int | None:
    """Return the number of decimals that shows two digits of the spread; None for powers of ten."""
    least = spread or abs(mean)
    if not least:
        return 1
    places = 1 - math.floor(math.log10(least))
    greatest = max(abs(mean), spread)
    return max(places, 0) if places <= digits + 2 and greatest < 1e5 else None


def _range(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
