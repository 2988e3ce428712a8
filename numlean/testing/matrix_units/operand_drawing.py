"""Structured encodings of a format for tests: numbers near chosen exponents, and special ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numlean_kernels.formats import Format

Codes = np.ndarray[Any, np.dtype[np.uint64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class OperandDrawing:
    """Draws encodings of a format.

    Attributes:
        format: The format.
        rng: The source of random bits.
        ignored_bits: The low bits of the trailing significand that the unit ignores.
    """

    format: Format
    rng: np.random.Generator
    ignored_bits: int = 0

    @property
    def least_exponent(self) -> int:
        """The exponent of the smallest number that is not zero."""
        return self.format.emin - self.format.trailing_bits + self.ignored_bits

    def near(self, exponents: Integers) -> Codes:
        """Return finite numbers with these exponents, or the nearest that there are.

        Their significands are random, powers of two, all ones, or next to one of these.
        """
        format, shape = self.format, exponents.shape
        e = np.clip(exponents, self.least_exponent, format.emax)
        significand = format.implicit_bit | self._trailing(shape)
        biased = np.maximum(e + format.bias, 0)
        subnormal = significand >> np.maximum(format.emin - e, 0)
        is_normal = e >= format.emin
        normal = (np.maximum(biased, 1) << format.trailing_bits) + (
            significand & format.trailing_mask
        )
        magnitude = np.minimum(np.where(is_normal, normal, subnormal), format.max_finite)
        return self._with_signs(magnitude.astype(np.uint64))

    def powers(self, codes: Codes) -> Codes:
        """Return the powers of two at or below the magnitudes of numbers, with their signs."""
        trailing = np.uint64(self.format.trailing_mask)
        magnitude = codes & np.uint64(self.format.magnitude_mask)
        bits = np.frexp(magnitude.astype(np.float64))[1].astype(np.uint64)  # exact below 2**53
        subnormal = np.uint64(1) << (np.maximum(bits, 1) - np.uint64(1)).astype(np.uint64)
        power = np.where(magnitude <= trailing, subnormal, magnitude & ~trailing)
        return codes & np.uint64(self.format.sign_mask) | np.where(magnitude > 0, power, 0)

    def anything(self, shape: tuple[int, ...]) -> Codes:
        """Return random encodings: infinities and NaNs too, as often as they are encodings."""
        return self.rng.integers(0, 1 << self.format.width, shape, dtype=np.uint64)

    def special(self, shape: tuple[int, ...]) -> Codes:
        """Return zeros, infinities, NaNs, and the greatest and the least numbers of each kind."""
        format = self.format
        magnitudes = [0, 1, format.least_normal, format.least_normal - 1, format.max_finite]
        if format.has_infinity:
            magnitudes.append(format.infinity)
        if self.ignored_bits:
            magnitudes += [format.infinity + 1, (1 << self.ignored_bits) - 1]
        chosen = self._with_signs(self.rng.choice(np.array(magnitudes, np.uint64), shape))
        nan = np.uint64(format.default_nan if format.has_nan else 0)
        return np.where(self.rng.random(shape) < 0.1, nan, chosen)

    def zeros(self, shape: tuple[int, ...]) -> Codes:
        """Return zeros of both signs."""
        return self._with_signs(np.zeros(shape, np.uint64))

    def negated(self, codes: Codes) -> Codes:
        """Return the encodings of the opposite numbers; zeros without a sign stay."""
        format = self.format
        negated = codes ^ np.uint64(format.sign_mask)
        if format.has_negative_zero:
            return negated
        return np.where(codes & np.uint64(format.magnitude_mask), negated, codes)

    def _with_signs(self, magnitudes: Codes) -> Codes:
        signs = self.rng.integers(0, 2, magnitudes.shape, dtype=np.uint64)
        negative = self.negated(magnitudes) if self.format.is_signed else magnitudes
        return np.where(signs == 1, negative, magnitudes)

    def _trailing(self, shape: tuple[int, ...]) -> Integers:
        """Return trailing significands of several patterns."""
        mask, bits = self.format.trailing_mask, max(self.format.trailing_bits, 1)
        drawn = self.rng.integers(0, 1 << 63, shape, dtype=np.int64)
        pattern, one_bit = drawn >> 60, np.int64(1) << (drawn & 63) % bits
        # Random, zeros, ones, one bit, all but one, and the upper half random.
        upper = mask & (mask << (bits // 2))
        kept = np.array([mask, mask, mask, 0, 0, 0, 0, upper])
        set_bits = np.array([0, 0, 0, 0, mask, 0, mask, 0])
        changed = np.array([0, 0, 0, 0, 0, mask, mask, 0])
        trailing: Integers = ((drawn >> 6) & kept[pattern]) | set_bits[pattern]
        trailing ^= one_bit & changed[pattern]
        return trailing
