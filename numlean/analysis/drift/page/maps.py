"""A map of layers by steps: where in the program, and when, errors grow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.operations import OperationErrors
from numlean.pages.html import Child, Html
from numlean.pages.maps import Kind, heat_map
from numlean.pages.numbers import power_of_two

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison, Where

COLUMNS: Final = 120
"""The most columns of a map: neighbouring steps share one if there are more."""

_ERRORS: Final = {"total": "against the reference run", "local": "of the operations themselves"}
_FIGURES: Final[dict[str, Callable[[ErrorStats], float]]] = {
    "relative": lambda stats: stats.relative,
    "greatest ulp": lambda stats: stats.max_ulp,
    "rms ulp": lambda stats: stats.rms_ulp,
}


def layer_map(result: Comparison, dtype: str, links: Mapping[Where, str], caption: Child) -> Html:
    """Return the errors of a run's layers over the steps, of several kinds."""
    rows = result.layers[dtype]
    measure = result.header["measures"][dtype]
    precision = measure.get("layers_grid", measure["grid"])["precision"]
    groups = step_groups(rows.values())
    kinds = dict(_kinds(list(rows.values()), groups, precision))
    return heat_map(
        [" · ".join(filter(None, where)) for where in rows],
        [str(group[0]) for group in groups],
        kinds,
        f"Errors of {dtype} by layer and step; the tables list them",
        links=[links.get(where, "") for where in rows],
        caption=caption,
    )


def step_groups(rows: Iterable[Mapping[int, object]]) -> list[list[int]]:
    """Return groups of neighbouring steps, to limit the number of columns."""
    steps = sorted({step for by_step in rows for step in by_step})
    size = max(-(-len(steps) // COLUMNS), 1)
    return [steps[k : k + size] for k in range(0, len(steps), size)]


def _kinds(
    rows: Sequence[Mapping[int, OperationErrors]], groups: Sequence[Sequence[int]], precision: int
) -> Iterator[tuple[str, Kind]]:
    for error, words in _ERRORS.items():
        merged = [
            [
                _merged([getattr(row[step], error) for step in group if step in row])
                for group in groups
            ]
            for row in rows
        ]
        for figure, take in _FIGURES.items():
            cells = [[_value(stats, take) for stats in row] for row in merged]
            name = f"{error} error {words}, {figure}"
            if figure == "relative":
                kind = Kind(name, power_of_two(1 - precision), cells, 2.0 ** (1 - precision))
            else:
                kind = Kind(name, "an ulp", cells)
            yield f"{error}, {figure}", kind


def _merged(found: Sequence[ErrorStats]) -> ErrorStats:
    whole = ErrorStats()
    for each in found:
        whole.merge(each)
    return whole


def _value(stats: ErrorStats, take: Callable[[ErrorStats], float]) -> float | None:
    """Return a figure; infinite where numbers are not finite."""
    if not stats.is_measured:
        return None
    value = take(stats)
    return value if math.isfinite(value) else math.inf
