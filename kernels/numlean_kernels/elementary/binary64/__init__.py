"""Functions of binary64, rounded to nearest, in integers of two words."""

from typing import Final

from numlean_kernels.elementary.binary64 import (
    arctangent,
    error_function,
    exponential,
    hypot,
    logarithm,
    power,
    roots,
    trigonometric,
)
from numlean_kernels.ieee.routine_builder import Maker

CORES: Final[dict[str, Maker]] = {
    **exponential.CORES,
    **logarithm.CORES,
    **trigonometric.CORES,
    **arctangent.CORES,
    **roots.CORES,
    **error_function.CORES,
    **power.CORES,
    **hypot.CORES,
}
"""The cores of all functions, as :mod:`numlean_kernels.elementary.special_cases` takes them."""

__all__ = ["CORES"]
