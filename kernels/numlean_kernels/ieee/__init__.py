"""IEEE 754 arithmetic on encodings, in integers only."""

from numlean_kernels.ieee.arithmetic import (
    Arithmetic,
    NanRule,
    Overflow,
    Rounding,
    Subnormal,
    Tininess,
)
from numlean_kernels.ieee.compare import UNORDERED
from numlean_kernels.ieee.flags import FLAGS
from numlean_kernels.ieee.table import ieee_table

__all__ = [
    "FLAGS",
    "UNORDERED",
    "Arithmetic",
    "NanRule",
    "Overflow",
    "Rounding",
    "Subnormal",
    "Tininess",
    "ieee_table",
]
