"""Compare arithmetics that are meant to differ with each other and with a precise reference."""

from numlean.analysis.drift.comparing import compare
from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.operations import OperationErrors
from numlean.analysis.drift.product_errors import ProductErrors
from numlean.analysis.drift.result import Comparison
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.analysis.drift.update_errors import UpdateErrors

__all__ = [
    "Comparison",
    "ErrorStats",
    "OperationErrors",
    "ProductErrors",
    "UlpScale",
    "UpdateErrors",
    "compare",
]
