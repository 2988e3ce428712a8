"""Scales of charts: from numbers to coordinates, and the ticks of an axis."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from numlean.pages.numbers import format_number, power_of_ten

WIDE: Final = 30.0
"""Ratio of greatest to least value from which an axis is logarithmic."""

_TICKS: Final = 5
_LEAST: Final = sys.float_info.min
_MOST: Final = sys.float_info.max


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes:
        low: The number at its start.
        high: The number at its end, greater than ``low``.
        start: The coordinate of its start.
        end: The coordinate of its end.
        log: Whether it is logarithmic; then ``low`` is positive.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the coordinate of a number."""
        low, high = self._of(self.low), self._of(self.high)
        return self.start + (self._of(value) - low) / (high - low) * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers on the axis, with their texts."""
        if not self.log:
            return [(value, format_number(value, 6)) for value in _round_numbers(self)]
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        if last - first < 1:
            return [(value, format_number(value, 3)) for value in _within_decades(self)]
        gap = max(-(-(last - first + 1) // _TICKS), 1)
        return [(10.0**k, power_of_ten(10.0**k)) for k in range(first, last + 1, gap)]

    def _of(self, value: float) -> float:
        return math.log10(value) if self.log else value


def fitted(values: Iterable[float], start: float, end: float, *, log: bool) -> Scale:
    """Return the scale of an axis that shows all finite numbers, with some room.

    On a logarithmic axis, numbers that are not positive have no place.
    """
    shown = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = min(shown, default=1.0), max(shown, default=1.0)
    if log:
        room = max((math.log10(high) - math.log10(low)) * 0.05, 0.05)
        return Scale(max(low / 10**room, _LEAST), min(high * 10**room, _MOST), start, end, log=True)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return Scale(low - room, high + room, start, end)


def is_wide(values: Iterable[float]) -> bool:
    """Return whether numbers are positive and so different that an axis should be logarithmic."""
    shown = [value for value in values if math.isfinite(value)]
    return bool(shown) and min(shown) > 0 and max(shown) > WIDE * min(shown)


def _round_numbers(scale: Scale) -> list[float]:
    rough = (scale.high - scale.low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= rough)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [k * step for k in range(first, last + 1)]


def _within_decades(scale: Scale) -> list[float]:
    found = [
        leading * 10.0**k
        for k in range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
        for leading in (1, 2, 5)
    ]
    return [value for value in found if scale.low <= value <= scale.high] or _round_numbers(scale)
