"""Run trainings step by step in parallel, and find where they first differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from numlean.analysis.lockstep.comparison import compares_bits
from numlean.analysis.lockstep.divergence import Divergence
from numlean.analysis.lockstep.replay import StepSnapshot, locate_divergence
from numlean.analysis.lockstep.run_spec import RunSpec, RunSpecLike
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState, first_differing
from numlean.checkpoint.weights import WeightSource, weights_of
from numlean.data import Batch, Dataset, minibatches
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, Stepper, Task, TrainConfig

OnStep = Callable[[int], None]
"""Called with the number of steps that all runs have made."""

Data = Dataset | Callable[[Scalar], Dataset]
"""Training data, or a function that returns the data of a run in a Scalar."""


@dataclass(frozen=True)
class Pair:
    """The comparison of two runs.

    Attributes:
        a: The name of one run.
        b: The name of the other run.
        compared: "state" (encodings, within a format) or "value" (exact values, across formats).
        first_different_step: The first step, from 0, after which the loss, a gradient, a parameter
            or the optimizer's state differs; None if all are identical.
        divergence: The operation at which the runs diverged; None if they are identical.
    """

    a: str
    b: str
    compared: str
    first_different_step: int | None = None
    divergence: Divergence | None = None

    @property
    def identical(self) -> bool:
        """Whether the numbers of every step are the same."""
        return self.first_different_step is None


@dataclass(frozen=True)
class Crosscheck:
    """The comparison of every two of several runs.

    Attributes:
        pairs: Each pair, in the order of the runs given.
        steps: The number of steps made: all of them, unless every two runs diverged earlier.
    """

    pairs: tuple[Pair, ...]
    steps: int

    @property
    def identical(self) -> bool:
        """Whether all runs are identical."""
        return all(pair.identical for pair in self.pairs)

    def __str__(self) -> str:
        return "\n".join(map(_verdict, self.pairs, [self.steps] * len(self.pairs)))


def crosscheck(
    task: Task | NamedTask | str,
    *runs: RunSpecLike,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    initial: WeightSource | None = None,
    on_step: OnStep | None = None,
) -> Crosscheck:
    """Train a task in several ways in lockstep, and compare every number.

    After each step, losses, gradients, parameters, buffers and the optimizer's state are compared:
    encodings within a format, exact values across formats. Where two runs diverge, the step is
    repeated with every operation recorded, to find the first whose results differ though its
    operands are equal. Memory does not grow with the number of steps.

    Args:
        task: The task to train; a named task defines its config and data.
        *runs: At least two: ``DTYPE[:DEVICE][:BACKEND][:fast]``, a Scalar, a ``RunSpec``, or a
            runner, whose run starts from its current parameters.
        config: The training configuration; by default the named task's.
        data: The data; by default those of the named task.
        options: Engine, device and kernels of runs whose names do not specify them.
        initial: The initial parameters of the other runs: a runner, a checkpoint, values by name,
            or a file of weights; by default they are drawn with the options' seed.
        on_step: A function that is called after each step.

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
    lockstep = _Lockstep(task, specs, config, data)
    return lockstep.run(on_step)


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
        self, task: Task, specs: Sequence[RunSpec], config: TrainConfig, data: Data
    ) -> None:
        self._task = task
        self._config = config
        self._specs = specs
        optimizer = RecordingOptimizer(config.optimizer)
        runners = [spec.runner(task) for spec in specs]
        self._steppers = [Stepper(runner, optimizer, config.scheduler) for runner in runners]
        self._data = [data if isinstance(data, Dataset) else data(r.scalar) for r in runners]
        self._states = [RunState.of(stepper) for stepper in self._steppers]
        self._pairs = list(combinations(range(len(specs)), 2))
        self._diverged: dict[tuple[int, int], Pair] = {}

    def run(self, on_step: OnStep | None) -> Crosscheck:
        """Make the steps, until every two runs have diverged."""
        config, steps = self._config, 0
        batches = [minibatches(d, config.batch_size, seed=config.seed) for d in self._data]
        while steps < config.steps and len(self._diverged) < len(self._pairs):
            self._step(steps, [next(each) for each in batches])
            steps += 1
            if on_step is not None:
                on_step(steps)
        found = [self._diverged.get(pair) or Pair(*self._names(*pair)) for pair in self._pairs]
        return Crosscheck(tuple(found), steps)

    def _step(self, step: int, samples: Sequence[Batch]) -> None:
        """Make a step in every run, and compare every two that have not diverged."""
        before, runner = self._states, self._steppers[0].runner
        losses = [s.step(sample) for s, sample in zip(self._steppers, samples, strict=True)]
        self._states = [RunState.of(*each) for each in zip(self._steppers, losses, strict=True)]
        for a, b in (pair for pair in self._pairs if pair not in self._diverged):
            differing = first_differing(self._states[a], self._states[b], runner)
            if differing is not None:
                snapshots = [
                    StepSnapshot(step, before[k], samples[k], self._states[k]) for k in (a, b)
                ]
                self._diverged[a, b] = self._locate(a, b, step, differing, snapshots)

    def _names(self, a: int, b: int) -> tuple[str, str, str]:
        first, second = self._specs[a], self._specs[b]
        compared = "state" if compares_bits(first.scalar, second.scalar) else "value"
        return first.name, second.name, compared

    def _locate(
        self,
        a: int,
        b: int,
        step: int,
        differing: tuple[str, tuple[int, ...]],
        snapshots: Sequence[StepSnapshot],
    ) -> Pair:
        specs = self._specs[a], self._specs[b]
        divergence = locate_divergence(self._task, self._config, specs, snapshots, differing)
        return Pair(*self._names(a, b), step, divergence)


def _verdict(pair: Pair, steps: int) -> str:
    compared = "encodings" if pair.compared == "state" else "exact values"
    names = f"{pair.a}, {pair.b}"
    if pair.divergence is None:
        return f"{names}: identical {compared} of all numbers at all {steps} steps"
    step = pair.first_different_step
    return f"{names}: different {compared}, first at step {step}\n{pair.divergence}"
