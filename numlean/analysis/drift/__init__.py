"""Arithmetics that are meant to differ, beside each other and a truth."""

from numlean.analysis.drift.comparing import compare
from numlean.analysis.drift.error_stats import Tally
from numlean.analysis.drift.operations import OperationErrors
from numlean.analysis.drift.result import Comparison
from numlean.analysis.drift.ulp_scale import Grid

__all__ = ["Comparison", "Grid", "OperationErrors", "Tally", "compare"]
