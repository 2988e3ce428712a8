"""Compare matrix units: their rules, and dot products that tell them apart."""

from numlean.analysis.matrix_units.comparison import ToldApart, UnitComparison, compare_units
from numlean.analysis.matrix_units.vectors import UnitVectors, read_vectors, write_vectors

__all__ = [
    "ToldApart",
    "UnitComparison",
    "UnitVectors",
    "compare_units",
    "read_vectors",
    "write_vectors",
]
