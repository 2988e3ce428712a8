"""Elementary functions, correctly rounded, in integers."""

from numlean_kernels.elementary.table import (
    BINARY,
    UNARY,
    binary64_routine,
    elementary_routine,
    first_phase,
)

__all__ = ["BINARY", "UNARY", "binary64_routine", "elementary_routine", "first_phase"]
