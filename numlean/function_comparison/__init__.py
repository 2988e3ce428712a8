"""Any function in several arithmetics: its errors, where they arise, and where two runs part."""

from numlean.function_comparison.compare import compare_function
from numlean.function_comparison.comparison import FunctionComparison
from numlean.function_comparison.growth import LineError, OperationError
from numlean.function_comparison.parting import Parting
from numlean.function_comparison.result import FunctionResult

__all__ = [
    "FunctionComparison",
    "FunctionResult",
    "LineError",
    "OperationError",
    "Parting",
    "compare_function",
]
