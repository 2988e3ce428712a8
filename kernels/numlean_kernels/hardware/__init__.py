"""Hardware binary32 and binary64, with the NaN rule of the emulation."""

from numlean_kernels.hardware.table import hardware_table

__all__ = ["hardware_table"]
