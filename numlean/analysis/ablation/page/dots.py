"""Figures of one value for each row of an ablation, with its seeds and its spread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from numlean.analysis.ablation.directions import PROMOTED
from numlean.analysis.ablation.statistics import Sample
from numlean.analysis.ablation.variants import EVERYTHING, UNCHANGED
from numlean.pages.dots import Dots, dot_chart
from numlean.pages.html import Html, element

if TYPE_CHECKING:
    from numlean.analysis.ablation.figures import Figure
    from numlean.analysis.ablation.result import Ablation, Row


def difference_chart(
    result: Ablation, figure: Figure, description: str, *, factor: float = 1.0
) -> Html:
    """Return the differences of all rows from the unchanged policy as a figure."""
    rows = []
    for row in result.rows:
        if row.variant.part == UNCHANGED or not row.runs:
            continue
        found = result.difference(row, figure)
        note = "same bits" if result.has_same_bits(row) else _note(found)
        scaled = Sample(tuple(factor * value for value in found.values))
        rows.append(_dots(row, scaled, note, is_filled=result.exceeds_spread(row, figure)))
    return dot_chart(rows, description, is_difference=True, caption=element("b", description))


def value_chart(result: Ablation, figure: Figure, description: str) -> Html:
    """Return a figure of all rows, on a logarithmic axis if the values are wide."""
    rows = []
    for row in result.rows:
        if row.runs:
            found = row.sample(figure)
            filled = result.exceeds_spread(row, figure)
            rows.append(_dots(row, found, _note(found), is_filled=filled))
    return dot_chart(rows, description, caption=element("b", description))


def _dots(row: Row, sample: Sample, note: str, *, is_filled: bool) -> Dots:
    style = 0 if row.variant.direction == PROMOTED else 1
    if row.variant.part in (UNCHANGED, EVERYTHING):
        style = 2
    mean = sample.mean if sample.values else math.nan
    return Dots(row.name, sample.finite, mean, sample.deviation, style, is_filled, note)


def _note(sample: Sample) -> str:
    if sample.is_finite:
        return ""
    return f"not finite in {sample.count - len(sample.finite)} of {sample.count}"
