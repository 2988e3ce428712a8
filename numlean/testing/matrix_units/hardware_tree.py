"""Pairwise sums of many dot products at once, by the processor's binary32, through numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from numlean_kernels.formats import BFLOAT16, BINARY16, BINARY32, Format
from numlean_kernels.matrix_units.rule import Chain, Pairwise, Unit

Codes = np.ndarray[Any, np.dtype[Any]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Floats = np.ndarray[Any, np.dtype[np.float32]]

_LEAST_NORMAL: Final = np.float32(2.0**-126)


@final
@dataclass(frozen=True)
class HardwareTree:
    """A pairwise tree of operands that are numbers of binary32.

    Attributes:
        unit: The unit.
        rule: Its rule.
    """

    unit: Unit
    rule: Pairwise

    @classmethod
    def of(cls, unit: Unit) -> HardwareTree | None:
        """Return the tree of a unit; None if it has another rule, chain or format."""
        known = {unit.left.format, unit.right.format} <= {BINARY16, BFLOAT16}
        is_binary32 = unit.output == BINARY32 and unit.chain == Chain()
        if not isinstance(unit.rule, Pairwise) or not known or not is_binary32:
            return None
        return cls(unit, unit.rule)

    def dot(self, a: Codes, b: Codes, c: Codes) -> tuple[Codes, Bools]:
        """Return the dot products of rows, and that all are right.

        Args:
            a: Encodings of shape (n, k).
            b: Encodings of shape (n, k).
            c: Encodings of the output of shape (n,).
        """
        missing = -a.shape[1] % self.rule.group
        a, b = (np.pad(x, ((0, 0), (0, missing))) for x in (a, b))
        left, right = (
            self._floats(self.unit.left.format, a),
            self._floats(self.unit.right.format, b),
        )
        total = c.astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            for start in range(0, a.shape[1], self.rule.group):
                part = slice(start, start + self.rule.group)
                total = self._instruction(left[:, part], right[:, part], total)
        codes = total.view(np.uint32)
        return np.where(np.isnan(total), np.uint32(self.unit.nan), codes), np.ones(len(c), np.bool_)

    def _floats(self, format: Format, codes: Codes) -> Floats:
        if self.rule.flushes:
            magnitude = codes & codes.dtype.type(format.magnitude_mask)
            is_subnormal = (magnitude > 0) & (magnitude < format.least_normal)
            codes = np.where(is_subnormal, codes.dtype.type(0), codes)
        if format == BFLOAT16:
            return (codes.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(invalid="ignore"):
            return codes.astype(np.uint16).view(np.float16).astype(np.float32)

    def _instruction(self, left: Floats, right: Floats, c: Floats) -> Floats:
        terms = self._flushed(left * right)
        while terms.shape[1] > 1:
            terms = self._flushed(terms[:, ::2] + terms[:, 1::2])
        if self.rule.flushes:
            c = np.where((c != 0) & (np.abs(c) < _LEAST_NORMAL), np.float32(0), c)
        return self._flushed(c + terms[:, 0])

    def _flushed(self, z: Floats) -> Floats:
        if not self.rule.flushes:
            return z
        return np.where(np.abs(z) < _LEAST_NORMAL, np.copysign(np.float32(0), z), z)
