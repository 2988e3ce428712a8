"""Tables: the routines of an arithmetic by name, for one target."""

from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.tables.hardware_on_encodings import encodings_table
from numlean_kernels.tables.ieee import ieee_table

__all__ = ["encodings_table", "hardware_table", "ieee_table"]
