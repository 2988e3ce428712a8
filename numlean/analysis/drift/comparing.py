"""Compare runs in several arithmetics: how far they drift, and from which operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.records import Record, Units, Write, part_records, step_record
from numlean.analysis.drift.result import Comparison
from numlean.analysis.drift.run_record import machine_record, training_record, version_record
from numlean.analysis.drift.seed_experiment import (
    Event,
    MeasuredStep,
    MeasurementSchedule,
    RunEnd,
    SeedWork,
    StepMade,
    Stop,
)
from numlean.analysis.drift.split_data import Data, Load, loader
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.arguments import checked
from numlean.checkpoint.weights import WeightSource, weights_of
from numlean.digest import value_digest
from numlean.errors import NumleanError
from numlean.executors.executor import HERE, Executor, streams
from numlean.precision import policy_digest
from numlean.precision.policy_text import policy_to_plain
from numlean.scalar.identity import name_both
from numlean.scalar.precision import magnitudes_of
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, Task, TrainConfig
from numlean.training.harmful_constants import harmful_constants

_POINTS: Final = 100
"""The default of ``every`` measures about this many steps."""

_MOST_SEEDS: Final = 1_000_000
"""The description of a comparison lists its seeds."""


@checked
def compare(
    task: Task | NamedTask | str,
    *dtypes: RunSpecLike,
    truth: RunSpecLike = "mp:200",
    seeds: int = 1,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    initial: WeightSource | None = None,
    every: int | None = None,
    tests: int = 4,
    with_accuracy: bool | None = None,
    operations: bool = True,
    flags: bool = True,
    write: Write | None = None,
    on_step: Callable[[], bool | None] | None = None,
    executor: Executor = HERE,
) -> Comparison:
    """Train a task in several arithmetics and in a precise reference, and measure the distances.

    Losses and parameters are measured against the reference run. For every operation of a step,
    *local* is the error of its results against the exact operation on the same operands, *total* is
    the error against the results of the reference run, and *inherited* is the difference of both:
    the error that came with the operands. Of a run by a policy, the local error of each product of
    a layer is also separated into quantisation, accumulation and output, and what each update
    computes but does not keep is measured by parameter. :mod:`numlean.analysis.drift.records`
    defines every figure. Memory grows only with the number of measured steps.

    Args:
        task: The task to train; a named task defines its config and data.
        dtypes: At least one run other than the truth, each as ``RunSpec.parse`` reads it, a policy,
            a Scalar, or a runner, whose run starts from its current parameters.
        truth: The reference run, which is in one dtype, on the device that its text names or on
            its own.
        seeds: The number of seeds, counted from the config's; each seed sets the initial values and
            the order of the samples.
        config: The training configuration; by default the named task's.
        data: The data; by default those of the named task.
        options: Engine, device and kernels of runs whose names do not specify them.
        initial: The initial parameters of the other runs: a runner, a checkpoint, values by name,
            or a file of weights; by default each seed draws them.
        every: The distance between measured steps (the last one is measured, too); by default about
            100 steps are measured.
        tests: The number of evaluations on the test data, evenly spread.
        with_accuracy: Whether to measure accuracy; by default as the named task defines.
        operations: Whether to measure operations; this takes most of the time.
        flags: Whether to count the exceptions of the measured steps, where they are recorded.
        write: A function that is called with each record as soon as it exists.
        on_step: A function that is called after each step of each seed. If it returns True, the
            comparison ends with what was measured so far, and says so. If seeds are computed
            elsewhere, it is called for each step of a seed when that has ended.
        executor: Computes the seeds, each on its own; the result does not depend on it.

    Raises:
        NumleanError: A dtype is unknown, repeated, or only the truth's; config or data are missing;
            a count is too small; or operations are to be measured of runs that cut a batch
            differently, or of a run by a policy in shards.
    """
    task = get_task(task) if isinstance(task, str) else task
    name = task.name if isinstance(task, NamedTask) else type(task).__name__
    if isinstance(task, NamedTask):
        if with_accuracy is None:
            with_accuracy = task.is_classification
        config, data, task = config or task.config(), data or task.load_for, task.task
    if config is None or data is None:
        raise NumleanError(
            "a Task has no default config and data; call compare(..., config=, data=)"
        )
    options = options or Options()
    values = None if initial is None else weights_of(task, initial)
    specs = [RunSpec.of(spec, options).starting_from(values) for spec in dtypes]
    reference = RunSpec.of(truth, replace(options, device=None)).starting_from(values)
    others = _others(specs, reference)
    every = max(config.steps // _POINTS, 1) if every is None else every
    for what, count, least in (("seeds", seeds, 1), ("every", every, 1), ("tests", tests, 0)):
        if count < least:
            raise NumleanError(f"{what} must be at least {least}, got {count}")
    if seeds > _MOST_SEEDS:
        raise NumleanError(f"seeds must be at most {_MOST_SEEDS}, got {seeds}")
    policies = {spec.name: spec.policy for spec in others if spec.policy is not None}
    if operations:
        _check_cuts([*others, reference])
    schedule = MeasurementSchedule(config.steps, every, tests, operations, flags, bool(policies))
    numbers = range(config.seed, config.seed + seeds)
    load = loader(data)
    header = {
        **_header(name, task, specs, reference, config, load),
        "seeds": [*numbers],
        "initial": None if values is None else _digest(reference, task),
        "every": every,
        "measures": {spec.name: _measure(spec, reference, task) for spec in others},
        "warnings": {spec.name: _warnings(task, spec, config) for spec in [*others, reference]},
    }
    if policies:
        header["policies"] = {
            name: {"digest": policy_digest(policy), **policy_to_plain(policy)}
            for name, policy in policies.items()
        }
    result, write = Comparison(header), write or _ignore
    write(header)
    stop = Stop()
    work = SeedWork(task, reference, others, config, schedule, load, bool(with_accuracy), stop)
    for seed, events in zip(
        numbers, streams(executor, work, numbers, "a seed of a comparison"), strict=True
    ):
        _take(events, seed, result, write, on_step or _nothing, stop)
        if result.stopped_at is not None:
            break
    if result.stopped_at == (numbers[-1], config.steps):  # nothing was left
        result.stopped_at = None
    return result


def _take(
    events: Iterable[Event],
    seed: int,
    result: Comparison,
    write: Write,
    on_step: Callable[[], bool | None],
    stop: Stop,
) -> None:
    """Add the events of a seed to the result, and write their records."""
    last: dict[str, Record] = {}
    for event in events:
        if isinstance(event, StepMade):
            if not stop.requested and on_step():
                stop.requested = True
            if stop.requested:
                result.stopped_at = seed, event.steps
        elif isinstance(event, RunEnd):
            record = _run_record(event, seed, last.get(event.dtype, {}))
            result.runs.append(record)
            write(record)
        else:
            last[event.dtype] = _add(event, seed, result, write)


def _add(measured: MeasuredStep, seed: int, result: Comparison, write: Write) -> Record:
    """Add a measured step to the result, and write its records; return that of the step."""
    record = step_record(seed, measured, Units.of(result.header, measured.dtype))
    write(record)
    for line in part_records(seed, measured):
        write(line)
    result.add(record, measured)
    return record


def _run_record(end: RunEnd, seed: int, last: Record) -> Record:
    """Return the record of a run, from its end and the record of its last measured step."""
    figures = {key: last.get(key) for key in ("loss", "exact_loss", "test_loss", "accuracy")}
    record = {"record": "run", "dtype": end.dtype, "seed": seed, **figures, **end.digests}
    return {**record, "nonfinite": end.nonfinite, "steps": end.steps}


def _others(specs: Sequence[RunSpec], truth: RunSpec) -> list[RunSpec]:
    names = [spec.name for spec in specs]
    for spec in specs:
        if names.count(spec.name) > 1:
            raise NumleanError(f"each dtype can be compared once, but {spec.name} is given twice")
        if spec.name == truth.name and spec.scalar != truth.scalar:
            raise NumleanError(
                f"the truth and a run with another arithmetic are both called {truth.name}:"
                f" {name_both(truth.scalar, spec.scalar)}; give the run another name:"
                " numlean.RunSpec(name, scalar, options)"
            )
    if truth.policy is not None:
        raise NumleanError(
            f"the truth is a run in one dtype, such as mp:200, not the policy {truth.name}"
        )
    others = [spec for spec in specs if spec.name != truth.name]
    if not others:
        raise NumleanError(
            f"compare needs at least one dtype other than the truth, {truth.name}; got"
            f" {', '.join(names) or 'none'}"
        )
    return others


def _check_cuts(specs: Sequence[RunSpec]) -> None:
    """Check that the operations of all runs correspond to those of the reference run, the last."""
    truth = specs[-1]
    for spec in specs:
        if spec.cut != truth.cut:
            raise NumleanError(
                "operations can be compared only between runs that cut a batch in the same way:"
                f" {spec.name} is cut {spec.cut}, and {truth.name} {truth.cut}; pass"
                " operations=False, or the same shards"
            )
        if spec.policy is not None and spec.options.shards > 1:
            raise NumleanError(
                f"{spec.name} is a run by a policy in {spec.options.shards} shards, whose"
                " operations cannot be compared; pass operations=False, or shards=1"
            )


def _header(
    name: str,
    task: Task,
    specs: Sequence[RunSpec],
    truth: RunSpec,
    config: TrainConfig,
    load: Load,
) -> Record:
    names = [spec.name for spec in specs]
    return {
        "record": "comparison",
        **version_record(),
        "task": name,
        "dtypes": names if truth.name in names else [*names, truth.name],
        "truth": truth.name,
        **training_record(task, config, load(truth.scalar)),
        **({} if truth.options.shards == 1 else {"shards": truth.options.shards}),
        **machine_record(),
    }


def _digest(spec: RunSpec, task: Task) -> str:
    """Return the digest of the exact values of a run's initial parameters."""
    return value_digest(spec.runner(task).named_parameters)


def _measure(spec: RunSpec, truth: RunSpec, task: Task) -> dict[str, Any]:
    """Return the formats whose ulps measure a run's errors, and the judge of its operations."""
    truth_scale = UlpScale.of(truth.scalar)
    if spec.policy is None:
        own = UlpScale.of(spec.scalar)
        exact_reference = ExactReference(spec.scalar).wide.name
        grids = asdict(own), asdict(own.coarser(truth_scale))
        return {
            "judge": exact_reference,
            "local_grid": grids[0],
            "grid": grids[1],
            "magnitudes": magnitudes_of(spec.scalar),
        }
    precision = spec.runner(task).precision
    scalars = precision.scalars
    return {
        "judge": ExactReference(*precision.everything).wide.name,
        "local_grid": None,
        **{
            name: asdict(UlpScale.of(scalar).coarser(truth_scale))
            for name, scalar in (
                ("grid", scalars.parameters),
                ("loss_grid", scalars.data),
                ("layers_grid", scalars.activations),
            )
        },
    }


def _warnings(task: Task, spec: RunSpec, config: TrainConfig) -> list[str]:
    settings = config.optimizer, config.scheduler, config.steps
    found = harmful_constants(task, spec.scalar, *settings, update=spec.update)
    return [str(each) for each in found]


def _ignore(record: Record) -> None:
    pass


def _nothing() -> None:
    pass
