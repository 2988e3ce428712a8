"""Fast phases of functions in hardware binary64, for targets that have them.

Each is ``fast(*operands) -> (certain, z)`` on hardware floats, rounded to nearest. See
:mod:`.floats` for the method.
"""

from collections.abc import Callable
from typing import Final

from numlean_kernels.elementary.hardware import (
    exponential,
    logarithm,
    narrow,
    power,
    trigonometric,
)
from numlean_kernels.elementary.hardware.floats import FloatBuilder
from numlean_kernels.formats import BINARY32, BINARY64, Format
from numlean_kernels.protocol import Routine

PHASES: Final[dict[Format, dict[str, Callable[[FloatBuilder], Routine]]]] = {
    BINARY64: {
        **exponential.PHASES,
        **logarithm.PHASES,
        **trigonometric.PHASES,
        **power.PHASES,
    },
    BINARY32: narrow.PHASES,
}
"""The makers of fast phases, by format and by the name of the function."""

__all__ = ["PHASES", "FloatBuilder"]
