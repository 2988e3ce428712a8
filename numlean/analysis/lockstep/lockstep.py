"""Run trainings step by step in parallel, and find where they first differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

from numlean.analysis.finiteness import FiniteCheck
from numlean.analysis.lockstep.blocks import CommonBlocks
from numlean.analysis.lockstep.comparison import RunComparison
from numlean.analysis.lockstep.crosscheck_result import Crosscheck, Pair
from numlean.analysis.lockstep.growth import GrowthPoint, growth_point
from numlean.analysis.lockstep.replay import StepSnapshot, locate_divergence
from numlean.analysis.lockstep.run_spec import RunSpec, RunSpecLike
from numlean.analysis.lockstep.states import (
    RecordingOptimizer,
    RunState,
    common_numbers,
    first_differing,
)
from numlean.arguments import checked
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.weights import WeightSource, weights_of
from numlean.data import Batch, Dataset
from numlean.data._minibatches import batch_orders
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, Stepper, Task, TrainConfig
from numlean.training.loops.step_blocks import Orders

OnStep = Callable[[int], bool | None]
"""Called with the number of steps that all runs have made; returns True to end them."""

Data = Dataset | Callable[[Scalar], Dataset]
"""Training data, or a function that returns the data of a run in a Scalar."""


@checked
def crosscheck(
    task: Task | NamedTask | str,
    *runs: RunSpecLike,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    initial: WeightSource | None = None,
    on_step: OnStep | None = None,
    beyond_rounding: bool = False,
    continue_: bool = False,
) -> Crosscheck:
    """Train a task in several ways in lockstep, and compare every number.

    After each step, losses, gradients, parameters, buffers and the optimizer's state are compared:
    encodings within a format, exact values across formats. Where two runs diverge, the step is
    repeated with every operation recorded, to find the first whose results differ though its
    operands are equal. Memory does not grow with the number of steps, but for one
    ``GrowthPoint`` a step with ``continue_``.

    Args:
        task: The task to train; a named task defines its config and data.
        *runs: At least two: ``DTYPE[:DEVICE][:BACKEND][:fast]``, a Scalar, a ``RunSpec``, or a
            runner, whose run starts from its current parameters.
        config: The training configuration; by default the named task's.
        data: The data; by default those of the named task.
        options: Engine, device and kernels of runs whose names do not specify them.
        initial: The initial parameters of the other runs: a runner, a checkpoint, values by name,
            or a file of weights; by default they are drawn with the options' seed.
        on_step: A function that is called after each step; the steps end if it returns True.
        beyond_rounding: Whether to compare numbers of two formats after rounding both to the
            coarser format (:mod:`numlean.analysis.lockstep.common_numbers` defines it also where
            neither format contains the other). Otherwise almost all initial values differ.
        continue_: Whether to make all steps, and measure how the difference of two runs grows
            after it first appears. Otherwise the steps end when every two runs have diverged.

    Raises:
        NumleanError: There are fewer than two runs, a run is unavailable, config or data are
            missing, or initial values do not match the model.
    """
    if len(runs) < 2:
        raise NumleanError(f"crosscheck compares at least two runs, got {len(runs)}")
    task, config, data = training_of(task, config, data)
    if config is None or data is None:
        raise NumleanError(
            "a Task has no default config and data; call crosscheck(..., config=, data=)"
        )
    values = None if initial is None else weights_of(task, initial)
    specs = [RunSpec.of(each, options).starting_from(values) for each in runs]
    lockstep = _Lockstep(task, specs, config, data, beyond_rounding=beyond_rounding)
    return lockstep.run(on_step, continues=continue_)


def training_of(
    task: Task | NamedTask | str, config: TrainConfig | None, data: Data | None
) -> tuple[Task, TrainConfig | None, Data | None]:
    """Return a task with its config and data; those not given come from the named task.

    Raises:
        NumleanError: The task is unknown.
    """
    task = get_task(task) if isinstance(task, str) else task
    if not isinstance(task, NamedTask):
        return task, config, data
    return task.task, config or task.config(), data or task.train_data_for


class _Lockstep:
    """Several runs of a task, step by step."""

    def __init__(
        self,
        task: Task,
        specs: Sequence[RunSpec],
        config: TrainConfig,
        data: Data,
        *,
        beyond_rounding: bool,
    ) -> None:
        self._task = task
        self._config = config
        self._specs = specs
        optimizer = RecordingOptimizer(config.optimizer)
        runners = [spec.runner(task) for spec in specs]
        self._steppers = [Stepper(runner, optimizer, config.scheduler) for runner in runners]
        self._data = [data if isinstance(data, Dataset) else data(r.scalar) for r in runners]
        self._states = [RunState.of(stepper) for stepper in self._steppers]
        self._comparisons = {
            pair: RunComparison(beyond_rounding=beyond_rounding)
            for pair in combinations(range(len(specs)), 2)
        }
        self._diverged: dict[tuple[int, int], Pair] = {}
        self._growth: dict[tuple[int, int], list[GrowthPoint]] = {}
        self._pending: Sequence[Tensor] = ()
        self._checks = [
            FiniteCheck("warn", stepper=stepper, report=lambda text: None)
            for stepper in self._steppers
        ]

    def run(self, on_step: OnStep | None, *, continues: bool) -> Crosscheck:
        """Make the steps: all of them, or until every two runs have diverged."""
        config, steps, is_stopped = self._config, 0, False
        for stepper in self._steppers:
            stepper.runner.keeps_outputs = continues
        # Runs on as many samples have the same batches.
        distinct = {d.size: d for d in self._data}
        orders = {
            size: Orders(batch_orders(d, config.batch_size, seed=config.seed))
            for size, d in distinct.items()
        }
        has_blocks = len(orders) == 1 and not continues
        blocks = CommonBlocks(self._steppers, self._data) if has_blocks else None
        while self._goes_on(steps, continues=continues) and not is_stopped:
            made = 0
            if blocks is not None:
                (own,) = orders.values()
                made = self._common_steps(blocks, own, config.steps - steps)
            if not made:
                self._catch_up()
                rows = {size: each.take(1)[0] for size, each in orders.items()}
                self._step(steps, [each.batch(rows[each.size]) for each in self._data])
                made = 1
            if continues:
                self._measure(steps)
            for _ in range(made):
                steps += 1
                is_stopped = on_step is not None and bool(on_step(steps))
                if is_stopped:  # a block may have made more steps, with the same numbers too
                    break
        self._catch_up()
        found = [self._diverged.get(pair) or self._pair(*pair) for pair in self._comparisons]
        growth = [tuple(self._growth.get(pair, ())) for pair in self._comparisons]
        pairs = (replace(pair, growth=each) for pair, each in zip(found, growth, strict=True))
        checks = zip(self._specs, self._checks, strict=True)
        nonfinite = {spec.name: str(each.first) for spec, each in checks if each.first is not None}
        is_partial = is_stopped and self._goes_on(steps, continues=continues)
        return Crosscheck(tuple(pairs), steps, nonfinite, is_partial)

    def _goes_on(self, steps: int, *, continues: bool) -> bool:
        """Return whether steps are left after some: not if every two runs have diverged."""
        is_open = continues or len(self._diverged) < len(self._comparisons)
        return steps < self._config.steps and is_open

    def _common_steps(self, blocks: CommonBlocks, orders: Orders, limit: int) -> int:
        """Make steps that leave the same numbers in all runs; return their number, perhaps 0."""
        before = self._steppers[0].step_count
        losses = None if self._diverged else blocks.run(orders, limit)
        if losses is None:
            return 0
        self._pending = losses
        return self._steppers[0].step_count - before

    def _catch_up(self) -> None:
        """Read the numbers after the last common steps."""
        if self._pending:
            self._after_step(self._pending)
            self._pending = ()

    def _after_step(self, losses: Sequence[Tensor]) -> None:
        self._states = [RunState.of(*each) for each in zip(self._steppers, losses, strict=True)]
        for check, stepper, loss in zip(self._checks, self._steppers, losses, strict=True):
            check(stepper, loss)

    def _step(self, step: int, samples: Sequence[Batch]) -> None:
        """Make a step in every run, and compare every two that have not diverged."""
        before = self._states
        losses = [s.step(sample) for s, sample in zip(self._steppers, samples, strict=True)]
        self._after_step(losses)
        for (a, b), comparison in self._comparisons.items():
            if (a, b) in self._diverged:
                continue
            states = self._states[a], self._states[b]
            differing = first_differing(*states, comparison.differing)
            if differing is not None:
                snapshots = [
                    StepSnapshot(step, before[k], samples[k], self._states[k]) for k in (a, b)
                ]
                self._diverged[a, b] = self._locate(a, b, differing, snapshots)

    def _measure(self, step: int) -> None:
        """Measure the difference of every two runs that have diverged."""
        losses = [s.reported_loss().item() for s in self._steppers] if self._diverged else []
        for a, b in self._diverged:
            states, comparison = (self._states[a], self._states[b]), self._comparisons[a, b]
            point = growth_point(step, states, (losses[a], losses[b]), comparison.differing)
            self._growth.setdefault((a, b), []).append(point)

    def _pair(self, a: int, b: int) -> Pair:
        """Return a pair of runs that are the same so far."""
        comparison = self._comparisons[a, b]
        kind, rounded_to = comparison.of_all(self._scalars(a, b))
        names = self._specs[a].name, self._specs[b].name
        return Pair(*names, kind, rounded_to=rounded_to)

    def _scalars(self, a: int, b: int) -> list[tuple[Scalar, Scalar]]:
        """Return the Scalars of two runs' losses, gradients, parameters and state."""
        losses = self._steppers[a].runner.scalar, self._steppers[b].runner.scalar
        common = common_numbers(self._states[a], self._states[b])
        return [losses, *((x.scalar, y.scalar) for _, x, y in common if x.scalar is not INDEX)]

    def _locate(
        self,
        a: int,
        b: int,
        differing: tuple[str, tuple[int, ...]],
        snapshots: Sequence[StepSnapshot],
    ) -> Pair:
        specs = self._specs[a], self._specs[b]
        divergence = locate_divergence(
            self._task, self._config, specs, snapshots, differing, self._comparisons[a, b]
        )
        step = snapshots[0].step
        return replace(self._pair(a, b), first_different_step=step, divergence=divergence)
