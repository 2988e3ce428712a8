"""A step done again with every operation written down, to find the one that parted two runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numlean.analysis.lockstep.comparison import comparison_of, first_place
from numlean.analysis.lockstep.divergence import Difference, Divergence, described, first_difference
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState, first_differing
from numlean.analysis.trace.instrument import TracingTape, instrument
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Sample
from numlean.scalar.operations import CONVERSIONS
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.tracing import (
    INITIAL,
    Location,
    Trace,
    TracedOperation,
    TracingScalar,
)
from numlean.training import Stepper, Task, TrainConfig, initial_parameters
from numlean.training.engine.compiled import CompiledEngine
from numlean_kernels.targets.dead_code import memory_of


@dataclass(frozen=True)
class StepSnapshot:
    """A step of a run.

    Attributes:
        step: Its number, from 0.
        before: The run's state before it.
        sample: What it is made by.
        after: The state after it.
    """

    step: int
    before: RunState
    sample: Sample | Batch
    after: RunState


def locate_divergence(
    task: Task,
    config: TrainConfig,
    sides: Sequence[RunSpec],
    moments: Sequence[StepSnapshot],
    differing: tuple[str, tuple[int, ...]],
) -> Divergence:
    """Which operation parted two runs in a step, before which they were alike, or none was made."""
    step = moments[0].step
    if step == 0:
        found = _of_initial_values(task, sides, moments)
        if found is not None:
            return found
    replays = [traced(task, config, *each) for each in zip(sides, moments, strict=True)]
    traces, scalars = [trace for trace, _ in replays], [side.scalar for side in sides]
    name, place = differing
    what = f"{name} at [{', '.join(map(str, place))}]"
    difference = first_difference(traces, scalars)
    if difference is not None:
        return described(sides, step, what, traces, difference)
    where = _why_not_found(task, sides, moments, [state for _, state in replays])
    return Divergence(sides[0].name, sides[1].name, step, what, where)


def traced(
    task: Task, config: TrainConfig, side: RunSpec, moment: StepSnapshot
) -> tuple[list[TracedOperation | None], RunState]:
    """The operations of a step of a run, done again as the side does it, and the state after it.

    None stands for operations that a compiled step leaves out, because nothing depends on them.
    """
    trace = Trace()
    runner = side.runner(instrument(task, trace), TracingScalar(side.scalar, trace))
    runner.new_tape = lambda: TracingTape(trace)
    stepper = Stepper(runner, RecordingOptimizer(config.optimizer), config.scheduler)
    before, scalar = moment.before, runner.scalar
    params = [_within(scalar, p) for p in before.params]
    state = {name: [_within(scalar, t) for t in each] for name, each in before.state.items()}
    sample = type(moment.sample)(*(_within(scalar, v) for v in moment.sample))
    applications: list[TracedOperation | None] = []
    if isinstance(stepper.engine, CompiledEngine):
        # What is compiled is carried out operation by operation while it is planned; replayed, it
        # leaves its results in the same arrays. So it is planned on other numbers.
        negated = [p if p.scalar is INDEX else -p for p in params]
        stepper.restore(negated, state, moment.step)
        trace.start()
        stepper.step(sample)
        found = _planned(trace.applications, stepper.engine)
        applications += _as_before(
            found,
            stepper.engine.buffers,
            [*params, *(t for several in state.values() for t in several)],
        )
    stepper.restore(params, state, moment.step)
    trace.start()
    loss = stepper.step(sample)
    return applications or [*trace.applications], RunState.of(stepper, loss)


def _planned(
    applications: Sequence[TracedOperation], engine: CompiledEngine
) -> Iterator[TracedOperation | None]:
    """Those operations that the engine's only plan has, or that give constants."""
    (plan,) = engine.plans.values()
    written = {memory_of(array) for step in plan.operations for array in step.written}
    written |= {memory_of(array) for array in plan.inputs}
    for each in applications:
        is_there = each.operation in CONVERSIONS or memory_of(each.result) in written
        yield each if is_there else None


def _as_before(
    applications: Iterable[TracedOperation | None],
    places: Sequence[Tensor],
    before: Sequence[Tensor],
) -> Iterator[TracedOperation | None]:
    """Operations whose operands are not changed by the step's end, where it leaves its results."""
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

    for each in applications:
        yield each and replace(each, operands=tuple(map(seen, each.operands)))


def _within(scalar: Scalar, value: Any) -> Any:
    """Numbers of the Scalar that another one stands in for, as that one's."""
    if not isinstance(value, Tensor) or value.scalar is INDEX:
        return value
    return Tensor(scalar, value.data)


def _of_initial_values(
    task: Task, sides: Sequence[RunSpec], moments: Sequence[StepSnapshot]
) -> Divergence | None:
    """Where the parameters differ before any step: in how a binary64 number enters."""
    scalars, compare = [side.scalar for side in sides], comparison_of(*(s.scalar for s in sides))
    values = initial_parameters(task, sides[0].options.seed)
    pairs = zip(moments[0].before.params, moments[1].before.params, strict=True)
    for spec, drawn, (p, q) in zip(task.model.parameters, values, pairs, strict=True):
        place = first_place(compare(scalars[0], p.data, scalars[1], q.data))
        if place is not None:
            traces = [
                [TracedOperation(Location(INITIAL, spec.name), "from_float", (drawn,), {}, x.data)]
                for x in (p, q)
            ]
            what = f"{spec.name} at [{', '.join(map(str, place))}]"
            return described(sides, 0, what, traces, Difference(0, place))
    return None


def _why_not_found(
    task: Task,
    sides: Sequence[RunSpec],
    moments: Sequence[StepSnapshot],
    replays: Sequence[RunState],
) -> str:
    """Why a step done again shows no operation whose results differ."""
    runner = sides[0].runner(task)
    for side, moment, state in zip(sides, moments, replays, strict=True):
        if first_differing(moment.after, state, runner) is not None:
            return f"{side.name} does not come to the same numbers when it does the step again"
    return "no operation's results differ: their operands do, or the order of the program does"
