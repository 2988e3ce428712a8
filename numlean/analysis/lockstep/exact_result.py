"""The result of an operation without rounding, for comparison with rounded ones."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.analysis.trace.element import Element
from numlean.errors import NumleanError
from numlean.scalar.dtype import Dtype
from numlean.scalar.operations import RELATIONS
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar

_SHOWN_DIGITS: Final = 25
_GUARD_BITS: Final = 256
_SPREAD: Final = 4096


def exact_of(element: Element, operation: str, scalar: Scalar) -> Any:
    """Return the result without rounding, as an ``mpf``; None if it is not a number.

    mpmath computes it with enough bits that sums, products and fused operations of the Scalar's
    numbers are exact.
    """
    if operation in RELATIONS:
        return None
    involved = (scalar, *element.scalars.values())
    wide = get_scalar(Dtype.mp(max(map(_enough_bits, involved))).text)
    try:
        operands = tuple(element.operands.values())
        if not element.is_conversion:
            operands = tuple(
                wide.from_exact(element.scalars.get(label, scalar).to_exact(x))
                for label, x in element.operands.items()
            )
        (value,) = wide.to_exact(element.apply(wide, operands))
    except (NumleanError, ValueError):
        return None
    return value if abs(value) < np.inf else None


def digits_of(exact: Any) -> str:
    """Return an exact value as a decimal of many digits."""
    from mpmath import mp, nstr

    with mp.workdps(_SHOWN_DIGITS + 5):
        return str(nstr(+exact, _SHOWN_DIGITS))


def _enough_bits(scalar: Scalar) -> int:
    format = scalar.format
    if format is None:
        # Its exponents are unbounded, but operands usually have similar exponents.
        return 4 * precision_of(scalar) + _SPREAD
    return 2 * (format.emax - format.emin + format.precision) + _GUARD_BITS
