"""Words that kernels compute with, and the parts of a header, as unsigned words.

A sum of a signed and an unsigned word would be a float for numba.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from numlean_kernels.limbs import layout

W0: Final = np.uint64(0)
W1: Final = np.uint64(1)
W2: Final = np.uint64(2)
W3: Final = np.uint64(3)
W4: Final = np.uint64(4)
W6: Final = np.uint64(6)
W8: Final = np.uint64(8)
W10: Final = np.uint64(10)
W12: Final = np.uint64(12)
W32: Final = np.uint64(32)
W63: Final = np.uint64(63)
W64: Final = np.uint64(64)
ONES: Final = np.uint64(0xFFFFFFFFFFFFFFFF)

KIND: Final = np.uint64(layout.KIND)
MINUS: Final = np.uint64(layout.MINUS)
ZERO: Final = np.uint64(layout.ZERO)
FINITE: Final = np.uint64(layout.FINITE)
INFINITE: Final = np.uint64(layout.INFINITE)
NAN: Final = np.uint64(layout.NAN)
