"""Matrix units by name: products of matrices as a V100, an H100 or an MI300 computes them."""

from numlean.precision.matrix_units.names import get_matrix_unit, matrix_units
from numlean.precision.matrix_units.unit import MatrixUnit

__all__ = ["MatrixUnit", "get_matrix_unit", "matrix_units"]
