"""Charts of the growth of the difference of two runs, for pages and notebooks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from numlean.analysis.lockstep.growth import GrowthPoint
from numlean.pages.html import Html, element
from numlean.pages.lines import Curve, line_chart


def growth_charts(points: Sequence[GrowthPoint]) -> Iterator[Html]:
    """Yield the charts of the growth: the relative difference, and the losses of both runs."""
    steps = [point.step for point in points]
    yield _figure(
        [Curve.of("A and B", 0, steps, [_known(point.relative) for point in points])],
        "Relative difference of all parameters, as norms",
        log=True,
    )
    yield _figure(
        [
            Curve.of("A", 0, steps, [_known(point.loss_a) for point in points]),
            Curve.of("B", 1, steps, [_known(point.loss_b) for point in points]),
        ],
        "Loss of each batch, before its update",
        log=None,
    )


def _figure(curves: list[Curve], text: str, *, log: bool | None) -> Html:
    label = text.partition(" of ")[0].lower()
    return line_chart(curves, label, text, log=log, caption=element("b", text))


def _known(value: float | None) -> float:
    return math.nan if value is None else value
