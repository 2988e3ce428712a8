"""The arithmetic of fast phases: sums of two hardware floats, and the rounding test.

**Notation.** All numbers are binary64, rounded to nearest. A *pair* (h, l) stands for the real
h + l, where l is small next to h. u is 2**-53: an operation is off by at most u of its result.

Fast phases run only where a target has fused multiply-add and never contracts or reorders what is
written here (:attr:`numlean_kernels.protocol.Target.has_float_phases`). Their results do not depend
on how exact they are: a result counts only if every real within the error bound rounds to it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.elementary.constants import Real, context
from numlean_kernels.protocol import Builder, Routine, Target

INTEGERS: Final = 1.5 * 2.0**52
"""Added to a number below 2**51, it leaves the nearest integer in the lower bits of the sum."""


class FloatBuilder(Builder):
    """Builds the fast phases of one target.

    Attributes:
        fma: a * b + c, rounded once.
        encoding: Reinterprets a binary64 as a word.
        real: Reinterprets a word as a binary64.
        word: Converts an integer to a word of 64 bits.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        fma = target.instructions(64).fma
        if fma is None:
            raise KeyError(f"fast phases in binary64 need fused multiply-add, not {target.name}")
        self.fma = fma
        self.encoding, self.real = target.encoding_of(64), target.real_of(64)
        self.word = target.unsigned(64)


def make_rounding_test(builder: FloatBuilder) -> Routine:
    """Return ``rounding_test(h, l, error) -> (certain, z)``: a real near h + l, rounded to nearest.

    The real differs from h + l by less than ``error`` minus u of it and u of l. Rounding is
    monotonic: if both ends of the interval round to z, so does every real between them.
    """

    def rounding_test(h: Any, l: Any, error: Any) -> Any:  # noqa: E741
        z = h + (l - error)
        return z == h + (l + error), z

    return rounding_test


def halves(value: Real, bits: int | None = None) -> tuple[float, float]:
    """Return a real as the sum of two floats, the first of ``bits`` significant bits (53)."""
    mp = context()
    with mp.workprec(bits or 53):
        upper = +mp.mpf(value)
    return float(upper), float(value - upper)


def table_of(values: list[Real]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return reals as two tables of floats, whose sums are within 2**-106 of them."""
    pairs = [halves(value) for value in values]
    return np.array([h for h, _ in pairs]), np.array([low for _, low in pairs])
