"""Where kernels run: what turns a loop and a table of routines into a callable on arrays."""

from numlean_kernels.targets.find import DEVICES, get_target

__all__ = ["DEVICES", "get_target"]
