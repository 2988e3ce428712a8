"""Functions of binary64, rounded to nearest, in integers of two words."""

from numlean_kernels.elementary.binary64.arctangent import ANGLE, ARCS
from numlean_kernels.elementary.binary64.error_function import ERROR
from numlean_kernels.elementary.binary64.exponential import EXPONENTIAL
from numlean_kernels.elementary.binary64.hypot import HYPOTENUSE
from numlean_kernels.elementary.binary64.logarithm import LOGARITHMIC
from numlean_kernels.elementary.binary64.power import POWER
from numlean_kernels.elementary.binary64.roots import ROOTS
from numlean_kernels.elementary.binary64.trigonometric import TRIGONOMETRIC

__all__ = [
    "ANGLE",
    "ARCS",
    "ERROR",
    "EXPONENTIAL",
    "HYPOTENUSE",
    "LOGARITHMIC",
    "POWER",
    "ROOTS",
    "TRIGONOMETRIC",
]
