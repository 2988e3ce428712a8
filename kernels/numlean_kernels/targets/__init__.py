"""Where kernels run: what turns a loop and a table of routines into a callable on arrays."""

from numlean_kernels.targets.find import DEVICES, get_target
from numlean_kernels.targets.protocol import DeviceFailedError, DeviceMissingError

__all__ = ["DEVICES", "DeviceFailedError", "DeviceMissingError", "get_target"]
