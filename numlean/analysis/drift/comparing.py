"""Arithmetics that are meant to differ: how far, where from, and what it does to the training."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.records import Record, Write, operation_records, step_record
from numlean.analysis.drift.result import Comparison
from numlean.analysis.drift.seed_experiment import Schedule, SeedExperiment
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.checkpoint.fingerprint import data_fingerprint
from numlean.data import Dataset
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, Split, get_task
from numlean.training import Options, Task, TrainConfig

Data: TypeAlias = Split | Dataset | Callable[[Scalar], Split | Dataset]
"""What to train on, with test data or without, or what makes of a Scalar a run's data."""

_POINTS: Final = 100
"""About so many steps are measured if nothing else is said."""


def compare(
    task: Task | NamedTask | str,
    *dtypes: RunSpecLike,
    truth: RunSpecLike = "mp:200",
    seeds: int = 1,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    every: int | None = None,
    tests: int = 4,
    with_accuracy: bool | None = None,
    operations: bool = True,
    flags: bool = True,
    write: Write | None = None,
    on_step: Callable[[], None] | None = None,
) -> Comparison:
    """Train a task in several arithmetics beside a truth, and measure how far each is from it.

    Losses and parameters are measured against the truth run's. Of every operation of a step,
    *local* is the error of its results against the exact operation on the same operands, *total*
    that against the truth run's results, and *inherited* the difference: what it was handed.
    :mod:`numlean.analysis.drift.records` says what every figure is. Memory does not grow with the
    number of operations, only a little with that of the steps measured.

    Args:
        task: What to train; a task by name knows how and on what.
        dtypes: At least one other than the truth, each as ``Side.parse`` takes it, or a Scalar.
        truth: What they are measured by.
        seeds: From how many seeds, those after the config's; each names initial values and the
            samples' order.
        config: How to train; by default as the named task does.
        data: On what; by default the named task's.
        options: How runs are executed, where their names do not say it.
        every: Every so many steps are measured, and the last one; by default about 100 are.
        tests: How many times, evenly spread, the test data are looked at.
        with_accuracy: Whether there is an accuracy to find; by default as the named task says.
        operations: Whether operations are measured; that takes most of the time.
        flags: Whether the exceptions of the steps measured are counted, where they are kept.
        write: Told every record, as soon as there is one.
        on_step: Told of each step of each seed.

    Raises:
        NumleanError: A dtype is unknown, named twice, or the truth's only; nothing says how to
            train; a count is too small.
    """
    task = get_task(task) if isinstance(task, str) else task
    name = task.name if isinstance(task, NamedTask) else type(task).__name__
    if isinstance(task, NamedTask):
        if with_accuracy is None:
            with_accuracy = task.is_classification
        config, data, task = config or task.config(), data or task.load_for, task.task
    if config is None or data is None:
        raise NumleanError("a Task is trained by a config on data: compare(..., config=, data=)")
    options = options or Options()
    sides = [RunSpec.of(spec, options) for spec in dtypes]
    true = RunSpec.of(truth, options)
    others = _others(sides, true)
    every = max(config.steps // _POINTS, 1) if every is None else every
    for what, count, least in (("seeds", seeds, 1), ("every", every, 1), ("tests", tests, 0)):
        if count < least:
            raise NumleanError(f"{what} is at least {least}, not {count}")
    schedule = Schedule(config.steps, every, tests, operations, flags)
    numbers = range(config.seed, config.seed + seeds)
    load = _loader(data)
    header = {
        **_header(name, task, sides, true, config, load),
        "seeds": [*numbers],
        "every": every,
        "measures": {side.name: _measure(side, true) for side in others},
    }
    result, write = Comparison(header), write or _ignore
    write(header)
    for seed in numbers:
        runs = SeedExperiment(
            task,
            replace(true, options=replace(true.options, seed=seed)),
            [replace(side, options=replace(side.options, seed=seed)) for side in others],
            replace(config, seed=seed),
            schedule,
            load,
            with_accuracy=bool(with_accuracy),
        )
        _run(runs, seed, result, write, on_step or _nothing)
    return result


def _run(
    runs: SeedExperiment, seed: int, result: Comparison, write: Write, on_step: Callable[[], None]
) -> None:
    last: dict[str, Record] = {}
    for found in runs.run(on_step):
        record = step_record(seed, found)
        last[found.dtype] = record
        write(record)
        for line in operation_records(seed, found):
            write(line)
        result.add(record, found)
    for lane in runs.lanes:
        ends = {key: last.get(lane.name, {}).get(key) for key in ("loss", "test_loss", "accuracy")}
        run = {"record": "run", "dtype": lane.name, "seed": seed, **ends, **lane.digests()}
        result.runs.append(run)
        write(run)


def _others(sides: Sequence[RunSpec], truth: RunSpec) -> list[RunSpec]:
    names = [side.name for side in sides]
    for name in names:
        if names.count(name) > 1:
            raise NumleanError(f"a dtype is compared once: {name} is named twice")
    others = [side for side in sides if side.name != truth.name]
    if not others:
        raise NumleanError(
            f"compare takes at least one dtype other than the truth, {truth.name}, not"
            f" {', '.join(names) or 'none'}"
        )
    return others


def _header(
    name: str,
    task: Task,
    sides: Sequence[RunSpec],
    truth: RunSpec,
    config: TrainConfig,
    load: Callable[[Scalar], Split],
) -> Record:
    from numlean.version import __version__

    names = [side.name for side in sides]
    return {
        "record": "comparison",
        "numlean": __version__,
        "task": name,
        "dtypes": names if truth.name in names else [*names, truth.name],
        "truth": truth.name,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "optimizer": repr(config.optimizer),
        "schedule": None if config.scheduler is None else repr(config.scheduler),
        "lr": config.optimizer.lr,
        "parameters": [[spec.name, [*spec.shape]] for spec in task.model.parameters],
        "data_digest": data_fingerprint(load(truth.scalar).train)["sha256"],
        "platform": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _measure(side: RunSpec, truth: RunSpec) -> dict[str, Any]:
    own = UlpScale.of(side.scalar)
    coarser = own.coarser(UlpScale.of(truth.scalar))
    judge = ExactReference(side.scalar).wide.name
    return {"judge": judge, "local_grid": asdict(own), "grid": asdict(coarser)}


def _loader(data: Data) -> Callable[[Scalar], Split]:
    def load(scalar: Scalar) -> Split:
        found = data(scalar) if callable(data) else data
        if isinstance(found, Split):
            return found
        return Split(*found.split_at(found.size))

    return load


def _ignore(record: Record) -> None:
    pass


def _nothing() -> None:
    pass
