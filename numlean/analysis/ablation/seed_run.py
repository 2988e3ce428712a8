"""One run of an ablation: a policy and a seed, from the first step to the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, final

import numpy as np

from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.norm import ScaledNorm
from numlean.analysis.drift.split_data import Load
from numlean.analysis.finiteness import FiniteCheck, NonfiniteEvent
from numlean.analysis.lockstep import RunSpec
from numlean.autograd.tensor import Tensor
from numlean.data import minibatches
from numlean.digest import state_digest, value_digest
from numlean.errors import NumleanError
from numlean.training import Stepper, Task, TrainConfig, run_evaluation

_TRIED: Final = 2
"""The number of samples of a trial step."""

_POINTS: Final = 100
"""About this many losses of a run are kept."""


@final
@dataclass(frozen=True)
class SeedRun:
    """A run from the first step to the last.

    Attributes:
        seed: The seed of the initial parameters and of the samples' order.
        loss: The exact mean loss after the last step, on the test data if there are any, else on
            the training data.
        accuracy: The fraction of the test data, or training data, that is classified correctly;
            None for a task without classes.
        drift: The distance of all parameters and buffers from those of the reference run, as norms,
            divided by their norm; infinite or NaN if some are not finite; None for that run.
        nonfinite: The first step after which a number of the run was not finite; None if none was.
        skipped: The number of steps that loss scaling skipped; None without loss scaling.
        losses: Steps, and the losses of their batches before the update, as trained on.
        state_digest: The digest of the encodings of the final parameters.
        value_digest: The digest of their values.
    """

    seed: int
    loss: float
    accuracy: float | None
    drift: float | None
    nonfinite: NonfiniteEvent | None
    skipped: int | None
    losses: tuple[tuple[int, float], ...]
    state_digest: str
    value_digest: str

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        event = self.nonfinite
        return {
            "seed": self.seed,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "drift": self.drift,
            "nonfinite_step": None if event is None else event.step,
            "nonfinite": None if event is None else str(event),
            "skipped_steps": self.skipped,
            "losses": [[*each] for each in self.losses],
            "state_digest": self.state_digest,
            "value_digest": self.value_digest,
        }


@final
@dataclass(frozen=True)
class RunMade:
    """A run that has made all its steps.

    Attributes:
        run: The results.
        params: The final parameters.
    """

    run: SeedRun
    params: tuple[Tensor, ...]


@final
@dataclass(frozen=True)
class Training:
    """What all runs of an ablation share.

    Attributes:
        task: The task.
        config: The training configuration; each run has its own seed.
        load: Returns the data for a Scalar.
        with_accuracy: Whether to count correct class predictions.
    """

    task: Task
    config: TrainConfig
    load: Load
    with_accuracy: bool

    def try_step(self, spec: RunSpec) -> None:
        """Make one step on few samples.

        Raises:
            NumleanError: Some operation of a step refuses its operands.
        """
        runner = spec.runner(self.task)
        data = self.load(runner.scalar).train
        stepper = Stepper(runner, self.config.optimizer, self.config.scheduler)
        stepper.step(next(minibatches(data, min(self.config.batch_size, _TRIED), seed=0)))

    def run(
        self, spec: RunSpec, seed: int, reference: Sequence[Tensor] | None
    ) -> Iterator[int | RunMade]:
        """Make all steps of a run; yield their number after each, and at the end the results.

        Args:
            spec: The arithmetic and the execution.
            seed: The seed.
            reference: The final parameters of the reference run; None for that run itself.
        """
        config = replace(self.config, seed=seed)
        runner = replace(spec, options=replace(spec.options, seed=seed)).runner(self.task)
        data = self.load(runner.scalar)
        stepper = Stepper(runner, config.optimizer, config.scheduler)
        check = FiniteCheck("warn", stepper=stepper, report=_ignore)
        losses, skipped = list[tuple[int, float]](), 0
        every = max(config.steps // _POINTS, 1)
        batches = minibatches(data.train, config.batch_size, seed=seed)
        for step in range(config.steps):
            loss = stepper.step(next(batches))
            check(stepper, loss)
            skipped += sum(each.is_skipped for each in stepper.scaled_steps)
            if step % every == 0 or step == config.steps - 1:
                losses.append((step, loss.item()))
            yield step + 1
        measured = data.test if data.test.size else data.train
        evaluation = run_evaluation(stepper, measured, with_accuracy=self.with_accuracy)
        params, named = runner.model_params, runner.named_parameters
        result = SeedRun(
            seed,
            evaluation.loss.item(),
            evaluation.accuracy,
            None if reference is None else relative_distance(params, reference),
            check.first,
            skipped if stepper.engine.scaled_step is not None else None,
            tuple(losses),
            state_digest(named),
            value_digest(named),
        )
        yield RunMade(result, params)


RunItem: TypeAlias = tuple[RunSpec, int, Sequence[Tensor] | None]
"""A run, its seed, and the final parameters of the reference run; None for that run itself."""


@final
@dataclass(frozen=True)
class RunWork:
    """The work of an ablation for any run.

    Attributes:
        training: What all runs share.
    """

    training: Training

    def __call__(self, item: RunItem) -> Iterator[int | RunMade | NumleanError]:
        """Make a run; see ``Training.run``. An error that ends it is the last event."""
        try:
            yield from self.training.run(*item)
        except NumleanError as error:
            yield error


def relative_distance(params: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """Return the norm of the differences of two runs' parameters, divided by the greater norm.

    Of each number, its magnitude or the other run's counts, whichever is greater.

    Returns:
        A number from 0 to 2; infinite if a number is finite in one run only, otherwise NaN if one
        is not finite in either.
    """
    errors, values = ScaledNorm(), ScaledNorm()
    infinite = unknown = False
    for x, y in zip(params, reference, strict=True):
        exact = ExactReference(x.scalar)
        a, b = exact.to_wide(x.scalar, x.data), exact.to_wide(y.scalar, y.data)
        differences, ours, theirs = exact.differences(a, b), exact.floats(a), exact.floats(b)
        is_ours, is_theirs = np.isfinite(ours), np.isfinite(theirs)
        finite = is_ours & is_theirs
        infinite |= bool((is_ours != is_theirs).any())
        unknown |= bool((~is_ours & ~is_theirs).any())
        errors.add(differences[finite])
        values.add(np.maximum(np.abs(ours[finite]), np.abs(theirs[finite])))
    if infinite:
        return np.inf
    return np.nan if unknown else errors.by(values)


def _ignore(text: str) -> None:
    pass
