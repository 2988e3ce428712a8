"""The figures of a format: its numbers on a line, their density, and its precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log2
from typing import Final, TypeAlias

from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.pages.svg import line, path, rectangle, svg, text
from numlean.play.scalars.spectrum import Stretch
from numlean.play.views.formats.compute import Series, Value

_WIDTH: Final = 960
_MARGIN: Final = 18
_LINE_HEIGHT: Final = 64
_BASE: Final = 40
_CHART_HEIGHT: Final = 260
_LEFT: Final = 40
_BOTTOM: Final = 34
_TOP: Final = 10
_TICKS: Final = 9
_LEVELS: Final = 8
_COLOURS: Final = 8

_Scale: TypeAlias = Callable[[float], float]
"""From a number to a coordinate."""


def linear_line(values: Sequence[Value]) -> Html:
    """Return all numbers of a format on a line."""
    low, high = values[0].value, values[-1].value
    extent = high - low or 1.0
    marks = [_mark(each, _at((each.value - low) / extent)) for each in values]
    labels = dict.fromkeys((values[0], next((v for v in values if not v.value), values[0])))
    ends = [*labels, values[-1]]
    return svg(
        _WIDTH,
        _LINE_HEIGHT,
        f"All {len(values)} numbers from {values[0].text} to {values[-1].text}",
        line(_MARGIN, _BASE, _WIDTH - _MARGIN, _BASE, "axis"),
        marks,
        [
            text(_at((each.value - low) / extent), _BASE + 20, each.text, anchor=_anchor(k, ends))
            for k, each in enumerate(ends)
        ],
        class_="values",
    )


def logarithmic_line(values: Sequence[Value]) -> Html:
    """Return the positive numbers of a format on a logarithmic line."""
    positive = [each for each in values if each.value > 0]
    low, high = log2(positive[0].value), log2(positive[-1].value)
    extent = high - low or 1.0
    marks = [_mark(each, _at((log2(each.value) - low) / extent)) for each in positive]
    ticks = [
        (
            line(_at((k - low) / extent), _BASE, _at((k - low) / extent), _BASE + 5, "tick"),
            _power(_at((k - low) / extent), _BASE + 20, k),
        )
        for k in _whole_ticks(low, high)
    ]
    return svg(
        _WIDTH,
        _LINE_HEIGHT,
        f"The {len(positive)} positive numbers by their logarithm",
        line(_MARGIN, _BASE, _WIDTH - _MARGIN, _BASE, "axis"),
        marks,
        ticks,
        class_="values",
    )


def density_line(spectrum: Sequence[Stretch]) -> Html:
    """Return a logarithmic line whose colour is the number of numbers in each binade."""
    low, high = spectrum[0].first, spectrum[-1].end
    most = max(log2(each.count) for each in spectrum) or 1.0
    bars = [
        rectangle(
            x := _at((each.first - low) / (high - low)),
            _BASE - 26,
            max(_at((each.end - low) / (high - low)) - x, 0.3),
            26,
            f"level-{min(int(log2(each.count) / most * (_LEVELS - 1) + 0.5), _LEVELS - 1)}",
            f"{each.count:,} numbers in each binade from 2^{each.first} to 2^{each.end}",
        )
        for each in spectrum
    ]
    ticks = [
        (
            line(
                _at((k - low) / (high - low)),
                _BASE,
                _at((k - low) / (high - low)),
                _BASE + 5,
                "tick",
            ),
            _power(_at((k - low) / (high - low)), _BASE + 20, k),
        )
        for k in _whole_ticks(low, high)
    ]
    return svg(
        _WIDTH,
        _LINE_HEIGHT,
        f"Positive numbers in each binade from 2^{low} to 2^{high}",
        bars,
        line(_MARGIN, _BASE, _WIDTH - _MARGIN, _BASE, "axis"),
        ticks,
        class_="values",
    )


def precision_chart(own: Series, beside: Sequence[Series]) -> Html:
    """Return the significant bits against the magnitude, over the magnitudes of one format."""
    low, high = own.stretches[0].first, own.stretches[-1].end
    room = max((high - low) // 8, 2)
    low, high = low - room, high + room
    shown = [each for each in (own, *beside) if _inside(each, low, high)]
    most = max(
        part.precision for each in shown for part in each.stretches if _meets(part, low, high)
    )
    top = max(most * 1.08, 2.0)

    def x(exponent: float) -> float:
        return _LEFT + (exponent - low) / (high - low) * (_WIDTH - _LEFT - _MARGIN)

    def y(bits: float) -> float:
        return _CHART_HEIGHT - _BOTTOM - bits / top * (_CHART_HEIGHT - _BOTTOM - _TOP)

    floor = _CHART_HEIGHT - _BOTTOM
    chart = svg(
        _WIDTH,
        _CHART_HEIGHT,
        f"Significant bits against the magnitude: {', '.join(each.dtype for each in shown)}",
        [
            (
                line(_LEFT, y(k), _WIDTH - _MARGIN, y(k), "grid"),
                text(_LEFT - 6, y(k) + 4, str(k), anchor="end"),
            )
            for k in _bit_ticks(top)
        ],
        [_power(x(k), floor + 18, k) for k in _whole_ticks(low, high)],
        text(_WIDTH - _MARGIN, floor - 6, "magnitude", anchor="end", class_="soft-text"),
        text(_LEFT + 6, _TOP + 8, "significant bits", anchor="start", class_="soft-text"),
        line(_LEFT, floor, _WIDTH - _MARGIN, floor, "axis"),
        [
            path(
                _steps(each.stretches, low, high, x, y, floor),
                f"series run-{k % _COLOURS}" + (" own" if each is own else ""),
                each.dtype,
            )
            for k, each in reversed(list(enumerate(shown)))
        ],
        class_="precision",
    )
    return element(
        "figure",
        scrolling("Precision against magnitude", chart, class_="precision-scroll"),
        element(
            "figcaption",
            [
                element(
                    "span",
                    element("i", class_=f"key run-{k % _COLOURS}"),
                    each.dtype,
                    class_="legend",
                )
                for k, each in enumerate(shown)
            ],
        ),
    )


def _steps(
    stretches: Iterable[Stretch], low: int, high: int, x: _Scale, y: _Scale, floor: float
) -> str:
    parts = list[str]()
    end: int | None = None
    for each in stretches:
        if not _meets(each, low, high):
            continue
        first, last = max(each.first, low), min(each.end, high)
        if end != first:
            parts.append("" if end is None else f"V{floor:.1f}")
            # A line that began outside of the chart comes in at its height.
            start = floor if each.first >= low else y(each.precision)
            parts.append(f"M{x(first):.1f} {start:.1f}")
        parts.append(f"V{y(each.precision):.1f}H{x(last):.1f}")
        end = last if each.end <= high else None
    return "".join([*parts, "" if end is None else f"V{floor:.1f}"])


def _meets(part: Stretch, low: int, high: int) -> bool:
    return part.first < high and part.end > low


def _inside(series: Series, low: int, high: int) -> bool:
    return any(_meets(part, low, high) for part in series.stretches)


def _mark(value: Value, x: float) -> Html:
    return path(f"M{x:.2f} {_BASE}v-26", "mark", f"{value.code:#x}: {value.text}")


def _at(share: float) -> float:
    return _MARGIN + share * (_WIDTH - 2 * _MARGIN)


def _anchor(k: int, labels: Sequence[Value]) -> str:
    if k == 0:
        return "start"
    return "end" if k == len(labels) - 1 else "middle"


def _power(x: float, y: float, exponent: int) -> Html:
    """Return a power of two as a text."""
    raised: Child = element(
        "tspan", str(exponent).replace("-", "\N{MINUS SIGN}"), dy="-5", class_="raised"
    )
    return element("text", "2", raised, x=f"{x:.1f}", y=f"{y:g}", text_anchor="middle")


def _whole_ticks(low: float, high: float) -> list[int]:
    step = 1
    while (high - low) / step > _TICKS:
        step *= 2
    first = -(-int(low) // step) * step
    return [k for k in range(first, int(high) + 1, step) if low <= k <= high]


def _bit_ticks(top: float) -> list[int]:
    step = next(step for step in (1, 2, 4, 8, 16, 32, 64, 1 << 20) if top / step <= _TICKS)
    return list(range(0, int(top) + 1, step))
