"""The order of numbers in limbs, and the choices that follow from it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import layout
from numlean_kernels.limbs.words import order_of
from numlean_kernels.targets.inlined import InlinedRoutine

_0: Final = np.uint64(0)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_KIND: Final = np.uint64(layout.KIND)
_MINUS: Final = np.uint64(layout.MINUS)
_ZERO: Final = np.uint64(layout.ZERO)
_INFINITE: Final = np.uint64(layout.INFINITE)
_NAN: Final = np.uint64(layout.NAN)

UNORDERED: Final = 2


@InlinedRoutine
def compare(x: Any, xo: Any, y: Any, yo: Any, n: Any) -> int:
    """Return -1, 0, 1, or 2 if a number is a NaN."""
    a, b = x[xo], y[yo]
    if (a & _KIND) == _NAN or (b & _KIND) == _NAN:
        return UNORDERED
    if a != b:
        # Signs of zeros are plus, and kinds grow with magnitude.
        less = 1 if b & _MINUS != _0 else -1
        if (a ^ b) & _MINUS == _0:
            return less if (a & _KIND) < (b & _KIND) else -less
        return -1 if a & _MINUS != _0 else 1
    if (a & _KIND) == _ZERO or (a & _KIND) == _INFINITE:
        return 0
    greater = -1 if a & _MINUS != _0 else 1
    i, j = np.int64(x[xo + _1]), np.int64(y[yo + _1])
    if i != j:
        return greater if i > j else -greater
    return greater * int(order_of(x, xo + _2, y, yo + _2, n))
