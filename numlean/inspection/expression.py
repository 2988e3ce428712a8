"""Expressions typed by a person, evaluated in any arithmetic.

``0.1 + 0.2``, ``fma(3, 1/3, -1)``, ``sqrt(2) < 1.5``, ``0x1.8p-3 * bits(0x3f800001)``. A literal is
rounded once from its text; each operation is the Scalar's, in Python's order.
"""

from __future__ import annotations

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.inspection.evaluation import Evaluation
from numlean.inspection.number import Inspection, inspect_within_limit
from numlean.inspection.syntax import (
    Comparison,
    Node,
    count_operations,
    nested_too_deeply,
    parse,
)
from numlean.inspection.truth import error_ulp
from numlean.scalar import work_limit
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.scalar.work_limit import check_work


@checked
def evaluate(text: str, dtype: str, *, max_bits: int | None = None) -> Inspection | bool:
    """Return the value of an expression in an arithmetic, or the answer of a comparison.

    An expression has literals as ``from_string`` takes them, ``inf nan snan nan(0x12) pi e``,
    encodings such as ``bits(0x3f800001)``, the operators ``+ - * / % **``, one comparison
    ``< <= > >= == !=``, and the functions of ``numlean.inspection.functions``.

    Flags count those of literals. The error shown is the distance from the exact value of the
    expression, with exact literals; it is omitted where that value is not known.

    Args:
        text: The expression.
        dtype: The arithmetic's name.
        max_bits: The limit for the work, as the bits of numbers with short exponents; None for
            65,536. The module ``numlean.scalar.work_limit`` defines it for long exponents.

    Raises:
        NumleanError: The text is not an expression, or the arithmetic lacks one of its operations,
            or the work exceeds the limit.
    """
    with work_limit.max_bits(max_bits):
        try:
            return _evaluate(parse(text), get_scalar(dtype))
        except RecursionError:
            raise nested_too_deeply() from None


def _evaluate(tree: Node | Comparison, scalar: Scalar) -> Inspection | bool:
    precision = precision_of(scalar)
    operations = count_operations(tree)
    check_work(f"an expression in {scalar.name}", precision, 1)
    check_work(f"an expression of {operations:,} operations", precision, operations)
    evaluation = Evaluation(scalar)
    if isinstance(tree, Comparison):
        return evaluation.holds(tree)
    result = evaluation.value(tree)
    return inspect_within_limit(
        Tensor(scalar, result),
        flags=evaluation.flags if evaluation.supports_flags else None,
        uncounted=tuple(evaluation.uncounted),
        error_ulp=error_ulp(tree, scalar, result),
    )
