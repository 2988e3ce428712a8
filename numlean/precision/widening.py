"""Numbers of one Scalar in another that may have all of them."""

from __future__ import annotations

from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar


def widens(narrow: Scalar, wide: Scalar) -> bool:
    """Return whether a Scalar has every number of another one."""
    if narrow == wide:
        return True
    if wide.format is None:  # its exponents are unbounded
        return precision_of(narrow) <= precision_of(wide)
    return narrow.format is not None and wide.format.contains(narrow.format)
