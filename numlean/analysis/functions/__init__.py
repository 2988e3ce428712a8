"""Compare a function in several arithmetics: errors, their origins, and divergences."""

from numlean.analysis.functions.compare import compare_function
from numlean.analysis.functions.comparison import FunctionComparison
from numlean.analysis.functions.divergence import FunctionDivergence
from numlean.analysis.functions.error_propagation import LineError, OperationError
from numlean.analysis.functions.result import FunctionResult

__all__ = [
    "FunctionComparison",
    "FunctionDivergence",
    "FunctionResult",
    "LineError",
    "OperationError",
    "compare_function",
]
