"""The rounding test of a filter: which of its enclosures round to one number, and to which.

An open interval that contains no point of the grid of :mod:`numlean.testing.rounding` rounds to one
number: every value in it has the same index, and ``more`` is true. Intervals are counted in
encodings of binary64, which are closer together than the intervals are wide, and ascend as the
numbers do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from numlean.testing.rounding import Rule, make_round, overflow_index
from numlean.verification.elementary.filter import MARGIN, Enclosures
from numlean.verification.elementary.functions import NEAR
from numlean.verification.encoding import Bools
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.formats import Format
from numlean_kernels.targets import get_target

_WIDEST: Final = 32
_EXPONENT_BITS: Final = 8

# A step between encodings is at least 2**-53 of the number, so these are wide enough.
_MARGIN_STEPS: Final = int(MARGIN * 2**53)
_NEAR_STEPS: Final = int(NEAR * 2**53)


def can_decide(format: Format) -> bool:
    """Return whether binary64 is fine and wide enough to decide roundings to a format.

    The compiled loop does not know what formats without a sign, NaN or -0 cannot hold.
    """
    return (
        format.is_sign_magnitude
        and format.width <= _WIDEST
        and format.exponent_bits <= _EXPONENT_BITS
    )


def round_if_certain(
    format: Format, choices: Choices, enclosures: Enclosures
) -> tuple[Bits, Raised, Bools]:
    """Return the encodings and flags of values, and where they are certain.

    ``rounding`` and ``tininess`` of the choices matter. A zero or infinity is never certain: it may
    be exact.
    """
    count = len(enclosures.y)
    z, raised = np.zeros(count, np.uint32), np.zeros(count, np.uint8)
    certain = np.zeros(count, np.bool_)
    rule = Rule.of(format, choices.rounding, choices.tininess)
    y = enclosures.y.view(np.int64)
    _loop()(rule, _Grid.of(format), y, enclosures.side, z, raised, certain)
    return z.astype(format.storage_dtype), raised, certain


class _Grid(NamedTuple):
    """The exponents of a format, the bits of a significand on its grid, and the greatest index."""

    emin: int
    emax: int
    bits: int
    top: int

    @classmethod
    def of(cls, format: Format) -> _Grid:
        return cls(format.emin, format.emax, format.trailing_bits + 2, overflow_index(format))


@cache
def _loop() -> Callable[..., None]:
    """Return the loop, compiled once for all formats and roundings, which are its arguments."""
    import numba

    compiled = get_target("cpu").routine
    rounded_from, index_of = compiled(make_round(compiled)), compiled(_index_of)
    infinity = 0x7FF << 52

    @numba.njit  # type: ignore[untyped-decorator]
    def loop(rule: Any, grid: Any, y: Any, side: Any, z: Any, raised: Any, certain: Any) -> None:
        for i in range(len(y)):
            magnitude, near_exact_cases = y[i] & 0x7FFFFFFFFFFFFFFF, side[i]
            if (magnitude == 0) | (magnitude >= infinity):
                continue
            below = (
                _MARGIN_STEPS
                if near_exact_cases == 0
                else (_NEAR_STEPS if near_exact_cases < 0 else 0)
            )
            above = (
                _MARGIN_STEPS
                if near_exact_cases == 0
                else (_NEAR_STEPS if near_exact_cases > 0 else 0)
            )
            least = index_of(grid, max(magnitude - below, 0))
            # The end is open, so the number before it decides.
            if least == index_of(grid, min(magnitude + above - 1, infinity)):
                z[i], raised[i] = rounded_from(rule, y[i] < 0, least, True)
                certain[i] = True

    return loop  # type: ignore[no-any-return]


def _index_of(grid: _Grid, encoding: Any) -> Any:
    """Return the index of a positive binary64 number; for compiled code."""
    e = (encoding >> 52) - 1023
    if e > grid.emax:
        return grid.top
    significand = (encoding & ((1 << 52) - 1)) | (1 << 52)
    shift = 52 - grid.bits + max(grid.emin - e, 0)
    point = significand >> shift if shift < 63 else 0
    return min((max(e - grid.emin, 0) << grid.bits) + point, grid.top)
