"""Block FMAs of many dot products at once, in integers of 64 bits, for finite numbers.

The same rule as :mod:`.block_fma`, which computes one dot product in integers of any size: here a
number is a significand and an exponent, and every term of an alignment is a multiple of
2**(e* - F) below 2**(F + 3) of them, so that sums of up to 2**12 terms fit for F up to 45.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from numlean_kernels.formats import BINARY16, BINARY32, Format
from numlean_kernels.ieee import Rounding
from numlean_kernels.matrix_units.rule import BlockFma, Chain, Operands, Unit

Codes = np.ndarray[Any, np.dtype[Any]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

_MOST_BITS: Final = 45
_MOST_TERMS: Final = 1 << 12
_ABSENT: Final = np.int64(-(1 << 20))
"""The exponent of terms that do not count."""

_FARTHEST: Final = 63
_FLOATS: Final = {BINARY32: np.float32, BINARY16: np.float16}


@final
@dataclass(frozen=True)
class BatchedBlocks:
    """The block FMAs of a unit.

    Attributes:
        unit: The unit.
        rule: Its rule.
    """

    unit: Unit
    rule: BlockFma

    @classmethod
    def of(cls, unit: Unit) -> BatchedBlocks | None:
        """Return the block FMAs of a unit; None if it has another rule, chain or output."""
        rule = unit.rule
        if not isinstance(rule, BlockFma) or rule.fraction_bits > _MOST_BITS:
            return None
        is_plain = rule.alignment is Rounding.TOWARD_ZERO and rule.group < _MOST_TERMS
        is_known = unit.output in _FLOATS and rule.result is not Rounding.TOWARD_NEGATIVE
        return cls(unit, rule) if is_plain and is_known and unit.chain == Chain() else None

    def dot(self, a: Codes, b: Codes, c: Codes) -> tuple[Codes, Bools]:
        """Return the dot products of rows, and where they are right: where all terms are finite.

        Args:
            a: Encodings of shape (n, k).
            b: Encodings of shape (n, k).
            c: Encodings of the output of shape (n,).
        """
        unit, size = self.unit, self.rule.instruction
        finite = unit.left.format.is_finite(a).all(axis=1) & unit.right.format.is_finite(b).all(1)
        # A NaN of binary32 may be infinite, but not finite, without its low bits.
        missing = -a.shape[1] % size
        a, b = (np.pad(x.astype(np.int64), ((0, 0), (0, missing))) for x in (a, b))
        left, right = self._terms(unit.left, a), self._terms(unit.right, b)
        c = c.astype(np.int64)
        for start in range(0, a.shape[1], size):
            part = slice(start, start + size)
            products = left[0][:, part] * right[0][:, part]
            c = self._instruction(products, left[1][:, part] + right[1][:, part], c, finite)
        return c.astype(unit.output.storage_dtype), finite

    def _terms(self, operands: Operands, codes: Integers) -> tuple[Integers, Integers]:
        """Return the significands of operands, and their exponents."""
        dropped = operands.format.precision - operands.precision
        significand, e = _decoded(operands.format, codes >> dropped << dropped)
        return significand >> dropped, self._with_zeros(significand, e)

    def _with_zeros(self, significand: Integers, e: Integers) -> Integers:
        zero = _ABSENT if self.rule.zero_exponent is None else np.int64(self.rule.zero_exponent)
        return np.where(significand == 0, zero, e)

    def _instruction(self, products: Integers, e: Integers, c: Integers, finite: Bools) -> Integers:
        """Return the next accumulators, and note in ``finite`` where one was not."""
        rule = self.rule
        finite &= self.unit.output.is_finite(c)
        if not rule.k_order and not rule.adds_last:
            return self._block(products, e, c)
        order = np.array(rule.k_order or range(rule.group))
        total = np.zeros_like(c) if rule.adds_last else c
        for start in range(0, len(order), rule.group):
            finite &= self.unit.output.is_finite(total)
            chosen = order[start : start + rule.group]
            total = self._block(products[:, chosen], e[:, chosen], total)
        return self._sum(total, c) if rule.adds_last else total

    def _sum(self, x: Integers, y: Integers) -> Integers:
        """Return sums in the output's format by numpy: binary16 through binary32, which is wide."""
        output, dtype = self.unit.output, _FLOATS[self.unit.output]
        floats = (z.astype(output.storage_dtype).view(dtype) for z in (x, y))
        with np.errstate(all="ignore"):
            z: Codes = np.add(*floats).view(output.storage_dtype)
        return z.astype(np.int64)

    def _block(self, products: Integers, e: Integers, c: Integers) -> Integers:
        rule, output = self.rule, self.unit.output
        c_significand, e_c = _decoded(output, c, least=-126)
        e_c = self._with_zeros(c_significand, e_c)
        top = np.maximum(e.max(axis=1), e_c)
        if rule.floor is not None:
            top = np.maximum(top, rule.floor)
        product_bits = self.unit.left.precision + self.unit.right.precision - 2
        total = _aligned(products, e - product_bits, top[:, np.newaxis] - rule.fraction_bits)
        c_aligned = _aligned(c_significand, e_c - output.trailing_bits, top - rule.fraction_bits)
        return self._rounded(total.sum(axis=1) + c_aligned, top - rule.fraction_bits)

    def _rounded(self, total: Integers, quantum: Integers) -> Integers:
        """Return the encodings of total * 2**quantum, rounded."""
        output = self.unit.output
        precision = self.rule.result_precision or output.precision
        size = np.abs(total)
        e = np.maximum(_bit_length(size) - 1 + quantum, output.emin)
        shift = e - (precision - 1) - quantum
        right, left = np.clip(shift, 0, _FARTHEST - 1), np.clip(-shift, 0, _FARTHEST)
        kept = size >> right
        if self.rule.result is Rounding.TIES_TO_EVEN:
            rest, half = size - (kept << right), np.int64(1) << np.maximum(right - 1, 0)
            kept += (right > 0) & ((rest > half) | ((rest == half) & (kept & 1 == 1)))
        kept = (kept << left) << (output.precision - precision)
        # The implicit bit of a normal number adds 1 to the field; a carry adds another one.
        code = ((e - output.emin) << output.trailing_bits) + kept
        code = np.minimum(code, output.infinity)
        code = np.where(total < 0, code | output.sign_mask, code)
        return np.where(kept == 0, 0, code)


def _decoded(
    format: Format, codes: Integers, *, least: int | None = None
) -> tuple[Integers, Integers]:
    """Return signed significands, with as many fraction bits as the format, and exponents.

    Args:
        format: The format.
        codes: Encodings of finite numbers.
        least: The least exponent of a subnormal number, which is then normalised.
    """
    biased = (codes & format.magnitude_mask) >> format.trailing_bits
    trailing = codes & format.trailing_mask
    significand = np.where(biased > 0, trailing | format.implicit_bit, trailing)
    e = np.maximum(biased, 1) - format.bias
    if least is not None:
        places = np.minimum(format.precision - _bit_length(significand), e - least)
        significand, e = significand << places, e - places
    return np.where(codes & format.sign_mask != 0, -significand, significand), e


def _aligned(x: Integers, unit: Integers, quantum: Integers) -> Integers:
    """Return x * 2**unit as multiples of 2**quantum, truncated toward zero."""
    shift = unit - quantum
    left, right = np.clip(shift, 0, _FARTHEST), np.clip(-shift, 0, _FARTHEST)
    cut: Integers = np.abs(x) << left >> right
    return np.where(x < 0, -cut, cut)


def _bit_length(x: Integers) -> Integers:
    """Return the number of bits of integers that are not negative, below 2**53."""
    exponents: Codes = np.frexp(x.astype(np.float64))[1]
    return exponents.astype(np.int64)
