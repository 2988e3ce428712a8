"""Where kernels run: what turns a loop and a table of routines into a callable on arrays."""

from numlean_kernels.targets.find import DEVICES, get_target
from numlean_kernels.targets.protocol import DeviceMissingError

__all__ = ["DEVICES", "DeviceMissingError", "get_target"]
