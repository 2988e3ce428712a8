"""Arithmetics that are meant to differ, beside each other and a truth."""

from numlean.comparison.comparing import compare
from numlean.comparison.grid import Grid
from numlean.comparison.operations import OperationErrors
from numlean.comparison.result import Comparison
from numlean.comparison.tally import Tally

__all__ = ["Comparison", "Grid", "OperationErrors", "Tally", "compare"]
