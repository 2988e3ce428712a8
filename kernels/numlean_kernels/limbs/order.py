"""The order of numbers in limbs, and the choices that follow from it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs.word_literals import INFINITE, KIND, MINUS, NAN, W0, W1, W2, ZERO
from numlean_kernels.limbs.words import order_of
from numlean_kernels.targets.inlined import InlinedRoutine

UNORDERED: Final = 2


@InlinedRoutine
def compare(x: Any, xo: Any, y: Any, yo: Any, n: Any) -> int:
    """Return -1, 0, 1, or 2 if a number is a NaN."""
    a, b = x[xo], y[yo]
    if (a & KIND) == NAN or (b & KIND) == NAN:
        return UNORDERED
    if a != b:
        # Signs of zeros are plus, and kinds grow with magnitude.
        less = 1 if b & MINUS != W0 else -1
        if (a ^ b) & MINUS == W0:
            return less if (a & KIND) < (b & KIND) else -less
        return -1 if a & MINUS != W0 else 1
    if (a & KIND) == ZERO or (a & KIND) == INFINITE:
        return 0
    greater = -1 if a & MINUS != W0 else 1
    i, j = np.int64(x[xo + W1]), np.int64(y[yo + W1])
    if i != j:
        return greater if i > j else -greater
    return greater * int(order_of(x, xo + W2, y, yo + W2, n))
