"""Runs of one task and one seed, step by step beside the truth's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numlean.analysis.drift.operations import Key, OperationErrors
from numlean.analysis.drift.reference import ReferenceStep
from numlean.analysis.drift.run import MeasuredRun, Run
from numlean.analysis.lockstep import RunSpec
from numlean.data import Batch, Dataset, minibatches
from numlean.scalar.protocol import Scalar
from numlean.tasks import Split
from numlean.training import Task, TrainConfig


@dataclass(frozen=True)
class Schedule:
    """When what is measured.

    Attributes:
        steps: How many steps there are.
        every: Every so many are measured, and the last one.
        tests: How many times, evenly spread, the test data are looked at.
        operations: Whether operations are measured, too.
        flags: Whether the flags of the steps measured are counted.
    """

    steps: int
    every: int
    tests: int
    operations: bool
    flags: bool

    def measures(self, step: int) -> bool:
        """Whether a step is measured."""
        return step % self.every == 0 or step == self.steps - 1

    @property
    def tested(self) -> frozenset[int]:
        """The measured steps after which the test data are looked at."""
        measured = [step for step in range(self.steps) if self.measures(step)]
        count = min(self.tests, len(measured))
        return frozenset(measured[-(-(k + 1) * len(measured) // count) - 1] for k in range(count))


@dataclass(frozen=True)
class MeasuredStep:
    """What is found of one run at one step.

    Attributes:
        dtype: The run's.
        step: The step, from 0.
        figures: What goes into the step's record.
        operations: The errors of the operations; None of the truth, or where they are not measured.
    """

    dtype: str
    step: int
    figures: dict[str, Any]
    operations: dict[Key, OperationErrors] | None = None


class SeedExperiment:
    """The runs of one seed.

    Attributes:
        truth: The run that the others are measured by.
        others: Those.
    """

    def __init__(
        self,
        task: Task,
        truth: RunSpec,
        others: Sequence[RunSpec],
        config: TrainConfig,
        schedule: Schedule,
        load: Callable[[Scalar], Split],
        *,
        with_accuracy: bool,
    ) -> None:
        self.truth = Run(truth, task, config)
        self.others = [MeasuredRun(Run(side, task, config), self.truth) for side in others]
        self._schedule = schedule
        self._counts_classes = with_accuracy
        self._splits = [load(lane.stepper.runner.scalar) for lane in self.lanes]

    @property
    def lanes(self) -> list[Run]:
        """All runs, the truth's first."""
        return [self.truth, *(measured.lane for measured in self.others)]

    def run(self, on_step: Callable[[], None]) -> Iterator[MeasuredStep]:
        """Make the steps; what is found at those that are measured."""
        config, schedule, tested = self.truth.config, self._schedule, self._schedule.tested
        batches = [
            minibatches(split.train, config.batch_size, seed=config.seed) for split in self._splits
        ]
        for step in range(config.steps):
            samples = [next(each) for each in batches]
            if schedule.measures(step):
                yield from self._measured(step, samples, step in tested)
            else:
                for lane, sample in zip(self.lanes, samples, strict=True):
                    lane.step(sample)
            on_step()

    def _measured(self, step: int, samples: Sequence[Batch], tests: bool) -> Iterator[MeasuredStep]:
        """Make a step, the truth's first, and measure it."""
        truth = None
        if self._schedule.operations:
            applications, _ = self.truth.traced_step(samples[0], counts_flags=False)
            truth = ReferenceStep(self.truth.side.scalar, applications)
        else:
            self.truth.step(samples[0])
        figures = {**self.truth.figures(), **_NOTHING, **self._tests(0, tests)}
        yield MeasuredStep(self.truth.name, step, figures)
        for k, measured in enumerate(self.others, 1):
            operations, flags = self._step(measured, samples[k], truth)
            own = measured.lane.figures(), measured.step_errors(), self._tests(k, tests)
            figures = {**own[0], **own[1], "flags": flags, **own[2]}
            yield MeasuredStep(measured.lane.name, step, figures, operations)

    def _step(
        self, measured: MeasuredRun, sample: Batch, truth: ReferenceStep | None
    ) -> tuple[dict[Key, OperationErrors] | None, dict[str, Any] | None]:
        """Make a step; the errors of its operations, and the flags they raised, if wanted."""
        if truth is None:
            measured.lane.step(sample)
            return None, None
        counts_flags = self._schedule.flags
        applications, counts = measured.lane.traced_step(sample, counts_flags=counts_flags)
        flags = None
        if counts is not None:
            flags = {name: counts[name].as_dict() for name in sorted(counts)}
        return measured.operations.errors(applications, truth), flags

    def _tests(self, k: int, now: bool) -> dict[str, Any]:
        data: Dataset = self._splits[k].test
        if not now or not data.size:
            return {"test_loss": None, "accuracy": None}
        return self.lanes[k].tested(data, with_accuracy=self._counts_classes)


_NOTHING = dict.fromkeys(("loss_error_ulp", "loss_relative_error", "parameters", "flags"))
