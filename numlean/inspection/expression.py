"""Expressions typed by a person, evaluated in any arithmetic.

``0.1 + 0.2``, ``fma(3, 1/3, -1)``, ``sqrt(2) < 1.5``, ``0x1.8p-3 * bits(0x3f800001)``. A literal is
rounded once from its text; each operation is the Scalar's, in Python's order.
"""

from __future__ import annotations

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.inspection.evaluation import Evaluation
from numlean.inspection.number import Inspection, inspect
from numlean.inspection.syntax import Comparison, parse
from numlean.inspection.truth import error_ulp
from numlean.scalar.registry import get_scalar


@checked
def evaluate(text: str, dtype: str) -> Inspection | bool:
    """Return the value of an expression in an arithmetic, or the answer of a comparison.

    An expression has literals as ``from_string`` takes them, ``inf nan snan nan(0x12) pi e``,
    encodings such as ``bits(0x3f800001)``, the operators ``+ - * / % **``, one comparison
    ``< <= > >= == !=``, and the functions of ``numlean.inspection.functions``.

    Flags count those of literals. The error shown is the distance from the exact value of the
    expression, with exact literals; it is omitted where that value is not known.

    Raises:
        NumleanError: The text is not an expression, or the arithmetic lacks one of its operations.
    """
    tree = parse(text)
    scalar = get_scalar(dtype)
    evaluation = Evaluation(scalar)
    if isinstance(tree, Comparison):
        return evaluation.holds(tree)
    result = evaluation.value(tree)
    return inspect(
        Tensor(scalar, result),
        flags=evaluation.flags if evaluation.supports_flags else None,
        uncounted=tuple(evaluation.uncounted),
        error_ulp=error_ulp(tree, scalar, result),
    )
