"""The first operation in which two runs differ, and everything there is to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from numlean.analysis.lockstep.assessment import Assessment, assess, digits_of, exact_of
from numlean.analysis.lockstep.block import as_block
from numlean.analysis.lockstep.comparison import comparison_of, first_place
from numlean.analysis.lockstep.numbers import Number, ulps_between
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.trace.elements import Element, Index, element_of, single
from numlean.scalar.operations import RELATIONS
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.tracing import TracedOperation


@dataclass(frozen=True)
class Divergence:
    """Where two runs part.

    Attributes:
        a: The name of one side.
        b: The other's.
        step: The step, from 0.
        differing: The first number that differs after the step, by its name and place.
        where: The phase, and the layer if it is in one; or why no operation is named.
        operation: The first operation whose results differ though its operands agree; None if
            none could be found.
        call: The how manieth operation of this name in the step, from 0.
        element: The place of the first element that differs.
        operands: Its operands, by label, alike on both sides.
        results: The two results, a's and b's.
        ulps: How many numbers of the format b's is above a's; None across formats.
        exact: The result with nothing rounded, as a decimal; None if it is no number.
        judgements: What each result is worth, a's and b's.
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
    judgements: tuple[Assessment, Assessment] = (Assessment(), Assessment())

    def __str__(self) -> str:
        title = f"step {self.step}, {self.where}: {self.differing} differs"
        if self.operation is None:
            return title
        return as_block(self)


@dataclass(frozen=True)
class Difference:
    """Where two traces first differ.

    Attributes:
        number: The place of the operation in program order.
        element: The place of the first element that differs.
    """

    number: int
    element: Index


def first_difference(
    traces: Sequence[Sequence[TracedOperation | None]], scalars: Sequence[Scalar]
) -> Difference | None:
    """The first operation whose results differ, in two traces of one program."""
    a, b = scalars
    compare = comparison_of(a, b)
    for number, (one, other) in enumerate(zip(*traces, strict=False)):
        if one is None or other is None:
            continue
        x, y = np.asarray(one.result), np.asarray(other.result)
        if one.operation != other.operation or x.shape != y.shape:
            return None
        is_plain = one.operation in RELATIONS
        place = first_place(np.asarray(x != y) if is_plain else compare(a, x, b, y))
        if place is not None:
            return Difference(number, place)
    return None


def described(
    sides: Sequence[RunSpec],
    step: int,
    differing: str,
    traces: Sequence[Sequence[TracedOperation | None]],
    found: Difference,
) -> Divergence:
    """Everything about the first difference of two traces."""
    pair = [each for trace in traces if (each := trace[found.number]) is not None]
    application, scalars = pair[0], [side.scalar for side in sides]
    values = [single(np.asarray(each.result), found.element) for each in pair]
    numbers = [Number.of(s, x) for s, x in zip(scalars, values, strict=True)]
    element = element_of(application, found.element)
    # A compiled step leaves out operations, an eager one none.
    longest = max(traces, key=lambda trace: sum(each is not None for each in trace))
    earlier = [each.operation for each in islice(longest, found.number) if each is not None]
    return Divergence(
        a=sides[0].name,
        b=sides[1].name,
        step=step,
        differing=differing,
        where=str(application.place),
        operation=application.operation,
        call=earlier.count(application.operation),
        element=found.element,
        operands=None if element is None else _shown(element, scalars[0]),
        results=(numbers[0], numbers[1]),
        ulps=ulps_between(*numbers),
        **_worth(pair, scalars, values, found),
    )


def _worth(
    pair: Sequence[TracedOperation],
    scalars: Sequence[Scalar],
    values: Sequence[Any],
    found: Difference,
) -> dict[str, Any]:
    elements = [element_of(each, found.element) for each in pair]
    if elements[0] is None or elements[1] is None:
        return {}
    operation = pair[0].operation
    exact = exact_of(elements[0], operation, scalars[0])
    judgements = tuple(
        assess(element, operation, scalar, value, exact)
        for element, scalar, value in zip(elements, scalars, values, strict=True)
        if element is not None
    )
    return {"judgements": judgements, "exact": None if exact is None else digits_of(exact)}


def _shown(element: Element, scalar: Scalar) -> dict[str, tuple[Number, ...]]:
    return {
        label: tuple(Number.of(scalar, x[k : k + 1]) for k in range(len(x)))
        for label, x in element.operands.items()
    }
