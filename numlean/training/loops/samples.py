"""Training by going round a list of samples, one update for each."""

from __future__ import annotations

from collections.abc import Sequence

from numlean.data import Batch, Dataset, Sample
from numlean.training.config import TrainConfig
from numlean.training.evaluation import mean_of
from numlean.training.loops.resume_point import completed_steps, get_or_create_stepper
from numlean.training.report import Log, OnStep, TrainReport, format_log_line
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


def train_samples(
    runner: Runner,
    config: TrainConfig,
    samples: Sequence[Sample | Batch],
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> TrainReport:
    """Train a runner on samples, in their order and round again.

    Each step takes the next ``batch_size`` samples (0 counts as 1) and one learning rate; each of
    these samples refreshes the buffers and makes one update. A sample may be a stacked batch: then
    it makes one update as a whole, by the gradient of its mean loss.

    A step's loss is the mean of its samples' losses before their own updates. All is in training
    mode, in which the runner is left; without samples there is no step. A stepper that has made
    some of the steps makes the others.

    Raises:
        NumleanError: The stepper is another runner's, or has made other steps or more of them.
    """
    runner.train()
    before = runner.mean_loss(samples)
    stepper = get_or_create_stepper(stepper, runner, config.optimizer, config.scheduler)
    size = max(config.batch_size, 1)
    for step in range(completed_steps(stepper, size, config.steps), config.steps if samples else 0):
        places = range(step * size, (step + 1) * size)
        losses = stepper.step_group([samples[k % len(samples)] for k in places])
        if config.logs(step):
            log(format_log_line("step", step, mean_of(losses)))
        if on_step is not None and on_step(stepper, mean_of(losses)):
            break
    return TrainReport(before, runner.mean_loss(samples))


def train_dataset(
    runner: Runner,
    config: TrainConfig,
    dataset: Dataset,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> TrainReport:
    """Train a runner on a dataset's samples as ``train_samples`` does."""
    samples = list(dataset)
    return train_samples(runner, config, samples, log=log, on_step=on_step, stepper=stepper)
