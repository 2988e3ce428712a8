"""Training on a list of samples, taken cyclically, with one update per sample."""

from __future__ import annotations

from collections.abc import Sequence

from numlean.arguments import checked
from numlean.data import Batch, Dataset, Sample
from numlean.training.config import TrainConfig
from numlean.training.evaluation import mean_of
from numlean.training.guard import Guard
from numlean.training.loops.resume_point import completed_steps, get_or_create_stepper
from numlean.training.report import Log, OnStep, TrainReport, format_log_line
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


@checked
def train_samples(
    runner: Runner,
    config: TrainConfig,
    samples: Sequence[Sample | Batch],
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> TrainReport:
    """Train a runner on samples, in order and cyclically.

    Each step takes the next ``batch_size`` samples (0 counts as 1) at one learning rate. Each of
    them refreshes the buffers and makes one update; so does a batch, as a whole, with the gradient
    of its loss.

    A step's loss is the mean of its samples' losses before their own updates. The runner is
    switched to training mode and stays in it. Without samples, no step is made. A given stepper
    that has made some of the steps makes the remaining ones.

    Raises:
        NumleanError: The stepper belongs to a different runner, or its steps do not fit.
    """
    runner.train()
    before = runner.reported_loss(samples)
    stepper = get_or_create_stepper(stepper, runner, config.optimizer, config.scheduler)
    guard = Guard(stepper, log, config.steps)
    size = max(config.batch_size, 1)
    for step in range(completed_steps(stepper, size, config.steps), config.steps if samples else 0):
        places = range(step * size, (step + 1) * size)
        losses = stepper.step_group([samples[k % len(samples)] for k in places])
        guard.after_step(stepper, losses[-1])
        if config.logs(step):
            log(format_log_line("step", step, mean_of(losses)))
        if on_step is not None and on_step(stepper, mean_of(losses)):
            break
    return TrainReport(before, runner.reported_loss(samples))


@checked
def train_dataset(
    runner: Runner,
    config: TrainConfig,
    dataset: Dataset,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> TrainReport:
    """Train a runner on the samples of a dataset, as ``train_samples`` does."""
    samples = list(dataset)
    return train_samples(runner, config, samples, log=log, on_step=on_step, stepper=stepper)
