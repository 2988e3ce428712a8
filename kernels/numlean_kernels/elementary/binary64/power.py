"""Powers of binary64, by :mod:`numlean_kernels.elementary.power`."""

from __future__ import annotations

from typing import Final

from numlean_kernels.elementary.power import Limits, power_of_number
from numlean_kernels.ieee.routine_builder import Maker

_LIMITS: Final = Limits(precision=53, greatest=11, farthest=1100, sum_bits=116, close=1 << 18)

CORES: Final[dict[str, Maker]] = {"pow": power_of_number(_LIMITS)}
"""``power(ea, ma, is_negative, eb, mb) -> (kind, e, m)`` by the name of the function."""
