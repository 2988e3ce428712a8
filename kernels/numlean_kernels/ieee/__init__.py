"""IEEE 754 arithmetic on encodings, in integers only."""

from numlean_kernels.ieee.compare import UNORDERED
from numlean_kernels.ieee.table import ieee_table

__all__ = ["UNORDERED", "ieee_table"]
