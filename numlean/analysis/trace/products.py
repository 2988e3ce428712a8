"""Products of matrices as wholes, and the computation of one element of them.

A product in several arithmetics consists of operations that another run may not have. As a whole it
is an operation named ``product``, whose operands are the two matrices and the addend, if any.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.analysis.trace.element import Again, Element, Index
from numlean.errors import NumleanError
from numlean.precision import Contraction
from numlean.precision.scaling.entered_operands import EnteredOperands, in_scalar
from numlean.scalar.operations import MIXED_PRODUCTS, Kind, operations
from numlean.scalar.product_scope import Multiplied, Product
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.tracing import TracedOperation, untraced

PRODUCT: Final = "product"
"""The name of a product of several operations, as one."""

_FACTOR: Final = "factor of {}"
"""The label of the factors that undo the scales of an operand."""

_MATRIX_PRODUCTS: Final = (*operations(kind=Kind.PRODUCT), *MIXED_PRODUCTS)


def product_of(op: TracedOperation) -> Product | None:
    """Return the product that an operation is a part of; an operation that is one counts as one."""
    if op.product is not None or op.operation not in _MATRIX_PRODUCTS:
        return op.product
    if op.operation in MIXED_PRODUCTS:
        numbers = op.pairs
    else:
        numbers = [Numbers(op.scalar, x) for x in op.operands]
    return Product(None, tuple(numbers), Numbers(op.scalar, op.result))


def whole(product: Product, parts: Sequence[TracedOperation]) -> TracedOperation:
    """Return a product of several operations as one."""
    assert product.result is not None  # its parts have ended
    operands = tuple(x for _, x in product.operands)
    scalar, result = product.result
    last = parts[-1]
    return TracedOperation(
        last.place,
        PRODUCT,
        operands,
        {},
        result,
        last.formula,
        scalar=untraced(scalar),
        product=product,
    )


def rule_text(op: TracedOperation) -> str | None:
    """Return the arithmetics of the product that an operation is a part of.

    Of a conversion with choices of its own, these; None of other operations.
    """
    product = product_of(op)
    if product is None:
        return None if op.label == op.operation else f"{op.label} to {op.scalar.name}"
    rule = product.rule
    return "product with " + (f"every operation in {op.scalar.name}" if rule is None else str(rule))


def element_of_mixed_product(op: TracedOperation, index: Index) -> Element:
    """Return the computation of an element of a product of other Scalars' numbers."""
    a, b, *addend = op.pairs
    entered = EnteredOperands(a, b)
    operands = entered.of_element(index)
    cells = [Numbers(s, _cell(x, op.result.shape, index)) for s, x in addend]
    further = cells[0] if cells else None

    def again(s: Scalar) -> Storage:
        given = () if further is None else further
        multiply = getattr(s, op.operation)
        z: Storage = multiply(*operands.a, *operands.b, *given, **op.options)
        return z.reshape(1)

    return _element(_rows(entered.multiplied(None), index), further, again)


def element_of_product(op: TracedOperation, index: Index) -> Element:
    """Return the computation of an element of a whole product.

    Its operands are those that are multiplied: rounded, and scaled.
    """
    product = op.product
    assert product is not None
    (scalar, a), (_, b), *rest = (Numbers(untraced(s), x) for s, x in product.operands)
    cells = [Numbers(s, _cell(x, op.result.shape, index)) for s, x in rest]
    addend = cells[0] if cells else None
    if product.rule is None:
        whole_operands = EnteredOperands(Numbers(scalar, a), Numbers(scalar, b))
        one = whole_operands.of_element(index)
        rows = _rows(whole_operands.multiplied(None), index)
        return _element(rows, addend, lambda s: _of_one_scalar(s, one, addend))
    rule, rows = product.rule.with_scalars(untraced), _rows(product.multiplied, index)
    if not isinstance(rule, Contraction):
        return _element(rows, addend, lambda s: None)
    entered = _entered(product.multiplied, index)

    def again(s: Scalar) -> Storage | None:
        if not _is_repeatable(rule):
            return None
        own = rule.with_scalars(lambda each: s if each == rule.output else _reference(each))
        operands = entered.with_scalars(lambda each: _reference(untraced(each)))
        further = addend and in_scalar(addend, _reference)
        return own.of_entered(operands, further).reshape(1)

    return _element(rows, addend, again)


def _is_repeatable(rule: Contraction) -> bool:
    """Return whether the sums of a product and their rounding are not random."""
    scalars = [rule.output]

    def seen(scalar: Scalar) -> Scalar:
        scalars.append(scalar)
        return scalar

    rule.accumulate.with_scalars(seen)
    return all(scalar.is_deterministic for scalar in scalars)


def _entered(multiplied: Sequence[Multiplied], index: Index) -> EnteredOperands:
    """Return a row and a column as the operands of a product of one element."""
    a, b = multiplied[:2]
    return EnteredOperands(a.codes, b.codes, a.quantized, b.quantized).of_element(index)


def _reference(scalar: Scalar) -> Scalar:
    """Return the interpreter of a Scalar's arithmetic; the Scalar itself if there is none."""
    try:
        return get_scalar(scalar.reference_dtype, "python")
    except NumleanError:
        return scalar


def _of_one_scalar(s: Scalar, operands: EnteredOperands, addend: Numbers | None) -> Storage:
    changed = operands.with_scalars(lambda _: s)
    z = s.matmul(changed.a.storage, changed.b.storage).reshape(1)
    if addend is None:
        return z
    return s.add(z, in_scalar(addend, lambda _: s).storage)


def _element(rows: Sequence[Multiplied], addend: Numbers | None, again: Again) -> Element:
    """Return the element of the row and the column of two operands, plus an addend."""
    labelled = {label: row.codes for label, row in zip("ab", rows, strict=False)}
    if addend is not None:
        labelled["c"] = addend
    for label, row in zip("ab", rows, strict=False):
        if row.factors is not None:
            labelled[_FACTOR.format(label)] = row.factors
    return Element(
        {label: np.ascontiguousarray(x.storage).reshape(-1) for label, x in labelled.items()},
        partial(_exact_sum, [*labelled]),
        scalars={label: x.scalar for label, x in labelled.items()},
        again=again,
    )


def _exact_sum(labels: Sequence[str], s: Scalar, x: tuple[Any, ...]) -> Storage:
    """Return the sum of products, factors and addend in a Scalar that has them exactly."""
    given = dict(zip(labels, map(np.ascontiguousarray, x), strict=True))
    for label in "ab":
        factors = given.get(_FACTOR.format(label))
        if factors is not None:
            given[label] = s.mul(given[label], factors)
    z = s.matmul(given["a"].reshape(1, -1), given["b"].reshape(-1, 1)).reshape(1)
    return s.add(z, given["c"]) if "c" in given else z


def _rows(operands: Sequence[Multiplied], index: Index) -> list[Multiplied]:
    """Return the row and the column that an element is the product of, each of one axis."""
    *batch, i, j = index
    places = (*batch, i), (*batch, slice(None), j)
    return [_row(each, place) for each, place in zip(operands, places, strict=False)]


def _row(operand: Multiplied, place: Any) -> Multiplied:
    codes, factors = operand.codes, operand.factors
    row = Numbers(untraced(codes.scalar), codes.storage[place])
    if factors is None:
        return Multiplied(row)
    own = np.broadcast_to(factors.storage, codes.storage.shape)[place]
    is_constant = len({x.tobytes() for x in own}) == 1
    each = Numbers(untraced(factors.scalar), own[:1] if is_constant else own)
    return Multiplied(row, lambda: each)


def _cell(x: Storage, shape: tuple[int, ...], index: Index) -> Storage:
    """Return the addend of an element, of shape (1,)."""
    return np.asarray(np.broadcast_to(x, shape)[index]).reshape(1)
