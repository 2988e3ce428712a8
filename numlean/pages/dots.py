"""Charts of one value for each row, with the values of its seeds and their spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from numlean.pages.html import Child, Html, element
from numlean.pages.lines import STYLES
from numlean.pages.numbers import format_number
from numlean.pages.scales import WIDE, Scale, fitted, is_wide
from numlean.pages.svg import line, path, svg, text

_WIDTH: Final = 640
_LABEL: Final = 256
_RIGHT: Final = 24
_ROW: Final = 24
_LETTERS: Final = 36


@dataclass(frozen=True)
class Dots:
    """A row.

    Attributes:
        name: Its name.
        values: The finite values of its seeds.
        mean: Their mean; not drawn if it is not finite.
        spread: Their standard deviation; None with one seed.
        style: The index of its colour.
        is_filled: Whether the mark of the mean is filled.
        note: A text in place of values, or "".
    """

    name: str
    values: tuple[float, ...]
    mean: float
    spread: float | None
    style: int
    is_filled: bool = False
    note: str = ""


def dot_chart(
    rows: Sequence[Dots],
    description: str,
    *,
    is_difference: bool = False,
    caption: Child = None,
) -> Html:
    """Return rows of marks as a figure.

    Args:
        rows: The rows.
        description: What the figure shows, for people who cannot see it.
        is_difference: Whether values are differences, so that a line stands at 0.
        caption: A caption.
    """
    marks = [value for row in rows for value in (*row.values, row.mean) if math.isfinite(value)]
    is_log = not is_difference and is_wide(marks)
    ends = [end for row in rows for end in _ends(row) if end > 0 or not is_log]
    place = _places([*marks, *ends], is_difference=is_difference, is_log=is_log)
    floor = len(rows) * _ROW + 6
    drawing = svg(
        _WIDTH,
        floor + 24,
        description,
        [
            (
                line(place.at(value), 0, place.at(value), floor, "zero" if not value else "grid"),
                text(place.at(value), floor + 16, label),
            )
            for value, label in place.ticks
        ],
        [_row(k, row, place) for k, row in enumerate(rows)],
        class_="plot",
    )
    return element(
        "figure",
        element("figcaption", caption) if caption else None,
        element("div", drawing, data_chart="marks"),
    )


@dataclass(frozen=True)
class _Symmetric:
    """An axis that is linear near 0 and logarithmic beyond a magnitude, in both directions."""

    threshold: float
    scale: Scale

    def at(self, value: float) -> float:
        return self.scale.at(self._of(value))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        found = [0.0]
        least = math.ceil(math.log10(self.threshold) + 0.5)
        for sign in (-1, 1):
            end = sign * (self.scale.low if sign < 0 else self.scale.high)
            powers = [k for k in range(least, least + 40) if abs(self._of(10.0**k)) <= end]
            found += [sign * 10.0**k for k in powers[:: max(-(-len(powers) // 2), 1)]]
        return [(value, format_number(value, 3)) for value in sorted(found)]

    def _of(self, value: float) -> float:
        size = abs(value) / self.threshold
        return math.copysign(size if size <= 1 else 1 + math.log10(size), value)


def _ends(row: Dots) -> tuple[float, ...]:
    """Return the ends of the bar of a row; none without a bar."""
    if row.spread is None or not math.isfinite(row.mean):
        return ()
    return row.mean - row.spread, row.mean + row.spread


def _places(values: Sequence[float], *, is_difference: bool, is_log: bool) -> Scale | _Symmetric:
    start, end = _LABEL, _WIDTH - _RIGHT
    if not is_difference:
        return fitted(values, start, end, log=is_log)
    sizes = [abs(value) for value in values if value]
    if not sizes or max(sizes) <= WIDE * median(sizes):
        return fitted([0.0, *values], start, end, log=False)
    whole = _Symmetric(median(sizes), Scale(0, 1, start, end))
    return _Symmetric(
        whole.threshold, fitted([0.0, *map(whole._of, values)], start, end, log=False)
    )


def _row(k: int, row: Dots, place: Scale | _Symmetric) -> Child:
    y = k * _ROW + _ROW / 2 + 3
    style = row.style % STYLES
    shown = row.name if len(row.name) <= _LETTERS else f"{row.name[: _LETTERS - 1]}…"
    parts: list[Child] = [
        element("text", element("title", row.name), shown, x=_LABEL - 8, y=y + 4, text_anchor="end")
    ]
    drawn = [value for value in row.values if _has_place(value, place)]
    parts += [
        path(_disc(place.at(value), y, 2.4), f"seed fill-{style}", format_number(value, 4))
        for value in drawn
    ]
    if math.isfinite(row.mean) and _has_place(row.mean, place):
        words = f"{row.name}: {format_number(row.mean, 4)}"
        if row.spread is not None:
            low, high = row.mean - row.spread, row.mean + row.spread
            low = low if _has_place(low, place) else min(drawn, default=row.mean)
            parts.append(line(place.at(low), y, place.at(high), y, f"spread run-{style}"))
            words += f" ± {format_number(row.spread, 2)}"
        inside = f"fill-{style}" if row.is_filled else "hollow"
        parts.append(path(_disc(place.at(row.mean), y, 5.5), f"mean run-{style} {inside}", words))
    if row.note:
        parts.append(text(_WIDTH - 2, y + 4, row.note, anchor="end", class_="soft-text"))
    return parts


def _disc(x: float, y: float, r: float) -> str:
    return f"M{x - r:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0Z"


def _has_place(value: float, place: Scale | _Symmetric) -> bool:
    return not (isinstance(place, Scale) and place.log) or value > 0
