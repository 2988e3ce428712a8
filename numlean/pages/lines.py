"""Charts of curves over steps, with bands; the script of the page adds a reading and zoom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from numlean.pages.data import data_block
from numlean.pages.html import Child, Html, element
from numlean.pages.scales import Scale, fitted, is_wide
from numlean.pages.svg import line, path, svg, text

WIDTH: Final = 640
HEIGHT: Final = 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 22, 34

STYLES: Final = 8
"""The number of colours, and of dashes."""


@dataclass(frozen=True)
class Curve:
    """A figure over the steps of one run.

    Attributes:
        name: The name of the run.
        style: The index of its colour and dashes: the position of the run among all.
        steps: The steps.
        middle: The values, such as medians over seeds; NaN where one is not finite, or huge.
        least: The least of all seeds.
        greatest: The greatest of all seeds.
    """

    name: str
    style: int
    steps: list[int]
    middle: list[float]
    least: list[float]
    greatest: list[float]

    @classmethod
    def of(cls, name: str, style: int, steps: list[int], values: list[float]) -> Curve:
        """Return a curve without a band."""
        return cls(name, style, steps, values, values, values)

    @property
    def last(self) -> int | None:
        """The index of the last finite point; None if there is none."""
        finite = [k for k, value in enumerate(self.middle) if math.isfinite(value)]
        return finite[-1] if finite else None

    def note(self, *, log: bool) -> str:
        """Return what the chart cannot show of the curve; "" if it shows all."""
        last = self.last
        if last is None:
            return "no value" if not self.steps else "not finite"
        if log and not any(value > 0 for value in self.middle):
            return "0: no error"
        return f"to step {self.steps[last]}" if last < len(self.steps) - 1 else ""


def line_chart(
    curves: Sequence[Curve],
    label: str,
    description: str,
    *,
    log: bool | None = None,
    caption: Child = None,
) -> Html:
    """Return curves with bands, their names, and the figures that the script reads.

    Args:
        curves: The curves.
        label: What their values are.
        description: What the chart shows, for people who cannot see it.
        log: Whether the axis is logarithmic; by default if the values are wide.
        caption: A caption.
    """
    values = [*chain.from_iterable((*each.least, *each.greatest) for each in curves)]
    log = is_wide(values) if log is None else log
    steps = [*chain.from_iterable(each.steps for each in curves)]
    low, high = min(steps, default=0), max(steps, default=1)
    x = Scale(low, high if high > low else low + 1, _LEFT, WIDTH - _RIGHT)
    y = fitted(values, HEIGHT - _BOTTOM, _TOP, log=log)
    drawing = svg(
        WIDTH,
        HEIGHT,
        description,
        text(0, 12, label, anchor="start", class_="soft-text"),
        text(WIDTH - _RIGHT, HEIGHT - 4, "step", anchor="end", class_="x-label soft-text"),
        element("g", _axes(x, y), class_="axes"),
        element("g", [_band(each, x, y) for each in curves], class_="bands"),
        element(
            "g",
            [
                path(
                    _line(each.steps, each.middle, x, y),
                    _class(each, len(curves) - 1 - k),
                    each.name,
                )
                for k, each in enumerate(curves)
            ],
            class_="curves",
        ),
        class_="plot",
    )
    places = {"left": _LEFT, "right": WIDTH - _RIGHT, "top": _TOP, "bottom": HEIGHT - _BOTTOM}
    data = {
        "log": log,
        "label": label,
        "box": places,
        "curves": [
            {
                "name": each.name,
                "x": each.steps,
                "y": each.middle,
                **(
                    {}
                    if each.least == each.greatest
                    else {"low": each.least, "high": each.greatest}
                ),
            }
            for each in curves
        ],
    }
    return element(
        "figure",
        element("figcaption", caption) if caption else None,
        element("div", drawing, data_block(data), data_chart="lines"),
        _legend(curves, log=log),
    )


def _legend(curves: Sequence[Curve], *, log: bool) -> Html:
    return element(
        "p",
        [
            element(
                "span",
                element("i", class_=f"key run-{each.style % STYLES} dash-{each.style % STYLES}"),
                each.name,
                f" ({note})" if (note := each.note(log=log)) else None,
                class_="legend",
            )
            for each in curves
        ],
        class_="legends",
    )


def _class(curve: Curve, above: int) -> str:
    """Return the classes of a curve, which is wide enough to show beneath those drawn above it."""
    style = curve.style % STYLES
    return f"series run-{style} dash-{style}" + (f" under-{min(above, 3)}" if above else "")


def _axes(x: Scale, y: Scale) -> Child:
    whole = [(value, label) for value, label in x.ticks if value == int(value)]
    return (
        [
            (
                line(_LEFT, y.at(value), WIDTH - _RIGHT, y.at(value), "grid"),
                text(_LEFT - 6, y.at(value) + 4, label, anchor="end"),
            )
            for value, label in y.ticks
        ],
        [
            (
                line(x.at(value), HEIGHT - _BOTTOM, x.at(value), HEIGHT - _BOTTOM + 4, "tick"),
                text(x.at(value), HEIGHT - _BOTTOM + 17, label),
            )
            for value, label in whole
        ],
        line(_LEFT, HEIGHT - _BOTTOM, WIDTH - _RIGHT, HEIGHT - _BOTTOM, "axis"),
    )


def _line(steps: Sequence[int], values: Sequence[float], x: Scale, y: Scale) -> str:
    parts, pen = list[str](), "M"
    for step, value in zip(steps, values, strict=True):
        if not _has_place(value, y):
            pen = "M"
            continue
        parts.append(f"{pen}{x.at(step):.1f} {y.at(value):.1f}")
        pen = "L"
    # A point without neighbours is a line without length, which a round cap shows.
    return "".join(f"{part}h0" if part[0] == "M" else part for part in parts)


def _band(curve: Curve, x: Scale, y: Scale) -> Child:
    if curve.least == curve.greatest:
        return None
    points = [
        (step, low, high)
        for step, low, high in zip(curve.steps, curve.least, curve.greatest, strict=True)
        if _has_place(low, y) and _has_place(high, y)
    ]
    if not points:
        return None
    above = [f"{x.at(step):.1f} {y.at(high):.1f}" for step, _, high in points]
    below = [f"{x.at(step):.1f} {y.at(low):.1f}" for step, low, _ in reversed(points)]
    return path(f"M{'L'.join(above + below)}Z", f"band fill-{curve.style % STYLES}")


def _has_place(value: float, y: Scale) -> bool:
    return math.isfinite(value) and (value >= y.low or not y.log)
