"""Expressions typed by a person, evaluated in any arithmetic.

``0.1 + 0.2``, ``fma(3, 1/3, -1)``, ``sqrt(2) < 1.5``, ``0x1.8p-3 * bits(0x3f800001)``. A literal is
rounded once from its text; each operation is the Scalar's, in Python's order.
"""

from __future__ import annotations

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
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
from numlean.scalar.conversion import Conversion
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import scalar_on
from numlean.scalar.work_limit import check_work


@checked
def evaluate(
    text: str,
    dtype: str,
    *,
    to: str | None = None,
    rounding: str | None = None,
    overflow: str | None = None,
    max_bits: int | None = None,
) -> Inspection | bool:
    """Return the value of an expression in an arithmetic, or the answer of a comparison.

    An expression has literals as ``from_string`` takes them, ``inf nan snan nan(0x12) pi e``,
    encodings such as ``bits(0x3f800001)``, the operators ``+ - * / % **``, one comparison
    ``< <= > >= == !=``, and the functions of ``numlean.inspection.functions``.

    Flags count those of literals. The error shown is the distance from the exact value of the
    expression, with exact literals; it is omitted where that value is not known.

    Args:
        text: The expression.
        dtype: The arithmetic's name.
        to: The arithmetic to which the value is converted, as by ``nl.cast``; the flags count those
            of the conversion, and the error is that of the converted number.
        rounding: The rounding of this conversion, in place of that of ``to``.
        overflow: The overflow of this conversion, in place of that of ``to``.
        max_bits: The limit for the work, as the bits of numbers with short exponents; None for
            65,536. The module ``numlean.scalar.work_limit`` defines it for long exponents.

    Raises:
        NumleanError: The text is not an expression, or the arithmetic lacks one of its operations,
            or the work exceeds the limit, or ``to`` lacks a choice.
    """
    conversion = Conversion.of(rounding, overflow)
    if to is None and not conversion.is_plain:
        raise NumleanError("a rounding or an overflow is that of a conversion; give its dtype: to")
    with work_limit.max_bits(max_bits):
        try:
            target = None if to is None else _interpreted(to)
            return _evaluate(parse(text), _interpreted(dtype), target, conversion)
        except RecursionError:
            raise nested_too_deeply() from None


def _interpreted(dtype: str) -> Scalar:
    """Return the Scalar of a dtype whose kernels need not be compiled, if there is one.

    Few numbers are computed in less time than a kernel is compiled, or loaded, with the same bits.
    """
    return scalar_on(dtype, "python")


def _evaluate(
    tree: Node | Comparison, scalar: Scalar, to: Scalar | None, conversion: Conversion
) -> Inspection | bool:
    precision = precision_of(scalar)
    operations = count_operations(tree)
    check_work(f"an expression in {scalar.name}", precision, 1)
    check_work(f"an expression of {operations:,} operations", precision, operations)
    evaluation = Evaluation(scalar)
    if isinstance(tree, Comparison):
        if to is not None:
            raise NumleanError("the answer of a comparison is not a number that can be converted")
        return evaluation.holds(tree)
    result = evaluation.value(tree)
    if to is not None:
        return _converted(tree, evaluation, result, to, conversion)
    return inspect_within_limit(
        Tensor(scalar, result),
        flags=evaluation.flags if evaluation.supports_flags else None,
        uncounted=tuple(evaluation.uncounted),
        error_ulp=error_ulp(tree, scalar, result),
    )


def _converted(
    tree: Node, evaluation: Evaluation, result: Storage, to: Scalar, conversion: Conversion
) -> Inspection:
    """Return the properties of a value that is converted to another arithmetic."""
    scalar, flags = evaluation.scalar, evaluation.flags
    check_work(f"a conversion to {to.name}", precision_of(to), 1)
    z = to.cast_from(scalar, result, **conversion.options(), flags=flags)
    operations = () if evaluation.supports_flags else (f"operations of {scalar.name}",)
    return inspect_within_limit(
        Tensor(to, z),
        flags=flags,
        uncounted=(*operations, *evaluation.uncounted),
        error_ulp=error_ulp(tree, scalar, z, to),
    )
