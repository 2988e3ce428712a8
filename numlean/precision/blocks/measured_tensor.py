"""Measure what quantisation did to one tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np

from numlean.precision.blocks.shapes import in_blocks
from numlean.precision.blocks.statistics import (
    MOST_WORST,
    BlockError,
    BlockStatistics,
    worst_of,
)

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


@final
@dataclass(frozen=True, eq=False)
class MeasuredTensor:
    """Numbers and what they became, in blocks of rows and terms along the last two axes.

    Differences of numbers are rounded once, to binary64, in which all numbers are exact.

    Attributes:
        numbers: The numbers (..., n, k).
        values: What they became.
        scales: The scale of each block (..., blocks of n, blocks of k).
        whole: The scale of all numbers.
        rows: The number of rows of a block; the last one may have fewer.
        terms: The number of consecutive k of a block; the last one may have fewer.
        greatest: The greatest element.
        unit: The distance from it to the element before it.
    """

    numbers: Floats
    values: Floats
    scales: Floats
    whole: float
    rows: int
    terms: int
    greatest: float
    unit: float

    def statistics(self) -> BlockStatistics:
        """Return the statistics; blocks are named by the indices of their first numbers."""
        if not self.numbers.size:
            return BlockStatistics(tensors=1)
        x, values = (in_blocks(each, self.rows, self.terms) for each in (self.numbers, self.values))
        scales = self.scales.reshape(-1)
        with np.errstate(all="ignore"):
            counts = _Counts.of(x, values, scales * self.whole, self.greatest, self.unit)
        kept = counts.finite & np.isfinite(values)
        x, errors = np.where(kept, x, 0.0), np.where(kept, values - np.where(kept, x, 0.0), 0.0)
        norms, error_norms = _norms(x), _norms(errors)
        is_broken = counts.broken.any(axis=-1)
        with np.errstate(all="ignore"):
            relative = np.where(error_norms > 0, error_norms / norms, 0.0)
        has_finite_scale = np.isfinite(scales)
        relative[~has_finite_scale] = np.nan  # of a block of NaNs, it is unknown
        relative[is_broken] = np.inf
        return BlockStatistics(
            tensors=1,
            numbers=self.numbers.size,
            zeros=int((self.numbers == 0).sum()),
            nonfinite=int((~np.isfinite(self.numbers)).sum()),
            clamped=int(counts.clamped.sum()),
            saturated=int(counts.saturated.sum()),
            flushed=int(counts.flushed.sum()),
            broken=int(counts.broken.sum()),
            scales=_by_exponent(scales[has_finite_scale]),
            zero_scales=int((scales == 0).sum()),
            nonfinite_scales=int((~has_finite_scale).sum()),
            errors=_by_exponent(relative[np.isfinite(relative)]),
            exact_blocks=int((relative == 0).sum()),
            broken_blocks=int((~np.isfinite(relative)).sum()),
            norm=float(_norms(norms[np.newaxis])[0]),
            error=float(_norms(error_norms[np.newaxis])[0]),
            worst=worst_of(
                self._worst(np.nan_to_num(relative, posinf=np.inf), error_norms, counts)
            ),
        )

    def _worst(self, relative: Floats, errors: Floats, counts: _Counts) -> Iterator[BlockError]:
        """Yield the worst blocks, by their relative errors and by their errors."""
        order = np.lexsort((errors, relative))[::-1][:MOST_WORST]
        for block in order[relative[order] > 0].tolist():
            *batch, row, column = map(int, np.unravel_index(block, self.scales.shape))
            yield BlockError(
                (*batch, row * self.rows, column * self.terms),
                float(relative[block]),
                float(errors[block]),
                float(self.scales.flat[block]),
                int(counts.saturated[block].sum()),
                int(counts.flushed[block].sum()),
            )


@final
@dataclass(frozen=True, eq=False)
class _Counts:
    """Which numbers of blocks are finite, clamped, saturated, flushed and broken."""

    finite: Booleans
    clamped: Booleans
    saturated: Booleans
    flushed: Booleans
    broken: Booleans

    @classmethod
    def of(
        cls, x: Floats, values: Floats, factors: Floats, greatest: float, unit: float
    ) -> _Counts:
        """Return the counts of numbers (blocks, n) with a factor for each block."""
        finite, magnitudes, f = np.isfinite(x), np.abs(x), factors[:, np.newaxis]
        has_values = finite & (f > 0)  # with a factor of 0, all numbers are flushed
        return cls(
            finite,
            has_values & (magnitudes > greatest * f),
            has_values & (magnitudes >= (greatest + unit / 2) * f),
            finite & (x != 0) & (values == 0),
            finite & ~np.isfinite(values),
        )


def _norms(x: Floats) -> Floats:
    """Return the norm of each row, without overflow or underflow of squares."""
    _, exponents = np.frexp(np.abs(x).max(axis=-1, keepdims=True))
    # In two halves, as the reciprocal of the power of two itself might be infinite.
    half = exponents // 2
    scaled = x * np.ldexp(1.0, -half) * np.ldexp(1.0, half - exponents)
    squares = np.einsum("...k,...k->...", scaled, scaled)
    norms: Floats = np.ldexp(np.sqrt(squares), exponents[..., 0])
    return norms


def _by_exponent(values: Floats) -> dict[int, int]:
    """Return the count of positive numbers in [2**k, 2**(k + 1)), by k."""
    _, exponents = np.frexp(values[values > 0])
    bins, counts = np.unique(exponents - 1, return_counts=True)
    return dict(zip(bins.tolist(), counts.tolist(), strict=True))
