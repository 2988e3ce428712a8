"""Train a task by a policy and by others that each differ from it in one part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from numlean.analysis.ablation.directions import (
    DEMOTED,
    PROMOTED,
    Direction,
    Resolve,
    check_narrower,
    low_format,
)
from numlean.analysis.ablation.records import (
    final_records,
    omission_record,
    run_record,
    variant_record,
)
from numlean.analysis.ablation.result import Ablation, Row, Stop
from numlean.analysis.ablation.seed_run import RunItem, RunMade, RunWork, SeedRun, Training
from numlean.analysis.ablation.variants import UNCHANGED, Omission, Variant, Variants
from numlean.analysis.drift.records import Record, Write
from numlean.analysis.drift.run_record import machine_record, training_record, version_record
from numlean.analysis.drift.split_data import CachedLoad, Data, loader
from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.arguments import checked
from numlean.checkpoint.weights import WeightSource, weights_of
from numlean.digest import value_digest
from numlean.errors import NumleanError
from numlean.executors.executor import HERE, Executor, streams
from numlean.precision import Policy, format_policy, parse_policy, policy_digest
from numlean.scalar.registry import resolve_known
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, Runner, Task, TrainConfig
from numlean.training.options import BACKENDS, resolve_part
from numlean.training.precision import RunPrecision

COMPILED: Final = BACKENDS[-1]
"""The engine of runs whose options do not name another: it has the same bits and is faster."""

_MOST_SEEDS: Final = 1_000_000


@checked
def ablate(
    task: Task | NamedTask | str,
    policy: Policy | str,
    *,
    high: str = "float32",
    low: str | None = None,
    truth: RunSpecLike = "float64",
    seeds: int = 3,
    steps: int | None = None,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    initial: WeightSource | None = None,
    with_accuracy: bool | None = None,
    write: Write | None = None,
    on_step: Callable[[], bool | None] | None = None,
    executor: Executor = HERE,
) -> Ablation:
    """Train a task by a policy, and with each part of the policy promoted or demoted alone.

    The parts are the roles, each named part of the optimizer's state, the products of layers
    (operands, accumulation and output), the accumulation alone, and scales. The first row is the
    unchanged policy. In the next rows, one part each is in the format ``high``, then one part each
    in ``low``; in the last row, everything is in ``high``. Parts whose rows would equal the
    unchanged policy have none. Where a policy with one part changed is not valid, the fewest
    further fields are changed too, and the row names them. All rows have the same seeds, and thus
    the same initial values and order of samples.

    Promoted scales of operands become finer (delayed ones current, those of tensors those of rows);
    demoted ones, and the scale of the loss, are dropped. Memory does not grow with the steps.

    Args:
        task: The task to train; a named task defines its config and data.
        policy: The unchanged policy, or its text.
        high: The dtype of promoted parts.
        low: The dtype of demoted parts; by default that of the policy's narrow operands.
        truth: The reference run, from whose parameters distances are measured.
        seeds: The number of seeds, counted from the config's.
        steps: The number of steps; by default the config's.
        config: The training configuration; by default the named task's.
        data: The data; by default those of the named task.
        options: Engine, device and kernels; by default the compiled engine.
        initial: The initial parameters: a runner, a checkpoint, values by name, or a file of
            weights; by default each seed draws them.
        with_accuracy: Whether to measure accuracy; by default as the named task defines.
        write: A function that is called with each record as soon as it exists; see
            :mod:`numlean.analysis.ablation.records`.
        on_step: A function that is called after each step of each run. If it returns True, the
            ablation ends with the runs completed so far, and says so.
        executor: Computes the runs, each on its own; the result does not depend on it.

    Raises:
        NumleanError: The policy is not valid, a dtype is unknown or not narrower than the other
            one, config or data are missing, or a count is too small.
    """
    task = get_task(task) if isinstance(task, str) else task
    name = task.name if isinstance(task, NamedTask) else type(task).__name__
    if isinstance(task, NamedTask):
        if with_accuracy is None:
            with_accuracy = task.is_classification
        config, data, task = config or task.config(), data or task.load_for, task.task
    if config is None or data is None:
        raise NumleanError(
            "a Task has no default config and data; call ablate(..., config=, data=)"
        )
    if not 1 <= seeds <= _MOST_SEEDS:
        raise NumleanError(f"seeds must be from 1 to {_MOST_SEEDS}, got {seeds}")
    config = config if steps is None else replace(config, steps=steps)
    options = options or Options(backend=COMPILED)
    policy = parse_policy(policy) if isinstance(policy, str) else policy
    values = None if initial is None else weights_of(task, initial)
    training = Training(task, config, CachedLoad(loader(data)), bool(with_accuracy))
    # The bits of the reference run do not depend on its device.
    reference = RunSpec.of(truth, replace(options, device=None)).starting_from(values)
    directions = _directions(policy, high, low, lambda dtype: resolve_part(dtype, options))
    variants = _variants(policy, training, reference, directions, options)
    specs = [
        RunSpec.of_policy(each.policy, options, each.name).starting_from(values)
        for each in variants.rows
    ]
    header = {
        "record": "ablation",
        **version_record(),
        "task": name,
        "policy": format_policy(policy),
        "policy_digest": policy_digest(policy),
        "high": directions[0].dtype,
        "low": directions[1].dtype if len(directions) > 1 else None,
        "truth": reference.name,
        "seeds": [*range(config.seed, config.seed + seeds)],
        **training_record(task, config, training.load(reference.scalar)),
        "initial": None
        if values is None
        else value_digest(reference.runner(task).named_parameters),
        "backend": options.backend,
        **({} if options.shards == 1 else {"shards": options.shards}),
        **machine_record(),
        "rows": [variant_record(each) for each in variants.rows],
        "omissions": [
            {k: v for k, v in omission_record(each).items() if k != "record"}
            for each in variants.omissions
        ],
    }
    write = write or _ignore
    write(header)
    work = RunWork(training)
    runs = _Runs(work, executor, reference, variants, specs, write, on_step or _nothing)
    result = runs.make(header)
    for record in final_records(result):
        write(record)
    return result


class _Runs:
    """The runs of all rows and seeds."""

    def __init__(
        self,
        work: RunWork,
        executor: Executor,
        reference: RunSpec,
        variants: Variants,
        specs: Sequence[RunSpec],
        write: Write,
        on_step: Callable[[], bool | None],
    ) -> None:
        self._work, self._executor, self._on_step = work, executor, on_step
        self._reference = reference
        self._specs = dict(zip(variants.rows, specs, strict=True))
        self._found: dict[Variant, list[SeedRun]] = {each: [] for each in variants.rows}
        self._references: list[SeedRun] = []
        self._omissions = list(variants.omissions)
        self._write = write

    def make(self, header: Record) -> Ablation:
        """Make all runs, seed by seed, until one is ended early."""
        stop = next(filter(None, map(self._seed, header["seeds"])), None)
        rows = tuple(Row(variant, tuple(runs)) for variant, runs in self._found.items())
        return Ablation(header, rows, tuple(self._references), tuple(self._omissions), stop)

    def _seed(self, seed: int) -> Stop | None:
        """Make the runs of a seed; return where they were ended early, if so."""
        ((_, made),) = self._runs([(self._reference, seed, None)])
        if isinstance(made, int):
            return Stop(self._reference.name, seed, made)
        if isinstance(made, NumleanError):
            raise made
        self._references.append(made.run)
        self._write(run_record(None, made.run))
        variants = list(self._found)
        items = [(self._specs[each], seed, made.params) for each in variants]
        for k, row in self._runs(items):
            variant = variants[k]
            if isinstance(row, int):
                return Stop(variant.name, seed, row)
            self._add(variant, row)
        return None

    def _runs(self, items: Sequence[RunItem]) -> Iterator[tuple[int, RunMade | NumleanError | int]]:
        """Yield each run with its number: what it gave, or its steps if it was ended early."""
        steps = self._work.training.config.steps
        for k, events in enumerate(streams(self._executor, self._work, items, "a run")):
            for event in events:
                if not isinstance(event, int):
                    yield k, event
                elif self._on_step() and event < steps:
                    yield k, event
                    return

    def _add(self, variant: Variant, made: RunMade | NumleanError) -> None:
        """Add a run to its row, or drop the row if the run is not possible."""
        if isinstance(made, RunMade):
            self._found[variant].append(made.run)
            self._write(run_record(variant.name, made.run))
        elif variant.part == UNCHANGED:
            raise made
        else:
            self._drop(variant, made)

    def _drop(self, variant: Variant, error: NumleanError) -> None:
        """Note that a row is impossible, which only its first step has shown."""
        del self._found[variant]
        omission = Omission(variant.part, variant.direction, f"not possible: {error}", True)
        self._omissions.append(omission)
        self._write(omission_record(omission))


def _directions(policy: Policy, high: str, low: str | None, resolve: Resolve) -> list[Direction]:
    """Return the promotion, and the demotion unless nothing in the policy is narrow.

    Raises:
        NumleanError: A dtype is unknown, or ``low`` is not narrower than ``high``.
    """
    high = resolve_known(high).text
    if low is None:
        low = low_format(policy, high, resolve)
    else:
        low = resolve_known(low).text
        check_narrower(low, high, resolve)
    directions = [Direction(PROMOTED, high, resolve)]
    return directions if low is None else [*directions, Direction(DEMOTED, low, resolve)]


def _variants(
    policy: Policy,
    training: Training,
    reference: RunSpec,
    directions: Sequence[Direction],
    options: Options,
) -> Variants:
    """Return the policies; those that cannot be resolved for the task are not valid."""
    task, optimizer = training.task, training.config.optimizer

    eager = replace(options, backend=BACKENDS[0])

    def check(policy: Policy) -> None:
        if not policy.is_uniform:
            precision = RunPrecision.of(policy, task, directions[0].resolve)
            precision.optimizer(optimizer)
            training.try_step(RunSpec.of_policy(policy, eager, "a trial"))

    states = _states(reference.runner(task), training.config)
    return Variants(policy, states, directions, check)


def _states(runner: Runner, config: TrainConfig) -> list[str]:
    """Return the names of the optimizer's state that has one tensor for each parameter."""
    specs = runner.task.model.parameters
    trained = [p for spec, p in zip(specs, runner.model_params, strict=True) if spec.is_trainable]
    state = config.optimizer.initial(trained, runner.hyperparameter)
    shapes = [p.shape for p in trained]
    return [name for name, tensors in state.items() if [x.shape for x in tensors] == shapes]


def _digest(runner: Runner) -> str:
    """Return the digest of the exact values of a run's parameters."""
    return value_digest(runner.named_parameters)


def _ignore(record: Record) -> None:
    pass


def _nothing() -> None:
    pass
