"""The figure of a result between its neighbours, and of the exact value among them."""

from __future__ import annotations

from typing import Final

from numlean.display_text import shorten
from numlean.pages.html import Child, Html
from numlean.pages.svg import line, path, svg, text
from numlean.play.scalars.detail import Detail, Neighbour
from numlean.play.scalars.placement import Placement

_WIDTH: Final = 360
_HEIGHT: Final = 76
_MARGIN: Final = 22
_AXIS: Final = 34
_LONGEST: Final = 20


def number_line(number: Detail, place: Placement) -> Html:
    """Return the line from the number below to the number above."""
    return svg(
        _WIDTH,
        _HEIGHT,
        _label(number, place),
        line(_MARGIN, _AXIS, _WIDTH - _MARGIN, _AXIS, "axis"),
        [
            line(
                _x(at), _AXIS - 12, _x(at), _AXIS + 12, "boundary", "rounding to nearest turns here"
            )
            for at in place.boundaries
        ],
        _tick(0.0, number.below, place.below, "start", "no number below"),
        _tick(1.0, number.above, place.above, "end", "no number above"),
        line(_x(place.value), _AXIS - 9, _x(place.value), _AXIS + 9, "result", "the result"),
        _value_label(number, place),
        _exact(place),
        class_="number-line",
    )


def _x(position: float) -> float:
    return _MARGIN + position * (_WIDTH - 2 * _MARGIN)


def _tick(at: float, side: Neighbour | None, is_number: bool, anchor: str, none: str) -> Child:
    end = _MARGIN - 14 if anchor == "start" else _WIDTH - _MARGIN + 14
    label = none if side is None else shorten(side.value, _LONGEST)
    height = 7 if is_number else 0
    return (
        line(_x(at), _AXIS - height, _x(at), _AXIS + height, "tick"),
        text(end, _AXIS + 22, label, anchor=anchor, class_="soft-text"),
    )


def _value_label(number: Detail, place: Placement) -> Html:
    at = min(max(_x(place.value), 70), _WIDTH - 70)
    return text(at, _AXIS + 38, shorten(number.value, 2 * _LONGEST), class_="result-text")


def _exact(place: Placement) -> Child:
    if place.exact is None:
        return None
    if -0.04 <= place.exact <= 1.04:
        x = _x(place.exact)
        marker = path(f"M{x:.2f} {_AXIS - 1}l-5 -9h10z", "exact", "the exact value")
        anchor = "start" if x < 60 else "end" if x > _WIDTH - 60 else "middle"
        return marker, text(x, _AXIS - 16, "exact", anchor=anchor, class_="exact-text")
    way, edge = (1, _WIDTH - 6) if place.exact > 1 else (-1, 6)
    arrow = path(
        f"M{edge} {_AXIS}l{-9 * way} -5v10z", "exact", "the exact value is beyond the line"
    )
    label = "exact: above" if way > 0 else "exact: below"
    anchor = "end" if way > 0 else "start"
    return arrow, text(edge, _AXIS - 16, label, anchor=anchor, class_="exact-text")


def _label(number: Detail, place: Placement) -> str:
    below = number.below.value if number.below else "nothing"
    above = number.above.value if number.above else "nothing"
    text = f"{number.value} between {below} and {above}"
    if place.exact is None:
        return text
    if place.exact == place.value:
        return f"{text}; the exact value is this number"
    side = "above" if place.exact > place.value else "below"
    return f"{text}; the exact value is {side} it"
