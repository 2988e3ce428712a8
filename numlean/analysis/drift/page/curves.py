"""Curves over steps with bands over seeds, as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Final, TypeAlias

from numlean.analysis.drift.records import Record
from numlean.pages.lines import Curve

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

Take: TypeAlias = Callable[[Record], float | None]
"""Select a figure of a step's record."""

_GREATEST: Final = 1e100
"""Greater values are not drawn: next to them all others would look flat."""


def curves(result: Comparison, dtypes: Sequence[str], take: Take) -> list[Curve]:
    """Return a curve for each of several runs, without the steps that lack the figure."""
    return [_curve(result, dtype, take) for dtype in dtypes]


def parameter(name: str) -> Take:
    """Return a selector of a figure of the parameters' errors."""

    def take(record: Record) -> float | None:
        value: float | None = (record["parameters"] or {}).get(name)
        return value

    return take


def _curve(result: Comparison, dtype: str, take: Take) -> Curve:
    by_step: dict[int, list[float]] = {}
    for record in result.of(dtype):
        value = take(record)
        if value is not None:
            by_step.setdefault(record["step"], []).append(value)
    return curve_of_seeds(dtype, result.dtypes.index(dtype), by_step)


def curve_of_seeds(name: str, style: int, by_step: Mapping[int, list[float]]) -> Curve:
    """Return the curve of a run from the values of all seeds, by step."""
    steps = sorted(by_step)
    values = [by_step[step] for step in steps]
    return Curve(
        name,
        style,
        steps,
        [_of(median, each) for each in values],
        [_of(min, each) for each in values],
        [_of(max, each) for each in values],
    )


def _of(statistic: Callable[[list[float]], float], values: list[float]) -> float:
    return statistic(values) if all(abs(value) < _GREATEST for value in values) else math.nan
