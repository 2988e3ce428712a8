"""Arithmetics that are meant to differ, beside each other and a truth."""

from numlean.analysis.drift.comparing import compare
from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.operations import OperationErrors
from numlean.analysis.drift.result import Comparison
from numlean.analysis.drift.ulp_scale import UlpScale

__all__ = ["Comparison", "ErrorStats", "OperationErrors", "UlpScale", "compare"]
