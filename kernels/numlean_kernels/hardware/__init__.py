"""Hardware binary32 and binary64, with the NaN rule of the emulation."""

from numlean_kernels.hardware.on_encodings import encodings_table
from numlean_kernels.hardware.table import hardware_table

__all__ = ["encodings_table", "hardware_table"]
