"""Structured dot products: the numbers at which rules of matrix units differ."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from numlean.analysis.matrix_units.encodings import Words
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import Operands

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_OFFSETS: Final = (*range(4), *range(9, 17), *range(20, 29), *range(30, 37))
"""How far below the greatest exponent terms are: near it, and near the bits that units keep."""


def structured_trials(
    rng: np.random.Generator, operands: Operands, output: Format, k: int, count: int
) -> tuple[Words, Words, Words]:
    """Return a, b of shape (count, k) and c of shape (count,).

    The greatest exponent of a product is near 0, anywhere, or near the ends of the output's range;
    the other terms are a few bits below it, or as many as units keep. Significands are powers of
    two, all ones, sparse or random. Some operands are zero, subnormal, infinite or NaN, some terms
    cancel, and c is zero, or one of the terms.
    """
    draw = _Draw(rng, operands)
    format = operands.format
    top, other = (draw.top(output, count) for _ in range(2))
    greatest = np.clip(top, 2 * format.emin, 2 * format.emax)
    exponents = greatest[:, None] - draw.offsets((count, k))
    least = np.maximum(format.emin, exponents - format.emax)
    most = np.minimum(format.emax, exponents - format.emin)
    spread = np.maximum(most - least, 0)
    left = np.clip(least + (rng.random((count, k)) * (spread + 1)).astype(np.int64), None, most)
    a = draw.codes(format, left, operands.precision - 1)
    b = draw.codes(format, exponents - left, operands.precision - 1)
    _cancel(rng, a, b, format)
    _zeros(rng, a, b, format)
    near = np.where(rng.random(count) < 0.7, top, other)
    c = draw.codes(output, near - draw.offsets((count,)), output.trailing_bits)
    c[rng.random(count) < 0.4] = 0
    c[rng.random(count) < 0.02] = output.sign_mask
    _specials(rng, a, format)
    _specials(rng, c[:, None], output)
    return a.astype(np.uint32), b.astype(np.uint32), c.astype(np.uint32)


class _Draw:
    def __init__(self, rng: np.random.Generator, operands: Operands) -> None:
        self._rng = rng
        self._operands = operands

    def top(self, output: Format, count: int) -> Ints:
        """Return the greatest exponents of terms."""
        rng, format = self._rng, self._operands.format
        least, most = 2 * format.emin, 2 * format.emax
        bottom = output.emin - output.trailing_bits
        styles = np.stack(
            [
                rng.integers(-3, 4, count),
                rng.integers(least, most + 1, count),
                rng.integers(bottom - 4, output.emin + 30, count),
                rng.integers(output.emax - 4, output.emax + 3, count),
            ]
        )
        chosen: Ints = styles[rng.choice(4, count, p=(0.5, 0.2, 0.2, 0.1)), np.arange(count)]
        return chosen

    def offsets(self, shape: tuple[int, ...]) -> Ints:
        """Return how far terms are below the greatest exponent."""
        rng = self._rng
        return np.where(rng.random(shape) < 0.35, 0, rng.choice(_OFFSETS, shape))

    def codes(self, format: Format, exponents: Ints, bits: int) -> Ints:
        """Return encodings of a format with given exponents; ``bits`` of the trailing ones vary."""
        rng, shape = self._rng, np.shape(exponents)
        ones = (1 << bits) - 1
        single = 1 << rng.integers(0, max(bits, 1), shape)
        choices = np.stack(
            [
                np.zeros(shape, np.int64),
                np.full(shape, ones),
                np.minimum(single, ones),
                np.full(shape, min(1, ones)),
                rng.integers(0, ones + 1, shape),
            ]
        )
        kinds = rng.choice(5, shape, p=(0.4, 0.15, 0.15, 0.1, 0.2))
        drawn: Ints = np.take_along_axis(choices, kinds[None], 0)[0]
        trailing = drawn << (format.trailing_bits - bits)
        field = exponents + format.bias
        below = np.clip(1 - field, 0, format.trailing_bits + 1)
        subnormal = (trailing | format.implicit_bit) >> below
        magnitude = np.where(field > 0, (field << format.trailing_bits) | trailing, subnormal)
        magnitude = np.clip(magnitude, 0, format.max_finite)
        signs = np.where(rng.random(shape) < 0.5, format.sign_mask, 0)
        codes: Ints = (magnitude | signs).astype(np.int64)
        return codes


def _cancel(rng: np.random.Generator, a: Ints, b: Ints, format: Format) -> None:
    """Make one term of some products the negative of another one."""
    count, k = a.shape
    if k < 2:
        return
    rows = np.nonzero(rng.random(count) < 0.3)[0]
    i = rng.integers(0, k, len(rows))
    j = (i + rng.integers(1, k, len(rows))) % k
    a[rows, j], b[rows, j] = a[rows, i], b[rows, i] ^ format.sign_mask


def _zeros(rng: np.random.Generator, a: Ints, b: Ints, format: Format) -> None:
    """Make some operands zero, and the other operand of some of them huge."""
    zero = rng.random(a.shape) < 0.1
    a[zero] = 0
    huge = zero & (rng.random(a.shape) < 0.5)
    b[huge] = (b[huge] & format.sign_mask) | (format.emax + format.bias) << format.trailing_bits


def _specials(rng: np.random.Generator, x: Ints, format: Format) -> None:
    """Make one number of few products infinite or NaN."""
    rows = np.nonzero(rng.random(len(x)) < 0.01)[0]
    places = rng.integers(0, x.shape[1], len(rows))
    special = [format.infinity, format.infinity | format.sign_mask] if format.has_infinity else []
    special += [format.default_nan] if format.has_nan else []
    if special:
        x[rows, places] = rng.choice(special, len(rows))
