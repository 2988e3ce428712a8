"""What quantisation did to tensors: saturation, flushing to zero, scales, and errors by block."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, final

MOST_WORST: Final = 5
"""The most blocks of a tensor that are shown with their places."""


@final
@dataclass(frozen=True)
class BlockError:
    """The error of a block.

    Attributes:
        place: The index of its first number.
        relative: The norm of its errors divided by that of its numbers; infinite if a finite number
            has become one that is not.
        error: The norm of its errors, of numbers that are finite and stay it.
        scale: The scale that its numbers share, without that of the tensor.
        saturated: The count of its numbers that are saturated.
        flushed: The count of those that are flushed to zero.
        seed: The seed of the training run; None outside of one.
        step: The step of the training run, from 0.
    """

    place: tuple[int, ...]
    relative: float
    error: float
    scale: float
    saturated: int
    flushed: int
    seed: int | None = None
    step: int | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name, without the training run."""
        names = ("relative", "error", "scale", "saturated", "flushed")
        return {"place": [*self.place], **{name: getattr(self, name) for name in names}}


@final
@dataclass(frozen=True)
class BlockStatistics:
    """What a format whose numbers share scales did to one tensor, or to several.

    A number x of a block becomes an element times the block's scale and, in some formats, a scale
    of the tensor. Let f be the product of both scales, G the greatest element, and u the distance
    from G to the element before it. All comparisons are exact.

    Attributes:
        tensors: The count of tensors.
        numbers: The count of numbers.
        zeros: The count of zeros among them.
        nonfinite: The count of infinities and NaNs among them; they have no errors.
        clamped: The count of finite numbers with abs(x) > G * f, which are clamped to G.
        saturated: Those of them with abs(x) >= (G + u / 2) * f, which nearest rounding would take
            beyond G, so that clamping changes them by more than rounding.
        flushed: The count of finite numbers that are not zero, and whose value is.
        broken: The count of finite numbers whose value is not finite.
        scales: The count of blocks by the exponent k of their scales, 2**k <= scale < 2**(k + 1).
        zero_scales: The count of blocks whose scale is 0.
        nonfinite_scales: The count of blocks whose scale is a NaN or infinite.
        errors: The count of blocks by the exponent k of their relative errors.
        exact_blocks: The count of blocks without an error.
        broken_blocks: The count of blocks with broken numbers, or a scale that is not finite.
        norm: The norm of the numbers that are finite and stay it.
        error: The norm of their errors, value - x.
        worst: The blocks with the greatest relative errors, then errors; at most ``MOST_WORST``.
    """

    tensors: int = 0
    numbers: int = 0
    zeros: int = 0
    nonfinite: int = 0
    clamped: int = 0
    saturated: int = 0
    flushed: int = 0
    broken: int = 0
    scales: Mapping[int, int] = field(default_factory=dict)
    zero_scales: int = 0
    nonfinite_scales: int = 0
    errors: Mapping[int, int] = field(default_factory=dict)
    exact_blocks: int = 0
    broken_blocks: int = 0
    norm: float = 0.0
    error: float = 0.0
    worst: tuple[BlockError, ...] = ()

    @property
    def nonzero(self) -> int:
        """The count of finite numbers that are not zero, of which shares are parts."""
        return self.numbers - self.zeros - self.nonfinite

    @property
    def share_clamped(self) -> float:
        """The share of the numbers that are not zero that is clamped."""
        return self._share(self.clamped)

    @property
    def share_saturated(self) -> float:
        """The share of the numbers that are not zero that is saturated."""
        return self._share(self.saturated)

    @property
    def share_flushed(self) -> float:
        """The share of the numbers that are not zero that is flushed to zero."""
        return self._share(self.flushed)

    @property
    def relative(self) -> float:
        """The norm of the errors divided by that of the numbers; infinite with broken numbers."""
        if self.broken:
            return math.inf
        return self.error / self.norm if self.error else 0.0

    @property
    def blocks(self) -> int:
        """The count of blocks."""
        return sum(self.scales.values()) + self.zero_scales + self.nonfinite_scales

    def merged(self, other: BlockStatistics) -> BlockStatistics:
        """Return the statistics of the tensors of both."""
        return BlockStatistics(**{each.name: _merged(each.name, self, other) for each in _FIELDS})

    def of_step(self, seed: int, step: int) -> BlockStatistics:
        """Return the same statistics, whose worst blocks name a step of a training run."""
        return replace(
            self, worst=tuple(replace(each, seed=seed, step=step) for each in self.worst)
        )

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name, with histograms by texts in ascending order."""
        plain = {name: value for name, value in asdict(self).items() if name not in _DERIVED}
        return {
            **plain,
            **{name: getattr(self, name) for name in _SHARES},
            "relative": self.relative,
            "blocks": self.blocks,
            "scales": _plain_histogram(self.scales),
            "errors": _plain_histogram(self.errors),
            "worst": [each.as_plain() for each in self.worst],
        }

    def describe(self) -> str:
        """Return the figures as text, a line each."""
        lines = [
            f"numbers: {self.numbers}, {self.zeros} zero, {self.nonfinite} not finite",
            f"beyond the greatest element: {self.clamped} ({percent(self.share_clamped)})",
            f"saturated, by half a unit or more: {self.saturated}"
            f" ({percent(self.share_saturated)})",
            f"flushed to zero: {self.flushed} ({percent(self.share_flushed)})",
            f"no longer finite: {self.broken}",
            f"relative error: {self.relative:.3g}",
            f"blocks: {self.blocks}, {self.exact_blocks} without an error",
            f"scales: {_histogram_text(self._scale_counts())}",
            f"relative errors of blocks: {_histogram_text(self._error_counts())}",
        ]
        worst = (
            f"block at {list(each.place)}: relative error {each.relative:.3g}, scale"
            f" {each.scale:.6g}, {each.saturated} saturated, {each.flushed} flushed"
            for each in self.worst
        )
        return "\n".join([*lines, *worst])

    def _share(self, count: int) -> float:
        return count / self.nonzero if self.nonzero else 0.0

    def _scale_counts(self) -> list[tuple[str, int]]:
        return [
            ("0", self.zero_scales),
            *_by_power(self.scales),
            ("not finite", self.nonfinite_scales),
        ]

    def _error_counts(self) -> list[tuple[str, int]]:
        return [
            ("0", self.exact_blocks),
            *_by_power(self.errors),
            ("infinite", self.broken_blocks),
        ]


_FIELDS: Final = fields(BlockStatistics)
_SHARES: Final = ("share_clamped", "share_saturated", "share_flushed")
_NORMS: Final = ("norm", "error")
_HISTOGRAMS: Final = ("scales", "errors")
_DERIVED: Final = (*_NORMS, *_HISTOGRAMS, "worst")


def worst_of(blocks: Iterable[BlockError]) -> tuple[BlockError, ...]:
    """Return the blocks with the greatest relative errors, then errors, the worst one first."""
    return tuple(heapq.nlargest(MOST_WORST, blocks, key=lambda each: (each.relative, each.error)))


def percent(share: float) -> str:
    """Return a share as text, in percent."""
    return f"{100 * share:.3g} %"


def _merged(name: str, a: BlockStatistics, b: BlockStatistics) -> Any:
    x, y = getattr(a, name), getattr(b, name)
    if name in _NORMS:
        return math.hypot(x, y)
    if name in _HISTOGRAMS:
        return dict(Counter(x) + Counter(y))
    return worst_of([*x, *y]) if name == "worst" else x + y


def _plain_histogram(histogram: Mapping[int, int]) -> dict[str, int]:
    return {str(k): histogram[k] for k in sorted(histogram)}


def _by_power(histogram: Mapping[int, int]) -> list[tuple[str, int]]:
    return [(f"2**{k}", histogram[k]) for k in sorted(histogram)]


def _histogram_text(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{label}: {count}" for label, count in counts if count) or "none"
