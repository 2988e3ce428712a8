"""Repeat a step with every operation recorded, to find the one at which two runs diverged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numlean.analysis.lockstep.comparison import RunComparison, first_place
from numlean.analysis.lockstep.divergence import (
    Divergence,
    TraceDifference,
    describe_divergence,
    first_difference,
)
from numlean.analysis.lockstep.one_sided import (
    OneSidedCast,
    Traces,
    cast_of_operands,
    first_cast,
)
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState, first_differing
from numlean.analysis.trace.alignment import pad_to_common_order
from numlean.analysis.trace.instrument import TracingTape, instrument
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Sample
from numlean.scalar.operations import CONVERSIONS
from numlean.scalar.product_scope import Product
from numlean.scalar.protocol import Numbers
from numlean.scalar.wrappers.tracing import (
    INITIAL,
    Location,
    Trace,
    TracedOperation,
    TracingScalar,
)
from numlean.training import Stepper, Task, TrainConfig
from numlean.training.engine.compiled import CompiledEngine
from numlean.training.initial_values import Value
from numlean_kernels.targets.dead_code import memory_of


@dataclass(frozen=True)
class StepSnapshot:
    """A step of a run.

    Attributes:
        step: The step, from 0.
        before: The state of the run before it.
        sample: The sample of the step.
        after: The state after it.
    """

    step: int
    before: RunState
    sample: Sample | Batch
    after: RunState


def locate_divergence(
    task: Task,
    config: TrainConfig,
    specs: Sequence[RunSpec],
    snapshots: Sequence[StepSnapshot],
    differing: tuple[str, tuple[int, ...]],
    comparison: RunComparison,
) -> Divergence:
    """Return the operation at which two runs diverged in a step, if it can be found."""
    step = snapshots[0].step
    if step == 0:
        found = _of_initial_values(task, specs, snapshots, comparison)
        if found is not None:
            return found
    name, place = differing
    differing_text = f"{name} at [{', '.join(map(str, place))}]"
    cuts = [spec.cut for spec in specs]
    if cuts[0] != cuts[1]:
        where = f"the runs cut a batch differently ({cuts[0]}; {cuts[1]}), so operations differ"
        return Divergence(specs[0].name, specs[1].name, step, differing_text, where)
    replays = [trace_step(task, config, *each) for each in zip(specs, snapshots, strict=True)]
    traces = pad_to_common_order([trace for trace, _ in replays])
    difference = first_difference(traces, comparison.differing)
    if any(spec.policy is not None for spec in specs):
        cast = _one_sided(traces, difference, comparison)
        if cast is not None:
            pair = [[*t[: cast.number], op] for t, op in zip(traces, cast.pair, strict=True)]
            difference = TraceDifference(cast.number, cast.element)
            found = describe_divergence(specs, step, differing_text, pair, difference, comparison)
            return replace(found, rules=cast.rules, call=cast.call)
    if difference is not None:
        return describe_divergence(specs, step, differing_text, traces, difference, comparison)
    where = _why_not_found(specs, snapshots, [state for _, state in replays])
    return Divergence(specs[0].name, specs[1].name, step, differing_text, where)


def _one_sided(
    traces: Traces, difference: TraceDifference | None, comparison: RunComparison
) -> OneSidedCast | None:
    """Return the cast of one run that makes the other one differ, if that is the reason."""
    if difference is None:
        return first_cast(traces, comparison.differing)
    return cast_of_operands(traces, difference.number, comparison.differing)


def trace_step(
    task: Task,
    config: TrainConfig,
    spec: RunSpec,
    snapshot: StepSnapshot,
    *,
    into: Trace | None = None,
) -> tuple[list[TracedOperation | None], RunState]:
    """Repeat a step as the run executes it; return its operations and the state after it.

    None replaces operations that a compiled step leaves out because nothing depends on them. With
    ``into``, they are also in that trace, which has more to tell of the step. A step in shards is
    repeated by the eager engine, since shards of one size share a recording.
    """
    trace = into or Trace()
    if spec.options.shards > 1:
        spec = replace(spec, options=replace(spec.options, backend="eager"))
    runner = spec.runner(instrument(task, trace), lambda scalar: TracingScalar(scalar, trace))
    runner.new_tape = lambda: TracingTape(trace)
    runner.keeps_outputs = True
    stepper = Stepper(runner, RecordingOptimizer(config.optimizer), config.scheduler)
    before, adopted = snapshot.before, runner.precision.adopted
    params = [adopted(p) for p in before.params]
    state = {name: [adopted(t) for t in each] for name, each in before.state.items()}
    values = (adopted(v) if isinstance(v, Tensor) else v for v in snapshot.sample)
    sample = type(snapshot.sample)(*values)
    operations: list[TracedOperation | None] = []
    if isinstance(stepper.engine, CompiledEngine):
        # A compiled step runs operation by operation while it is planned; its replay writes the
        # results into the same arrays. So the plan is made on other numbers.
        negated = [p if p.scalar is INDEX else -p for p in params]
        stepper.restore(negated, state, snapshot.step)
        trace.start()
        stepper.step(sample)
        found = _planned_operations(trace.operations, stepper.engine)
        operations += _with_original_operands(
            found,
            stepper.engine.buffers,
            [*params, *(t for several in state.values() for t in several)],
        )
    stepper.restore(params, state, snapshot.step)
    trace.start()
    loss = stepper.step(sample)
    return operations or [*trace.operations], RunState.of(stepper, loss)


def _planned_operations(
    operations: Sequence[TracedOperation], engine: CompiledEngine
) -> Iterator[TracedOperation | None]:
    """Yield the operations that are part of the engine's only plan, or that make constants."""
    (plan,) = engine.plans.values()
    written = {memory_of(array) for step in plan.operations for array in step.written}
    written |= {memory_of(array) for array in plan.inputs}
    for each in operations:
        is_there = each.operation in CONVERSIONS or memory_of(each.result) in written
        yield each if is_there else None


def _with_original_operands(
    operations: Iterable[TracedOperation | None],
    places: Sequence[Tensor],
    before: Sequence[Tensor],
) -> Iterator[TracedOperation | None]:
    """Yield operations with the operands they had before the step wrote its results."""
    known = {
        memory_of(place.data): (place.data, np.array(value.data, order="C"))
        for place, value in zip(places, before, strict=True)
    }

    def seen(operand: Any) -> Any:
        if not isinstance(operand, np.ndarray) or memory_of(operand) not in known:
            return operand
        place, values = known[memory_of(operand)]
        start = (operand.ctypes.data - place.ctypes.data) // place.itemsize
        return as_strided(values.reshape(-1)[start:], operand.shape, operand.strides)

    products: dict[int, Product] = {}

    def seen_by(product: Product | None) -> Product | None:
        """Return a product with its original operands; one object for all of its parts."""
        if product is not None and id(product) not in products:
            operands = tuple(Numbers(scalar, seen(x)) for scalar, x in product.operands)
            multiplied = tuple(
                replace(each, codes=Numbers(each.codes.scalar, seen(each.codes.storage)))
                for each in product.multiplied
            )
            products[id(product)] = replace(product, operands=operands, multiplied=multiplied)
        return product and products[id(product)]

    for each in operations:
        yield each and replace(
            each, operands=tuple(map(seen, each.operands)), product=seen_by(each.product)
        )


def _of_initial_values(
    task: Task,
    specs: Sequence[RunSpec],
    snapshots: Sequence[StepSnapshot],
    comparison: RunComparison,
) -> Divergence | None:
    """Return where the parameters differ before any step, when binary64 is converted."""
    values = zip(*(spec.starting_values(task) for spec in specs), strict=True)
    parameters = task.model.parameters
    pairs = zip(*(each.before.parameters for each in snapshots), strict=True)
    for parameter, given, (p, q) in zip(parameters, values, pairs, strict=True):
        place = first_place(comparison.differing(p.scalar, p.data, q.scalar, q.data))
        if place is None:
            continue
        differing_text = f"{parameter.name} at [{', '.join(map(str, place))}]"
        floats = [_as_binary64(value) for value in given]
        if floats[0] is None or floats[1] is None:
            where = f"{INITIAL}, {parameter.name}: the numbers given are not binary64"
        elif not np.array_equal(floats[0], floats[1], equal_nan=True):
            where = f"{INITIAL}, {parameter.name}: the runs start from different numbers"
        else:
            place_of = Location(INITIAL, parameter.name)
            given_floats = (floats[0],)
            traces = [
                [TracedOperation(place_of, "from_float", given_floats, {}, x.data, scalar=x.scalar)]
                for x in (p, q)
            ]
            difference = TraceDifference(0, place)
            return describe_divergence(specs, 0, differing_text, traces, difference, comparison)
        return Divergence(specs[0].name, specs[1].name, 0, differing_text, where)
    return None


def _as_binary64(value: Value) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return numbers as binary64; None if one is not a binary64 number."""
    if not isinstance(value, Tensor):
        return value if value.dtype == np.float64 else None
    floats, scalar = value.to_float(), value.scalar
    is_exact = scalar.format is not None or scalar.eq(scalar.from_float(floats), value.data).all()
    return floats if is_exact else None


def _why_not_found(
    specs: Sequence[RunSpec],
    snapshots: Sequence[StepSnapshot],
    replays: Sequence[RunState],
) -> str:
    """Return why no operation with different results was found."""
    for spec, snapshot, state in zip(specs, snapshots, replays, strict=True):
        if first_differing(snapshot.after, state) is not None:
            return f"{spec.name} gives different numbers when the step is repeated"
    return (
        "no operation with equal operands has different results: the operands differ, or the order"
        " of the operations does"
    )
