"""Repeat a step with every operation recorded, to find the first result that is not finite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from numlean.analysis.trace.element import Element, Index
from numlean.analysis.trace.elements import element_of
from numlean.analysis.trace.instrument import TracingTape, instrument
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.scalar.finiteness import is_finite
from numlean.scalar.operations import (
    CONVERSIONS,
    ELEMENTWISE,
    OPERATIONS,
    Kind,
    Result,
    operations,
)
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.counting import CountingScalar
from numlean.scalar.wrappers.tracing import Trace, TracedOperation, TracingScalar
from numlean.training import Runner, Stepper
from numlean.training.finiteness import RunNumbers
from numlean.training.harmful_constants import HarmfulConstant, harmful_constants
from numlean_kernels.targets.dead_code import memory_of

_WIDE: Final = "mp:200@engine=mpmath"
"""The arithmetic that tells an overflow from an invalid operation."""

_CASTS: Final = operations(kind=Kind.CAST)
"""Operations whose operands are Scalars, each followed by its numbers."""


@dataclass(frozen=True)
class Cause:
    """The operation that first made a number that is not finite.

    Attributes:
        where: The phase of the step and the layer.
        operation: The operation: its formula, or else its name with its operands; in a run by a
            policy, with its dtype.
        exception: What happened, such as "division by zero".
        constant: The constant that rounding made harmful to this formula; "" if none did.
    """

    where: str
    operation: str
    exception: str
    constant: str = ""

    def __str__(self) -> str:
        constant = f"; {self.constant}" if self.constant else ""
        return f"{self.where}: {self.operation}: {self.exception}{constant}"


def find_cause(stepper: Stepper, before: RunNumbers) -> Cause | None:
    """Return the first operation of a stepper's last step whose result is not finite.

    Args:
        stepper: The stepper, after the step.
        before: The numbers before the step.

    Returns:
        The cause; None if the repeated step is finite.
    """
    trace = Trace()
    twin = _twin(stepper, before, trace)
    for sample in stepper.samples:
        trace.start()
        adopted = type(sample)(*(_adopted(twin.runner, value) for value in sample))
        twin.step_group([adopted], at=stepper.schedule_count - 1)
        found = _first_nonfinite(trace.operations, twin)
        if found is not None:
            return _cause(stepper, found)
    return None


def _twin(stepper: Stepper, before: RunNumbers, trace: Trace) -> Stepper:
    """Return a stepper that repeats the last step, operation by operation, into a trace."""
    runner = stepper.runner

    def traced(scalar: Scalar) -> Scalar:
        inner = scalar.inner if isinstance(scalar, CountingScalar) else scalar
        return TracingScalar(inner, trace)

    options = replace(runner.options, backend="eager")
    copy = runner.twin(instrument(runner.task, trace), traced, options)
    copy.new_tape = lambda: TracingTape(trace)
    twin = Stepper(copy, stepper.optimizer, stepper.schedule)
    params = [_adopted(copy, p) for p in before.params]
    state = {name: [_adopted(copy, t) for t in each] for name, each in before.state.items()}
    twin.restore(params, state, before.step_count, schedule_count=stepper.schedule_count - 1)
    return twin


def _adopted(runner: Runner, value: Any) -> Any:
    return runner.precision.adopted(value) if isinstance(value, Tensor) else value


def _first_nonfinite(
    operations: Sequence[TracedOperation], twin: Stepper
) -> TracedOperation | None:
    """Return the first operation that makes a special of finite operands, or else of others.

    Operations come first whose specials reach the loss, a parameter or the state. (A norm that
    overflows and is computed again with smaller numbers reaches none.)
    """
    found = [op for op in operations if _is_special(op)]
    reaching = _reaching(found, twin)
    made = [op for op in found if all(_operands_are_finite(op))]
    return next(
        iter([*(op for op in reaching if any(op is each for each in made)), *made, *found]), None
    )


def _is_special(op: TracedOperation) -> bool:
    is_number = OPERATIONS[op.operation].result is Result.NUMBERS
    return is_number and not is_finite(op.scalar, np.asarray(op.result)).all()


def _reaching(operations: Sequence[TracedOperation], twin: Stepper) -> list[TracedOperation]:
    """Return the operations of these whose results reach the end of the step through others."""
    state = (x for tensors in twin.state.values() for x in tensors)
    reached = {memory_of(x.data) for x in (*twin.losses, *twin.runner.params, *state)}
    found = []
    for op in reversed(operations):
        if memory_of(op.result) in reached:
            found.append(op)
            reached |= {memory_of(x) for x in op.operands if isinstance(x, np.ndarray)}
    return found[::-1]


def _operands_are_finite(op: TracedOperation) -> Iterator[bool]:
    if op.operation in _CASTS:
        for source, x in op.pairs:
            yield bool(is_finite(source, x).all())
        return
    for k, x in enumerate(op.operands):
        if op.operation in CONVERSIONS:
            values = np.asarray(x)
            yield values.dtype.kind not in "fiu" or bool(np.isfinite(values).all())
        elif isinstance(x, np.ndarray) and k not in OPERATIONS[op.operation].others:
            yield bool(is_finite(op.scalar, x).all())


def _cause(stepper: Stepper, op: TracedOperation) -> Cause:
    runner, result = stepper.runner, np.asarray(op.result)
    index = tuple(int(k) for k in np.argwhere(~is_finite(op.scalar, result))[0])
    element = element_of(op, index)
    constant = _constant(runner, stepper, op, element)
    text = op.formula or _call(op, element)
    if runner.precision.policy is not None:
        text = f"{text} in {op.scalar.name}"
    if not all(_operands_are_finite(op)):
        return Cause(str(op.place), text, "an operand is not finite", constant)
    return Cause(str(op.place), text, _exception(op, index, element), constant)


def _constant(runner: Runner, stepper: Stepper, op: TracedOperation, element: Any) -> str:
    """Return the harmful constant of the operation's formula, or that it converts."""
    found = harmful_constants(runner.task, op.scalar, stepper.optimizer)
    is_conversion = element is not None and element.is_conversion

    def fits(each: HarmfulConstant) -> bool:
        if is_conversion:
            return bool(element.operands["a"][0] == each.constant.value)
        owner = each.constant.owner
        return each.constant.formula == op.formula and owner in ("", op.place.layer)

    return next((each.cause for each in found if fits(each)), "")


def _call(op: TracedOperation, element: Element | None) -> str:
    """Return the name of an operation, with its operands if they are few."""
    if element is None or not (op.operation in ELEMENTWISE or element.is_conversion):
        return op.label
    operands = (_text(element, x[0], op.scalar) for x in element.operands.values())
    if op.label != op.operation:
        return f"{op.label} of {', '.join(operands)}"
    return f"{op.operation}({', '.join(operands)})"


def _text(element: Element, x: Any, scalar: Scalar) -> str:
    if element.is_conversion:
        return x if isinstance(x, str) else f"{float(x):g}"
    return f"{float(scalar.to_float(np.asarray([x]))[0]):.6g}"


def _exception(op: TracedOperation, index: Index, element: Element | None) -> str:
    """Return what happened at an element whose operands are finite."""
    scalar = op.scalar
    is_nan = bool(np.isnan(scalar.to_float(np.asarray(op.result)[index].reshape(1)))[0])
    usual = "invalid operation" if is_nan else "overflow"
    if element is None:
        return usual
    if element.is_conversion:
        return "overflow"
    if op.operation == "div" and not scalar.to_float(element.operands["b"])[0]:
        return "division by zero"
    try:
        wide = get_scalar(_WIDE)
        numbers = element.numbers(scalar).values()
        operands = (wide.from_exact(own.to_exact(x)) for own, x in numbers)
        exact = float(wide.to_float(element.apply(wide, tuple(operands)))[0])
    except NumleanError:
        return usual
    if np.isnan(exact):
        return "invalid operation"
    return "overflow" if np.isfinite(exact) else _at_pole(op)


def _at_pole(op: TracedOperation) -> str:
    """Return the name of an exactly infinite result (IEEE 754-2019, clause 7.3)."""
    return "overflow" if op.operation in ("exp", "mul", "add", "sum") else "division by zero"
