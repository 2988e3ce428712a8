"""The runs of one task and one seed, step by step with the reference run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from numlean.analysis.drift.operations import Key, OperationErrors
from numlean.analysis.drift.product_errors import ProductErrors, ProductKey, product_errors
from numlean.analysis.drift.quantisation import Quantisation, QuantisationKey, quantisations
from numlean.analysis.drift.reference import ReferenceStep
from numlean.analysis.drift.run import MeasuredRun, Run, TracedStep
from numlean.analysis.drift.update_errors import UpdateErrors, update_errors
from numlean.analysis.lockstep import RunSpec
from numlean.data import Batch, Dataset, minibatches
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Scalar
from numlean.tasks import Split
from numlean.training import Task, TrainConfig


@dataclass(frozen=True)
class MeasurementSchedule:
    """The steps to measure.

    Attributes:
        steps: The number of steps.
        every: The distance between measured steps; the last step is measured, too.
        tests: The number of evaluations on the test data, evenly spread.
        operations: Whether operations are measured, too.
        flags: Whether the flags of measured steps are counted.
        state: Whether the optimizer's state is measured.
    """

    steps: int
    every: int
    tests: int
    operations: bool
    flags: bool
    state: bool = False

    def measures(self, step: int) -> bool:
        """Return whether a step is measured."""
        return step % self.every == 0 or step == self.steps - 1

    def evaluates(self, step: int) -> bool:
        """Return whether a measured step ends with an evaluation on the test data.

        Of n measured steps, count end with one: those at which place * count / n, the place counted
        from 1, reaches an integer. The last one is among them.
        """
        measured = -(-(self.steps - 1) // self.every) + 1
        place = -(-step // self.every) + 1
        count = min(self.tests, measured)
        return place * count // measured > (place - 1) * count // measured


@dataclass(frozen=True)
class MeasuredStep:
    """The measurements of one run at one step.

    Attributes:
        dtype: The name of the run.
        step: The step, from 0.
        figures: The figures of the step's record.
        operations: The errors of the operations; None for the reference run, or if not measured.
        products: The errors of the products of layers; None in a run in one arithmetic.
        quantisations: What was done to scaled operands of products; None likewise.
        updates: What the updates lose, by parameter; None in a run in one arithmetic.
    """

    dtype: str
    step: int
    figures: dict[str, Any]
    operations: dict[Key, OperationErrors] | None = None
    products: dict[ProductKey, ProductErrors] | None = None
    quantisations: dict[QuantisationKey, Quantisation] | None = None
    updates: dict[str, UpdateErrors] | None = None


@dataclass(frozen=True)
class StepMade:
    """A step of all runs of a seed has ended.

    Attributes:
        steps: The number of steps so far.
    """

    steps: int


@dataclass(frozen=True)
class RunEnd:
    """The end of a run of a seed.

    Attributes:
        dtype: The name of the run.
        digests: The digests of its last parameters.
        nonfinite: The first event with a number that was not finite; None without.
        steps: The number of steps made.
    """

    dtype: str
    digests: dict[str, str]
    nonfinite: Any
    steps: int


Event: TypeAlias = MeasuredStep | StepMade | RunEnd


@dataclass
class Stop:
    """A request to end after the current step.

    Attributes:
        requested: Whether it was made.
    """

    requested: bool = False


@dataclass(frozen=True)
class SeedWork:
    """The work of a comparison for any seed.

    Attributes:
        task: The task.
        truth: The reference run.
        others: The runs that are measured against it.
        config: The training configuration; each seed replaces its own.
        schedule: The steps to measure.
        load: Returns the data for a Scalar.
        with_accuracy: Whether to count correct class predictions.
        stop: Ends the work, if that is done in this process.
    """

    task: Task
    truth: RunSpec
    others: Sequence[RunSpec]
    config: TrainConfig
    schedule: MeasurementSchedule
    load: Callable[[Scalar], Split]
    with_accuracy: bool
    stop: Stop

    def __call__(self, seed: int) -> Iterator[Event]:
        """Make the runs of a seed; yield what is measured, each step, and the end of each run."""
        experiment = SeedExperiment(
            self.task,
            _with_seed(self.truth, seed),
            [_with_seed(spec, seed) for spec in self.others],
            replace(self.config, seed=seed),
            self.schedule,
            self.load,
            with_accuracy=self.with_accuracy,
        )
        yield from experiment.run(self.stop)
        for run in experiment.runs:
            yield RunEnd(run.name, run.digests(), run.nonfinite, experiment.steps)


def _with_seed(spec: RunSpec, seed: int) -> RunSpec:
    return replace(spec, options=replace(spec.options, seed=seed))


class SeedExperiment:
    """The runs of one seed.

    Attributes:
        truth: The reference run.
        others: The runs that are measured against it.
        steps: The number of steps made.
    """

    def __init__(
        self,
        task: Task,
        truth: RunSpec,
        others: Sequence[RunSpec],
        config: TrainConfig,
        schedule: MeasurementSchedule,
        load: Callable[[Scalar], Split],
        *,
        with_accuracy: bool,
    ) -> None:
        self.truth = Run(truth, task, config)
        self.others = [MeasuredRun(Run(spec, task, config), self.truth) for spec in others]
        self._schedule = schedule
        self._with_accuracy = with_accuracy
        self._splits = [load(run.stepper.runner.scalar) for run in self.runs]
        self.steps = 0

    @property
    def runs(self) -> list[Run]:
        """All runs, the reference run first."""
        return [self.truth, *(measured.run for measured in self.others)]

    def run(self, stop: Stop) -> Iterator[MeasuredStep | StepMade]:
        """Make the steps, until an end is requested; yield those that are measured, and each."""
        config, schedule = self.truth.config, self._schedule
        batches = [
            minibatches(split.train, config.batch_size, seed=config.seed) for split in self._splits
        ]
        for step in range(config.steps):
            samples = [next(each) for each in batches]
            if schedule.measures(step):
                yield from self._measure(step, samples, schedule.evaluates(step))
            else:
                for run, sample in zip(self.runs, samples, strict=True):
                    run.step(sample)
            self.steps = step + 1
            yield StepMade(self.steps)
            if stop.requested:
                return

    def _measure(self, step: int, samples: Sequence[Batch], tests: bool) -> Iterator[MeasuredStep]:
        """Make a step, that of the reference run first, and measure it."""
        reference = None
        if self._schedule.operations:
            true = self.truth.trace_step(samples[0], counts_flags=False)
            reference = ReferenceStep(self.truth.spec.scalar, true.operations)
        else:
            self.truth.step(samples[0])
        no_errors = _NO_ERRORS | ({"state": None} if self._schedule.state else {})
        figures = {**self.truth.figures(), **no_errors, **self._tests(0, tests)}
        yield MeasuredStep(self.truth.name, step, figures)
        for k, measured in enumerate(self.others, 1):
            traced = self._step(measured, samples[k])
            own = measured.run.figures(), measured.step_errors(), self._tests(k, tests)
            state = {"state": measured.state_errors()} if self._schedule.state else {}
            flags = _plain_flags(traced.flags if traced else None)
            figures = {**own[0], **own[1], **state, "flags": flags, **own[2]}
            yield _with_errors(
                MeasuredStep(measured.run.name, step, figures), measured, traced, reference
            )

    def _step(self, measured: MeasuredRun, sample: Batch) -> TracedStep | None:
        """Make a step; return its operations, if they are measured."""
        if not self._schedule.operations:
            measured.run.step(sample)
            return None
        return measured.run.trace_step(sample, counts_flags=self._schedule.flags)

    def _tests(self, k: int, now: bool) -> dict[str, Any]:
        data: Dataset = self._splits[k].test
        if not now or not data.size:
            return {"test_loss": None, "accuracy": None}
        return self.runs[k].evaluate(data, with_accuracy=self._with_accuracy)


_NO_ERRORS = dict.fromkeys(("loss_relative_error", "loss_error_ulp", "parameters", "flags"))


def _plain_flags(flags: dict[str, Flags] | None) -> dict[str, Any] | None:
    return None if flags is None else {name: flags[name].as_dict() for name in sorted(flags)}


def _with_errors(
    step: MeasuredStep,
    measured: MeasuredRun,
    traced: TracedStep | None,
    reference: ReferenceStep | None,
) -> MeasuredStep:
    """Return a step with the errors of its operations, products and updates, if traced."""
    if traced is None or reference is None:
        return step
    step = replace(step, operations=measured.operations.errors(traced.operations, reference))
    if traced.update is None:
        return step
    return replace(
        step,
        products=product_errors(traced.operations),
        quantisations=quantisations(traced.operations),
        updates=update_errors(traced.update),
    )
