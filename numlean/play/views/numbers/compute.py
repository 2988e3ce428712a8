"""What the view shows of each format, without its HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.inspection.evaluation import Evaluation
from numlean.inspection.functions import FUNCTIONS
from numlean.inspection.syntax import (
    Call,
    Comparison,
    Encoding,
    Node,
    Number,
    count_operations,
    nested_too_deeply,
    parse,
)
from numlean.play.scalars.detail import Detail, detail
from numlean.play.scalars.loading import Chosen, load
from numlean.play.scalars.placement import Placement, placement
from numlean.play.scalars.truth import Error, Truth, error_of, truth_of
from numlean.play.views.numbers.query import NAMES, NumbersQuery, Operand
from numlean.play.views.text import describe_numbers
from numlean.scalar.code_fields import code_width
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import exact_of
from numlean.scalar.exact_text import format_c_hex
from numlean.scalar.flags import Flags
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_variant, scalar_backend_of
from numlean.scalar.rounding_names import DIRECTIONS
from numlean.scalar.work_limit import check_work

_CODE: Final = re.compile(r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9]+", re.ASCII)
_ROUND: Final = "round"
_INTEGRAL: Final = "round_to_integral"


@dataclass(frozen=True)
class Outcome:
    """A result.

    Attributes:
        number: The result.
        flags: The exceptions raised, by name; None if they are not recorded.
        error: Its error; None if unknown.
    """

    number: Detail
    flags: tuple[str, ...] | None
    error: Error | None


@dataclass(frozen=True)
class Direction:
    """The result of the operation in a rounding direction."""

    rounding: str
    outcome: Outcome


@dataclass(frozen=True)
class Card:
    """What a format makes of the numbers.

    Attributes:
        chosen: The format.
        summary: One line about its numbers.
        operands: The operands, if there is an operation.
        outcome: The result; None if it is the answer of a comparison, or there is none.
        answer: The answer of a comparison.
        truth: The exact value of the expression, or of the operation on these operands.
        placement: Where it lies between the result and its neighbours.
        directions: The results of the operation in each direction; of formats that have them.
        message: Why there is no result.
    """

    chosen: Chosen
    summary: str = ""
    operands: tuple[Detail, ...] = ()
    outcome: Outcome | None = None
    answer: bool | None = None
    truth: Truth | None = None
    placement: Placement | None = None
    directions: tuple[Direction, ...] = ()
    message: str = ""


def compute_card(query: NumbersQuery, chosen: Chosen) -> Card:
    """Return what a format makes of the numbers; an error is the card's message."""
    try:
        scalar = load(chosen.dtype)
        summary = describe_numbers(scalar)
        return (_of_operation if query.operation else _of_value)(query, chosen, scalar, summary)
    except NumleanError as error:
        return Card(chosen, message=str(error))
    except RecursionError:
        return Card(chosen, message=str(nested_too_deeply()))


def _of_value(query: NumbersQuery, chosen: Chosen, scalar: Scalar, summary: str) -> Card:
    operand = query.operands[0]
    evaluation = Evaluation(scalar)
    if not operand.bits_of:
        tree = parse(operand.text)
        _check(tree, scalar)
        if isinstance(tree, Comparison):
            return Card(chosen, summary, answer=evaluation.holds(tree))
        node, x = tree, evaluation.value(tree)
    else:
        node, x = _of_code(operand, evaluation, NAMES[0])
    truth, number = truth_of(node, scalar), detail(scalar, x)
    raised = _raised(evaluation)
    if raised is None and not operand.bits_of:
        raised = _raised_by_twin(node, scalar, number)
    outcome = Outcome(number, raised, error_of(scalar, number, truth))
    return Card(
        chosen,
        summary,
        outcome=outcome,
        truth=truth,
        placement=placement(scalar, number, truth),
    )


def _of_operation(query: NumbersQuery, chosen: Chosen, scalar: Scalar, summary: str) -> Card:
    x = [
        _operand(operand, Evaluation(scalar), name)
        for name, operand in zip(NAMES, query.used, strict=False)
    ]
    node = Call(FUNCTIONS[query.operation], tuple(_node_of(scalar, each) for each in x))
    truth = truth_of(node, scalar)
    outcome = _applied(query.operation, scalar, x, truth)
    return Card(
        chosen,
        summary,
        operands=tuple(detail(scalar, each) for each in x),
        outcome=outcome,
        truth=truth,
        placement=placement(scalar, outcome.number, truth),
        directions=tuple(_directions(query.operation, scalar, x, node, truth)),
    )


def _operand(operand: Operand, evaluation: Evaluation, name: str) -> Storage:
    if operand.bits_of:
        return _of_code(operand, evaluation, name)[1]
    if not operand.text:
        raise NumleanError(f"the operation needs {name}")
    tree = parse(operand.text)
    _check(tree, evaluation.scalar)
    if isinstance(tree, Comparison):
        raise NumleanError(f"{name} is a comparison, whose answer is not a number")
    return evaluation.value(tree)


def _check(tree: Node | Comparison, scalar: Scalar) -> None:
    operations = count_operations(tree)
    check_work(f"an expression of {operations:,} operations", precision_of(scalar), operations)


def _of_code(operand: Operand, evaluation: Evaluation, name: str) -> tuple[Node, Storage]:
    """Return the number of a code as a node, and rounded to the arithmetic of an evaluation."""
    source, scalar = load(operand.bits_of), evaluation.scalar
    width = code_width(source)
    if width is None:
        raise NumleanError(f"numbers of {source.name} have no bits; write {name} as an expression")
    code = int(operand.text, 0) if _is_code(operand.text) else None
    if code is None or code >> width:
        raise NumleanError(
            f"{name} is not a code of the {width} bits of {source.name}: {operand.text!r:.80};"
            " write 0x3f or 0b0011"
        )
    x = source.from_bits([code])
    if source.name == scalar.name:
        return _node_of(scalar, x), x
    flags = evaluation.flags
    return _node_of(source, x, by_value=True), scalar.cast_from(source, x, flags=flags)


def _is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None and not text.endswith("_") and "__" not in text


def _node_of(scalar: Scalar, x: Storage, *, by_value: bool = False) -> Node:
    """Return a number as an expression: its value, or the code of a zero or a NaN."""
    value = exact_of(scalar.to_exact(x)[0])
    # A zero has a sign, and a NaN more, only as a code.
    if code_width(scalar) is not None and not (by_value or value.significand):
        return Encoding(int(scalar.to_bits(x)[0]))
    if value.is_finite:
        return Number(format_c_hex(value))
    return Number({libmp.finf: "inf", libmp.fninf: "-inf"}.get(tuple(value), "nan"))


def _applied(operation: str, scalar: Scalar, x: list[Storage], truth: Truth | None) -> Outcome:
    evaluation = Evaluation(scalar)
    number = detail(scalar, evaluation.apply(operation, *x))
    raised = _raised(evaluation)
    if raised is None and number.code is not None:
        node = Call(FUNCTIONS[operation], tuple(Encoding(int(scalar.to_bits(a)[0])) for a in x))
        raised = _raised_by_twin(node, scalar, number)
    return Outcome(number, raised, error_of(scalar, number, truth))


def _raised(evaluation: Evaluation) -> tuple[str, ...] | None:
    if not evaluation.supports_flags:
        return None
    return raised_names(evaluation.flags)


def _raised_by_twin(node: Node, scalar: Scalar, number: Detail) -> tuple[str, ...] | None:
    """Return the exceptions in integer arithmetic of the same format, if the result is the same.

    The processor's arithmetic does not record them.
    """
    twin = _twin(scalar)
    if twin is None:
        return None
    evaluation = Evaluation(twin)
    is_same = int(twin.to_bits(evaluation.value(node))[0]) == number.code
    return _raised(evaluation) if is_same else None


def raised_names(flags: Flags) -> tuple[str, ...]:
    """Return the names of the exceptions that were raised."""
    return tuple(name.replace("_", " ") for name, count in flags.as_dict().items() if count)


def _directions(
    operation: str, scalar: Scalar, x: list[Storage], node: Node, truth: Truth | None
) -> Iterator[Direction]:
    """Yield the operation in each direction on the same operands, by their codes."""
    base = _with_directions(scalar)
    if base is None:
        return
    codes = [scalar.to_bits(each) for each in x]
    for rounding in DIRECTIONS:
        try:
            variant = get_variant(base, round=rounding)
        except NumleanError:
            continue  # the arithmetic does not have this direction
        operands = [variant.from_bits(each) for each in codes]
        # The integer that is the exact result depends on the direction.
        exact = truth_of(node, variant) if operation == _INTEGRAL else truth
        yield Direction(rounding, _applied(operation, variant, operands, exact))


def _with_directions(scalar: Scalar) -> Scalar | None:
    """Return a Scalar with the same codes that can round in other directions; None without one.

    The processor's arithmetic rounds in one direction; the same format in integers has all.
    """
    backend = scalar_backend_of(scalar.reference_dtype)
    return scalar if backend is not None and _ROUND in backend.options else _twin(scalar)


def _twin(scalar: Scalar) -> Scalar | None:
    """Return the Scalar of the same IEEE format in integer arithmetic; None if there is none."""
    dtype = None if scalar.format is None else Dtype.of_format(scalar.format)
    return None if dtype is None else load(dtype.text)
