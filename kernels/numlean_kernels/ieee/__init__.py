"""IEEE 754 arithmetic on encodings, using integers only."""

from numlean_kernels.ieee.arithmetic import (
    Arithmetic,
    NanRule,
    Overflow,
    RandomBits,
    Rounding,
    Subnormal,
    Tininess,
)
from numlean_kernels.ieee.compare import UNORDERED

__all__ = [
    "UNORDERED",
    "Arithmetic",
    "NanRule",
    "Overflow",
    "RandomBits",
    "Rounding",
    "Subnormal",
    "Tininess",
]
