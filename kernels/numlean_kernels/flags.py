"""The five exceptions of clause 7, as bits of an integer."""

from __future__ import annotations

from typing import Final

INEXACT: Final = 1
UNDERFLOW: Final = 2
OVERFLOW: Final = 4
DIVIDE_BY_ZERO: Final = 8
INVALID: Final = 16

FLAGS: Final = {
    "invalid": INVALID,
    "divide_by_zero": DIVIDE_BY_ZERO,
    "overflow": OVERFLOW,
    "underflow": UNDERFLOW,
    "inexact": INEXACT,
}
"""The flags by the names of the standard, in its order."""
