"""Rows of bars: counts by powers of two, all with one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from numlean.pages.html import Child, Html, element
from numlean.pages.lines import STYLES
from numlean.pages.numbers import power_of_two
from numlean.pages.svg import line, path, svg, text

_WIDTH: Final = 640
_ROW: Final = 62
_BARS: Final = 38
_LEFT: Final = 44
_RIGHT: Final = 24
_BELOW: Final = 38
_TICKS: Final = 8
_LETTERS: Final = 84


@dataclass(frozen=True)
class Bars:
    """A row of bars.

    Attributes:
        title: What it counts.
        powers: Counts by power of two: from that power to the next.
        before: The count of what is below all powers, such as exact results.
        beyond: The count of what is above them, such as results that are not finite.
        style: The index of its colour.
        mark: The power of two at which a line stands; None for no line.
    """

    title: str
    powers: Mapping[int, int] = field(default_factory=dict)
    before: int = 0
    beyond: int = 0
    style: int = 0
    mark: int | None = None

    @property
    def total(self) -> int:
        """The sum of all counts."""
        return sum(self.powers.values()) + self.before + self.beyond


def bar_chart(
    rows: Sequence[Bars],
    axis: str,
    description: str,
    *,
    before: str = "exact",
    beyond: str = "not finite",
    caption: Child = None,
) -> Html:
    """Return rows of bars as a figure; each bar tells its share.

    Args:
        rows: The rows.
        axis: What the powers of two are.
        description: What the figure shows, for people who cannot see it.
        before: The name of what is below all powers.
        beyond: The name of what is above them.
        caption: A caption.
    """
    powers = [power for row in rows for power in row.powers]
    low, high = min(powers, default=0), max(powers, default=0)
    has_before, has_beyond = any(row.before for row in rows), any(row.beyond for row in rows)
    first = low - (2 if has_before else 0)
    last = high + (2 if has_beyond else 0) + 1
    step = (_WIDTH - _LEFT - _RIGHT) / max(last - first, 8)

    def x(power: float) -> float:
        return _LEFT + (power - first) * step

    def draw(k: int, row: Bars) -> Child:
        floor = k * _ROW + 18 + _BARS
        shares = {power: count / row.total for power, count in row.powers.items()}
        if row.before:
            shares[first] = row.before / row.total
        if row.beyond:
            shares[last - 1] = row.beyond / row.total
        most = max(shares.values(), default=1.0)
        names = {first: before} if row.before else {}
        names |= {last - 1: beyond} if row.beyond else {}
        return (
            text(_LEFT, k * _ROW + 12, _title(row), anchor="start", class_="bar-title"),
            text(_LEFT - 6, floor - _BARS + 9, f"{100 * most:.2g} %", anchor="end"),
            [
                path(
                    f"M{x(power) + 0.5:.1f} {floor}v{-share / most * _BARS:.1f}"
                    f"h{step - 1:.1f}V{floor}Z",
                    f"bar fill-{row.style % STYLES}",
                    f"{names.get(power, f'{power_of_two(power)} to {power_of_two(power + 1)}')}:"
                    f" {100 * share:.3g} %",
                )
                for power, share in sorted(shares.items())
            ],
            line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis"),
            None
            if row.mark is None or not first <= row.mark <= last
            else line(x(row.mark), floor - _BARS, x(row.mark), floor, "boundary"),
        )

    floor = len(rows) * _ROW
    gap = max(-(-(high - low + 1) // _TICKS), 1)
    ticks: Child = [
        text(x(power + 0.5), floor + 8, power_of_two(power))
        for power in range(low, high + 1, gap)
        if powers
    ]
    drawing = svg(
        _WIDTH,
        floor + _BELOW,
        description,
        [draw(k, row) for k, row in enumerate(rows)],
        ticks,
        text(x(first + 0.5), floor + 8, before) if has_before else None,
        text(_WIDTH, floor + 8, beyond, anchor="end") if has_beyond else None,
        text(_WIDTH - _RIGHT, floor + 28, axis, anchor="end", class_="soft-text"),
        class_="plot",
    )
    return element(
        "figure",
        element("figcaption", caption) if caption else None,
        element("div", drawing, data_chart="marks"),
    )


def _title(row: Bars) -> str:
    shown = row.title if len(row.title) <= _LETTERS else f"{row.title[: _LETTERS - 1]}…"
    if row.beyond and row.beyond == row.total:
        return f"{shown}: no finite number"
    return shown if row.total else f"{shown}: none"
