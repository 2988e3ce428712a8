"""The first operation in which two runs differ, with its operands and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from numlean.analysis.lockstep.assessment import Assessment, assess
from numlean.analysis.lockstep.common_numbers import CommonNumbers
from numlean.analysis.lockstep.comparison import (
    Differing,
    Mask,
    RunComparison,
    comparison_of,
    first_place,
)
from numlean.analysis.lockstep.exact_result import digits_of, exact_of
from numlean.analysis.lockstep.numbers import Number, closer_of, ulps_between
from numlean.analysis.lockstep.observations import other_elements
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.unit_chains import BlockDifference, first_block
from numlean.analysis.report.encoding_block import divergence_block
from numlean.analysis.trace.element import Element, Index
from numlean.analysis.trace.elements import element_of, single
from numlean.analysis.trace.products import PRODUCT, product_of, rule_text
from numlean.scalar.operations import RELATIONS
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.wrappers.tracing import FORWARD, TracedOperation, untraced


@dataclass(frozen=True)
class Divergence:
    """The place where two runs diverge.

    Attributes:
        a: The name of one run.
        b: The name of the other run.
        step: The step, from 0.
        differing: The first number that differs after the step, by its name and index.
        where: The phase and the layer, if any; or the reason why no operation is named.
        operation: The first operation whose results differ though its operands are equal; None if
            none was found.
        call: Zero-based index of the call among those of this operation in the step.
        element: The index of the first element that differs.
        operands: The operands of that element, by label, equal in both runs; a's if they differ.
        results: The results of a and b.
        ulps: The number of steps of the format from a's result up to b's, both rounded to the
            coarser format if they are compared so; else None across formats.
        exact: The result without rounding, as a decimal; None if it is not a number.
        assessments: The assessments of both results, a's and b's.
        closer: The result that is closer to the exact one: "a", "b" or "equal"; None if unknown.
        rounded_to: The numbers to which results are rounded before they are compared; None if
            results are compared as they are. The operands may then differ by rounding.
        rounded: The results of a and b after that, as text.
        operands_b: The operands in b, if they differ from a's.
        exact_b: The result without rounding from them.
        rules: What a and b do at the operation, as text: how they round numbers, or multiply the
            matrices of the product that it is a part of; None if they do the same.
        block: The first terms that make the sums of two matrix units differ; None of other results.
    """

    a: str
    b: str
    step: int
    differing: str
    where: str
    operation: str | None = None
    call: int | None = None
    element: Index | None = None
    operands: dict[str, tuple[Number, ...]] | None = None
    results: tuple[Number, Number] | None = None
    ulps: int | None = None
    exact: str | None = None
    assessments: tuple[Assessment, Assessment] = (Assessment(), Assessment())
    closer: str | None = None
    rounded_to: str | None = None
    rounded: tuple[str, str] | None = None
    operands_b: dict[str, tuple[Number, ...]] | None = None
    exact_b: str | None = None
    rules: tuple[str, str] | None = None
    block: BlockDifference | None = None

    def __str__(self) -> str:
        title = f"step {self.step}, {self.where}: {self.differing} differs"
        if self.operation is None:
            return title
        return divergence_block(self)


@dataclass(frozen=True)
class TraceDifference:
    """The first difference of two traces.

    Attributes:
        number: The index of the operation in program order.
        element: The index of the first element that differs.
    """

    number: int
    element: Index


def first_difference(
    traces: Sequence[Sequence[TracedOperation | None]], compare: Differing | None = None
) -> TraceDifference | None:
    """Return the first operation whose results differ, in two traces of one program.

    Args:
        traces: The operations of both.
        compare: Returns where arrays differ; by default by their Scalars, without rounding.
    """
    compare = compare or RunComparison().differing
    for number, (one, other) in enumerate(zip(*traces, strict=False)):
        if one is None or other is None:
            continue
        x, y = np.asarray(one.result), np.asarray(other.result)
        if one.operation != other.operation or x.shape != y.shape:
            return None
        is_relation = one.operation in RELATIONS
        differs = np.asarray(x != y) if is_relation else compare(one.scalar, x, other.scalar, y)
        place = first_place(_lasting(differs, one, other, compare))
        if place is not None:
            return TraceDifference(number, place)
    return None


def _lasting(
    differs: Mask, one: TracedOperation, other: TracedOperation, compare: Differing
) -> Mask:
    """Return where results differ, without differences that their products absorb.

    Where two operations are parts of products in several arithmetics, none lasts if the products
    are equal; and if the products have the shape of the results, elements that differ in both count
    before others.
    """
    first, second = one.product, other.product
    if not differs.any() or first is None or second is None or first.rule is second.rule is None:
        return differs
    a, b = first.result, second.result
    assert a is not None  # as both products have ended
    assert b is not None
    lasting = compare(untraced(a.scalar), a.storage, untraced(b.scalar), b.storage)
    if not lasting.any():
        return np.zeros_like(differs)
    both = differs & lasting if lasting.shape == differs.shape else differs
    return both if both.any() else differs


def describe_divergence(
    specs: Sequence[RunSpec],
    step: int,
    differing: str,
    traces: Sequence[Sequence[TracedOperation | None]],
    found: TraceDifference,
    comparison: RunComparison | None = None,
) -> Divergence:
    """Return the divergence for the first difference of two traces.

    Args:
        specs: The two runs.
        step: The step, from 0.
        differing: The first number that differs after the step.
        traces: The operations of both runs.
        found: The difference.
        comparison: How the numbers of both are compared; by default without rounding.
    """
    pair = [each for trace in traces if (each := trace[found.number]) is not None]
    op, scalars = pair[0], [each.scalar for each in pair]
    common = (comparison or RunComparison()).between(scalars[0], scalars[1]).common
    values = [single(np.asarray(each.result), found.element) for each in pair]
    numbers = [Number.of(s, x) for s, x in zip(scalars, values, strict=True)]
    rules = rule_text(pair[0]), rule_text(pair[1])
    return Divergence(
        a=specs[0].name,
        b=specs[1].name,
        step=step,
        differing=differing,
        where=_where(op),
        operation=op.operation,
        call=_call(traces, found, op),
        element=found.element,
        results=(numbers[0], numbers[1]),
        **_distance(op.operation, scalars, values, numbers, common),
        **_operands(pair, found),
        **_assessments(pair, values, found),
        rules=(rules[0] or "", rules[1] or "") if rules[0] != rules[1] else None,
        block=first_block(pair, found.element),
    )


def _where(op: TracedOperation) -> str:
    """Return the location; of the copy of a parameter, which no layer makes, its name."""
    is_copy = op.place.phase == FORWARD and not op.place.layer
    return f"{op.place}, {op.formula}" if is_copy and op.formula else str(op.place)


def _call(
    traces: Sequence[Sequence[TracedOperation | None]], found: TraceDifference, op: TracedOperation
) -> int:
    """Return the index of a call among those of its operation, or among whole products."""
    # A compiled step leaves out operations, an eager one none.
    longest = max(traces, key=lambda trace: sum(each is not None for each in trace))
    earlier = [each for each in islice(longest, found.number) if each is not None]
    if op.operation == PRODUCT:
        parts = (each for each in earlier if each.operation != PRODUCT and product_of(each))
        own = {id(each.product) for trace in traces if (each := trace[found.number]) is not None}
        return len({id(each.product or each) for each in parts} - own)
    return [each.operation for each in earlier].count(op.operation)


def _distance(
    operation: str,
    scalars: Sequence[Scalar],
    values: Sequence[Storage],
    numbers: Sequence[Number],
    common: CommonNumbers | None,
) -> dict[str, Any]:
    """Return the distance of the results, and the numbers that they are rounded to."""
    if common is None or operation in RELATIONS:
        return {"ulps": ulps_between(*numbers)}
    texts = [common.text(s, x) for s, x in zip(scalars, values, strict=True)]
    return {
        "ulps": common.steps_between(scalars[0], values[0], scalars[1], values[1]),
        "rounded_to": common.name,
        "rounded": (texts[0], texts[1]),
    }


def _operands(pair: Sequence[TracedOperation], found: TraceDifference) -> dict[str, Any]:
    """Return the operands of the element: a's, and b's where they differ."""
    elements = [element_of(each, found.element) for each in pair]
    a, b = elements
    if a is None or b is None:
        return {}
    scalars = [op.scalar for op in pair]
    ours, theirs = (_operand_numbers(each, s) for each, s in zip((a, b), scalars, strict=True))
    if _have_equal_operands(a, b, scalars):
        return {"operands": ours}
    return {"operands": ours, "operands_b": theirs}


def _have_equal_operands(a: Element, b: Element, scalars: Sequence[Scalar]) -> bool:
    """Return whether the operands of an element have the same values in two runs."""
    if a.is_conversion or b.is_conversion:
        return True
    ours, theirs = (each.numbers(s) for each, s in zip((a, b), scalars, strict=True))
    return ours.keys() == theirs.keys() and not any(
        _differ(ours[label], theirs[label]) for label in ours
    )


def _differ(a: Numbers, b: Numbers) -> bool:
    x, y = (np.ascontiguousarray(each.storage) for each in (a, b))
    compare = comparison_of(a.scalar, b.scalar)
    return x.shape != y.shape or bool(compare(a.scalar, x, b.scalar, y).any())


def _assessments(
    pair: Sequence[TracedOperation], values: Sequence[Any], found: TraceDifference
) -> dict[str, Any]:
    a, b = (element_of(each, found.element) for each in pair)
    if a is None or b is None:
        return {}
    operation, elements, scalars = pair[0].operation, (a, b), [op.scalar for op in pair]
    is_same = _have_equal_operands(a, b, scalars)
    exact = exact_of(a, operation, scalars[0])
    exacts = exact, exact if is_same else exact_of(b, operation, scalars[1])
    others = partial(other_elements, ops=pair, place=found.element)
    one, other = (
        assess(elements[k], operation, scalars[k], values[k], exacts[k], partial(others, k))
        for k in range(2)
    )
    assessed: dict[str, Any] = {"assessments": (one, other)}
    texts = [None if each is None else digits_of(each) for each in exacts]
    if is_same and exact is not None:
        first, second = (s.to_exact(x)[0] for s, x in zip(scalars, values, strict=True))
        assessed["closer"] = closer_of(first, second, exact)
    return {**assessed, "exact": texts[0], "exact_b": None if is_same else texts[1]}


def _operand_numbers(element: Element, scalar: Scalar) -> dict[str, tuple[Number, ...]]:
    return {
        label: tuple(Number.of(own, x[k : k + 1]) for k in range(len(x)))
        for label, (own, x) in element.numbers(scalar).items()
    }
