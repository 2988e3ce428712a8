"""The first operation in which two runs differ, with its operands and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from numlean.analysis.lockstep.assessment import Assessment, assess, digits_of, exact_of
from numlean.analysis.lockstep.comparison import comparison_of, first_place
from numlean.analysis.lockstep.numbers import Number, ulps_between
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.report.encoding_block import divergence_block
from numlean.analysis.trace.elements import Element, Index, element_of, single
from numlean.scalar.operations import RELATIONS
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.tracing import TracedOperation


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
        operands: The operands of that element, by label, equal in both runs.
        results: The results of a and b.
        ulps: The number of steps of the format from a's result up to b's; None across formats.
        exact: The result without rounding, as a decimal; None if it is not a number.
        assessments: The assessments of both results, a's and b's.
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
    traces: Sequence[Sequence[TracedOperation | None]], scalars: Sequence[Scalar]
) -> TraceDifference | None:
    """Return the first operation whose results differ, in two traces of one program."""
    a, b = scalars
    compare = comparison_of(a, b)
    for number, (one, other) in enumerate(zip(*traces, strict=False)):
        if one is None or other is None:
            continue
        x, y = np.asarray(one.result), np.asarray(other.result)
        if one.operation != other.operation or x.shape != y.shape:
            return None
        is_relation = one.operation in RELATIONS
        place = first_place(np.asarray(x != y) if is_relation else compare(a, x, b, y))
        if place is not None:
            return TraceDifference(number, place)
    return None


def describe_divergence(
    specs: Sequence[RunSpec],
    step: int,
    differing: str,
    traces: Sequence[Sequence[TracedOperation | None]],
    found: TraceDifference,
) -> Divergence:
    """Return the divergence for the first difference of two traces."""
    pair = [each for trace in traces if (each := trace[found.number]) is not None]
    op, scalars = pair[0], [spec.scalar for spec in specs]
    values = [single(np.asarray(each.result), found.element) for each in pair]
    numbers = [Number.of(s, x) for s, x in zip(scalars, values, strict=True)]
    element = element_of(op, found.element)
    # A compiled step leaves out operations, an eager one none.
    longest = max(traces, key=lambda trace: sum(each is not None for each in trace))
    earlier = [each.operation for each in islice(longest, found.number) if each is not None]
    return Divergence(
        a=specs[0].name,
        b=specs[1].name,
        step=step,
        differing=differing,
        where=str(op.place),
        operation=op.operation,
        call=earlier.count(op.operation),
        element=found.element,
        operands=None if element is None else _operand_numbers(element, scalars[0]),
        results=(numbers[0], numbers[1]),
        ulps=ulps_between(*numbers),
        **_assessments(pair, scalars, values, found),
    )


def _assessments(
    pair: Sequence[TracedOperation],
    scalars: Sequence[Scalar],
    values: Sequence[Any],
    found: TraceDifference,
) -> dict[str, Any]:
    elements = [element_of(each, found.element) for each in pair]
    if elements[0] is None or elements[1] is None:
        return {}
    operation = pair[0].operation
    exact = exact_of(elements[0], operation, scalars[0])
    assessments = tuple(
        assess(element, operation, scalar, value, exact)
        for element, scalar, value in zip(elements, scalars, values, strict=True)
        if element is not None
    )
    return {"assessments": assessments, "exact": None if exact is None else digits_of(exact)}


def _operand_numbers(element: Element, scalar: Scalar) -> dict[str, tuple[Number, ...]]:
    return {
        label: tuple(Number.of(scalar, x[k : k + 1]) for k in range(len(x)))
        for label, x in element.operands.items()
    }
