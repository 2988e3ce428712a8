"""Elementary functions, correctly rounded, in integers."""

from numlean_kernels.elementary.table import BINARY, UNARY, elementary_routine

__all__ = ["BINARY", "UNARY", "elementary_routine"]
