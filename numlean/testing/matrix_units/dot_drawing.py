"""Structured dot products, drawn for a unit: terms near every place where its result changes.

The kinds: exponents that are close, spread over more than F bits, exactly F apart, at the floor of
the alignment, at the ends of the output's range; terms that cancel; ties of the output; zeros, and
zeros times the greatest number; infinities and NaNs; random encodings. The accumulator is zero, of
a chosen exponent, opposite to the sum, or special.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from numlean.testing.matrix_units.operand_drawing import Codes, Integers, OperandDrawing
from numlean_kernels.formats import Format

Floats = np.ndarray[Any, np.dtype[np.float64]]


class DotProducts(NamedTuple):
    """Encodings of operands of shape (n, k), and of accumulators of shape (n,)."""

    a: Codes
    b: Codes
    c: Codes


@dataclass(frozen=True)
class DotDrawing:
    """Draws dot products of operands of two formats.

    Attributes:
        left: Draws the first operands.
        right: Draws the second operands.
        output: Draws accumulators.
        fraction_bits: The F of the unit, or the precision of its output.
        floor: The least greatest exponent of the unit, or that of its output.
    """

    left: OperandDrawing
    right: OperandDrawing
    output: OperandDrawing
    fraction_bits: int
    floor: int

    @property
    def rng(self) -> np.random.Generator:
        """The source of random bits."""
        return self.output.rng

    def draw(self, n: int, k: int) -> DotProducts:
        """Return n dot products of length k, of all kinds in turn."""
        parts = [
            self._of_kind(kind, len(rows), k)
            for kind, rows in zip(_KINDS, np.array_split(np.arange(n), len(_KINDS)), strict=True)
        ]
        order = self.rng.permutation(n)
        a, b, c = (np.concatenate(each)[order] for each in zip(*parts, strict=True))
        return DotProducts(a, b, c)

    def _of_kind(self, kind: _Kind, n: int, k: int) -> DotProducts:
        a, b, top = kind(self, n, k)
        some = self.rng.random((n, 1)) < 0.3
        vanish = some & (self.rng.random((n, k)) < 0.4)
        a = np.where(vanish, self.left.zeros((n, k)), a)
        order = self.rng.permutation(k)
        a, b = a[:, order], b[:, order]
        c = self._accumulators(a, b, top)
        if kind is _ties:
            c = np.where(self.rng.random(n) < 0.7, self.output.near(top[:, 0]), c)
        return DotProducts(a, b, c)

    def _factors(self, exponents: Integers) -> tuple[Codes, Codes]:
        """Return operands whose exponents have these sums, as far as the formats allow."""
        left, right = self.left, self.right
        least = np.maximum(left.least_exponent, exponents - right.format.emax)
        greatest = np.minimum(left.format.emax, exponents - right.least_exponent)
        least = np.minimum(least, left.format.emax)
        share = self.rng.random(exponents.shape)
        e = least + np.floor(share * (np.maximum(greatest - least, 0) + 1)).astype(np.int64)
        return left.near(e), right.near(exponents - e)

    def _tops(self, n: int) -> Integers:
        """Return greatest exponents of products, anywhere in their range."""
        least = self.left.least_exponent + self.right.least_exponent
        greatest = self.left.format.emax + self.right.format.emax
        return self.rng.integers(least, greatest + 1, (n, 1), dtype=np.int64)

    def _below(self, top: Integers, k: int, least: int, most: int) -> Integers:
        """Return exponents that are from ``least`` to ``most`` below, and at times equal."""
        shape = (len(top), k)
        below = self.rng.integers(least, most + 1, shape, dtype=np.int64)
        return top - np.where(self.rng.random(shape) < 0.2, 0, below)

    def _accumulators(self, a: Codes, b: Codes, top: Integers) -> Codes:
        n, out = len(a), self.output
        near = top[:, 0] + self.rng.integers(-self.fraction_bits - 3, self.fraction_bits + 4, n)
        choice = self.rng.integers(0, 8, n)
        opposite = np.zeros(n, np.uint64)
        rows = (choice == 5) | (choice == 6)
        opposite[rows] = self._opposite(a[rows], b[rows])
        step = self.rng.integers(-2, 3, n).astype(np.uint64)
        is_inner = (opposite & np.uint64(out.format.magnitude_mask)) - np.uint64(2) < np.uint64(
            out.format.max_finite - 4
        )
        chosen = (
            out.zeros((n,)),
            np.zeros(n, np.uint64),
            out.near(top[:, 0]),
            out.near(near),
            out.near(near),
            np.where(is_inner, opposite + step, opposite),
            opposite,
            np.where(self.rng.random(n) < 0.3, out.special((n,)), out.near(near)),
        )
        return np.choose(choice, chosen)

    def _opposite(self, a: Codes, b: Codes) -> Codes:
        """Return the accumulators that about cancel the products of finite operands."""
        with np.errstate(all="ignore"):
            total = (_values(self.left.format, a) * _values(self.right.format, b)).sum(axis=1)
        return self.output.negated(_nearest(self.output.format, total))


_Kind = Callable[[DotDrawing, int, int], tuple[Codes, Codes, Integers]]


def _close(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    top = draw._tops(n)
    return *draw._factors(draw._below(top, k, 0, 3)), top


def _spread(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    top = draw._tops(n)
    return *draw._factors(draw._below(top, k, 0, draw.fraction_bits + 6)), top


def _at_last_bit(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    top, f = draw._tops(n), draw.fraction_bits
    return *draw._factors(draw._below(top, k, f - 6, f + 3)), top


def _at_floor(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    top = draw.floor + draw.rng.integers(-8, 9, (n, 1), dtype=np.int64)
    return *draw._factors(draw._below(top, k, 0, draw.fraction_bits + 3)), top


def _at_output_end(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    format = draw.output.format
    ends = np.array([format.emax, format.emin, format.emin - format.trailing_bits])
    top = draw.rng.choice(ends, (n, 1)) + draw.rng.integers(-4, 5, (n, 1), dtype=np.int64)
    return *draw._factors(draw._below(top, k, 0, draw.fraction_bits)), top


def _cancelling(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    a, b, top = (_close if draw.rng.random() < 0.5 else _spread)(draw, n, k)
    half = k // 2
    a[:, half : 2 * half] = draw.left.negated(a[:, :half])
    b[:, half : 2 * half] = b[:, :half]
    changed = draw.rng.random((n, k)) < 0.5 / k
    return np.where(changed, a ^ np.uint64(1 << draw.left.ignored_bits), a), b, top


def _ties(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    """Return one product of half an ulp of an accumulator, one below it, and zeros."""
    format, tops = draw.output.format, draw._tops(n)
    small = format.emin - draw.rng.integers(0, format.precision, (n, 1), dtype=np.int64)
    top = np.where(draw.rng.random((n, 1)) < 0.4, small, tops)
    half_ulp = np.maximum(top, format.emin) - format.precision
    below = draw.rng.integers(1, draw.fraction_bits + 3, (n, k), dtype=np.int64)
    a, b = draw._factors(np.where(np.arange(k) == 0, half_ulp, half_ulp - below))
    for side, codes in ((draw.left, a), (draw.right, b)):
        codes[:, 0] = side.powers(codes[:, 0])
    return np.where(np.arange(k) < 2, a, draw.left.zeros((n, k))), b, top


def _zeros(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    a, b, top = _spread(draw, n, k)
    kept = draw.rng.random((n, k)) < draw.rng.choice([0.0, 0.2], (n, 1))
    huge = draw.rng.random((n, k)) < 0.5
    b = np.where(~kept & huge, np.uint64(draw.right.format.max_finite), b)
    return np.where(kept, a, draw.left.zeros((n, k))), b, top


def _specials(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    a, b, top = _spread(draw, n, k)
    where = draw.rng.random((2, n, k)) < min(1.5 / k, 0.5)
    a = np.where(where[0], draw.left.special((n, k)), a)
    return a, np.where(where[1], draw.right.special((n, k)), b), top


def _anything(draw: DotDrawing, n: int, k: int) -> tuple[Codes, Codes, Integers]:
    top = draw._tops(n)
    a, b = draw.left.anything((n, k)), draw.right.anything((n, k))
    finite_a, finite_b = draw._factors(draw._below(top, k, 0, draw.fraction_bits))
    only_finite = draw.rng.random((n, 1)) < 0.9
    a = np.where(only_finite & ~draw.left.format.is_finite(a), finite_a, a)
    return a, np.where(only_finite & ~draw.right.format.is_finite(b), finite_b, b), top


_KINDS: Final[tuple[_Kind, ...]] = (
    _close,
    _spread,
    _at_last_bit,
    _at_floor,
    _at_output_end,
    _cancelling,
    _ties,
    _zeros,
    _specials,
    _anything,
)


def _values(format: Format, codes: Codes) -> Floats:
    """Return approximate values, to choose accumulators by; 0 for all that is not finite."""
    biased = ((codes & np.uint64(format.magnitude_mask)) >> np.uint64(format.trailing_bits)).astype(
        np.int64
    )
    trailing = (codes & np.uint64(format.trailing_mask)).astype(np.float64)
    significand = trailing + np.where(biased > 0, float(format.implicit_bit), 0.0)
    e = np.maximum(biased, 1) - format.bias - format.trailing_bits
    values = np.ldexp(significand, e.astype(np.int32))
    negative = (codes & np.uint64(format.sign_mask)) != 0
    return np.where(format.is_finite(codes), np.where(negative, -values, values), 0.0)


def _nearest(format: Format, values: Floats) -> Codes:
    """Return the encodings of the output's format nearest to some values."""
    dtype = {16: np.float16, 32: np.float32, 64: np.float64}[format.width]
    with np.errstate(over="ignore"):
        return values.astype(dtype).view(f"uint{format.width}").astype(np.uint64)
