"""Runs step by step beside each other: where do they first differ, and in which operation?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from numlean.analysis.lockstep.comparison import compares_bits
from numlean.analysis.lockstep.divergence import Divergence
from numlean.analysis.lockstep.replay import StepSnapshot, locate_divergence
from numlean.analysis.lockstep.run_spec import RunSpec, RunSpecLike
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState, first_differing
from numlean.data import Dataset, minibatches
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, Stepper, Task, TrainConfig

OnStep = Callable[[int], None]
"""Told how many steps all runs have made."""

Data = Dataset | Callable[[Scalar], Dataset]
"""What to train on, or what makes of a Scalar the data of a run in it."""


@dataclass(frozen=True)
class Pair:
    """How two runs compare.

    Attributes:
        a: The name of one side.
        b: The other's.
        compared: "state", encodings, within a format; "value", exact values, across formats.
        first_different_step: The first step, from 0, after which the loss, a gradient, a parameter
            or what the optimizer remembers differs; None if there is none.
        divergence: Which operation parted them; None if they did not part.
    """

    a: str
    b: str
    compared: str
    first_different_step: int | None = None
    divergence: Divergence | None = None

    @property
    def identical(self) -> bool:
        """Whether every step's numbers are the same."""
        return self.first_different_step is None


@dataclass(frozen=True)
class Crosscheck:
    """How every two of several runs compare.

    Attributes:
        pairs: Each pair, in the order of the sides given.
        steps: How many steps were made: all that were asked for, unless every two had parted.
    """

    pairs: tuple[Pair, ...]
    steps: int

    @property
    def identical(self) -> bool:
        """Whether all runs are the same."""
        return all(pair.identical for pair in self.pairs)

    def __str__(self) -> str:
        return "\n".join(map(_verdict, self.pairs, [self.steps] * len(self.pairs)))


def crosscheck(
    task: Task | NamedTask | str,
    *sides: RunSpecLike,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    on_step: OnStep | None = None,
) -> Crosscheck:
    """Train a task in several ways, step by step beside each other, and compare every number.

    After each step losses, gradients, parameters, buffers and what the optimizer remembers are
    compared: encodings within a format, exact values across formats. Where two runs part, the step
    is done again with every operation written down, to find the first whose results differ though
    its operands agree. Memory does not grow with the number of steps.

    Args:
        task: What to train; a task by name knows how and on what.
        sides: At least two: ``DTYPE[:DEVICE][:BACKEND][:fast]``, or a Scalar, or a ``Side``.
        config: How to train; by default as the named task does.
        data: On what; by default the named task's.
        options: How sides are run, where they do not say it.
        on_step: Told of each step.

    Raises:
        NumleanError: There are fewer than two sides, one cannot be run, or nothing says how.
    """
    if len(sides) < 2:
        raise NumleanError(f"crosscheck compares at least two runs, not {len(sides)}")
    task, config, data = training_of(task, config, data)
    if config is None or data is None:
        raise NumleanError("a Task is trained by a config on data: crosscheck(..., config=, data=)")
    lockstep = _Lockstep(task, [RunSpec.of(each, options) for each in sides], config, data)
    return lockstep.run(on_step)


def training_of(
    task: Task | NamedTask | str, config: TrainConfig | None, data: Data | None
) -> tuple[Task, TrainConfig | None, Data | None]:
    """A task, and how and on what it is trained: what is not given, as a task by name says.

    Raises:
        NumleanError: There is no task of that name.
    """
    task = get_task(task) if isinstance(task, str) else task
    if not isinstance(task, NamedTask):
        return task, config, data
    return task.task, config or task.config(), data or task.train_data_for


class _Lockstep:
    """Several runs of a task, step by step."""

    def __init__(
        self, task: Task, sides: Sequence[RunSpec], config: TrainConfig, data: Data
    ) -> None:
        self._task = task
        self._config = config
        self._sides = sides
        optimizer = RecordingOptimizer(config.optimizer)
        runners = [side.runner(task) for side in sides]
        self._steppers = [Stepper(runner, optimizer, config.scheduler) for runner in runners]
        self._data = [data if isinstance(data, Dataset) else data(r.scalar) for r in runners]
        self._states = [RunState.of(stepper) for stepper in self._steppers]
        self._parted: dict[tuple[int, int], Pair] = {}

    def run(self, on_step: OnStep | None) -> Crosscheck:
        """Make the steps, until every two runs have parted."""
        pairs = list(combinations(range(len(self._sides)), 2))
        config, steps, runner = self._config, 0, self._steppers[0].runner
        batches = [minibatches(d, config.batch_size, seed=config.seed) for d in self._data]
        for step in range(config.steps):
            if len(self._parted) == len(pairs):
                break
            samples = [next(each) for each in batches]
            before = self._states
            losses = [s.step(sample) for s, sample in zip(self._steppers, samples, strict=True)]
            self._states = [RunState.of(*each) for each in zip(self._steppers, losses, strict=True)]
            steps = step + 1
            for a, b in (pair for pair in pairs if pair not in self._parted):
                differing = first_differing(self._states[a], self._states[b], runner)
                if differing is not None:
                    moments = [
                        StepSnapshot(step, before[k], samples[k], self._states[k]) for k in (a, b)
                    ]
                    self._parted[a, b] = self._part(a, b, step, differing, moments)
            if on_step is not None:
                on_step(steps)
        found = [self._parted.get(pair) or Pair(*self._names(*pair)) for pair in pairs]
        return Crosscheck(tuple(found), steps)

    def _names(self, a: int, b: int) -> tuple[str, str, str]:
        first, second = self._sides[a], self._sides[b]
        compared = "state" if compares_bits(first.scalar, second.scalar) else "value"
        return first.name, second.name, compared

    def _part(
        self,
        a: int,
        b: int,
        step: int,
        differing: tuple[str, tuple[int, ...]],
        moments: Sequence[StepSnapshot],
    ) -> Pair:
        sides = self._sides[a], self._sides[b]
        divergence = locate_divergence(self._task, self._config, sides, moments, differing)
        return Pair(*self._names(a, b), step, divergence)


def _verdict(pair: Pair, steps: int) -> str:
    what = "encodings" if pair.compared == "state" else "exact values"
    names = f"{pair.a}, {pair.b}"
    if pair.divergence is None:
        return f"{names}: identical {what} of all numbers at all {steps} steps"
    return (
        f"{names}: different {what}, first at step {pair.first_different_step}\n{pair.divergence}"
    )
