"""Numbers of one Scalar in another that may have all of them."""

from __future__ import annotations

from numlean.scalar.precision import Extent, extent_of, is_unbounded, precision_of
from numlean.scalar.protocol import Scalar


def widens(narrow: Scalar, wide: Scalar) -> bool:
    """Return whether a Scalar has every number of another one.

    Only formats, and arithmetics with unbounded exponents, have numbers of others.
    """
    if narrow == wide:
        return True
    if wide.format is not None and narrow.format is not None:
        return wide.format.contains(narrow.format)
    extent = extent_of(narrow)
    if wide.format is None:
        precision = precision_of(narrow) if extent is None else extent.precision
        return is_unbounded(wide) and precision <= precision_of(wide)
    return extent is not None and Extent.of_format(wide.format).contains(extent)
