"""Targets: they turn a loop and a table of routines into a callable on arrays."""

from numlean_kernels.protocol import DeviceFailedError, DeviceMissingError
from numlean_kernels.targets.registry import DEVICES, get_target

__all__ = ["DEVICES", "DeviceFailedError", "DeviceMissingError", "get_target"]
