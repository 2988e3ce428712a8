"""Training on minibatches with one update each, as the command line and crosscheck train."""

from __future__ import annotations

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.data import Dataset
from numlean.data._minibatches import batch_orders
from numlean.training.config import TrainConfig
from numlean.training.guard import Guard
from numlean.training.loops.resume_point import completed_steps, get_or_create_stepper
from numlean.training.loops.step_blocks import Orders, StepBlocks
from numlean.training.pace import steps_until_call
from numlean.training.report import Log, OnStep, TrainReport, format_log_line
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


@checked
def train_minibatches(
    runner: Runner,
    config: TrainConfig,
    dataset: Dataset,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> TrainReport:
    """Train a runner as ``run_steps`` does, with a log and the mean loss before and after."""

    def log_and_call(stepper: Stepper, loss: Tensor) -> bool | None:
        step = stepper.step_count - 1
        guard.after_step(stepper, loss)
        if config.logs(step):
            log(format_log_line("step", step, loss))
        return None if on_step is None else on_step(stepper, loss)

    runner.train()
    before = runner.reported_loss(dataset)
    stepper = get_or_create_stepper(stepper, runner, config.optimizer, config.scheduler)
    guard = Guard(stepper, log, config.steps)
    run_steps(runner, config, dataset, on_step=log_and_call, stepper=stepper)
    return TrainReport(before, runner.reported_loss(dataset))


@checked
def run_steps(
    runner: Runner,
    config: TrainConfig,
    dataset: Dataset,
    *,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> Stepper:
    """Update a runner on minibatches, one update each, in an order given by the seed.

    Log nothing. The runner stays in training mode. A given stepper that has made some of the steps
    makes the remaining ones, on the remaining batches. ``on_step`` is called after each step, or
    less often if it is a :class:`numlean.training.pace.Paced` hook.

    Raises:
        NumleanError: The stepper belongs to a different runner, or has made more steps already.
    """
    stepper = get_or_create_stepper(stepper, runner, config.optimizer, config.scheduler)
    made = completed_steps(stepper, 1, config.steps)
    if made == config.steps:
        return stepper
    orders = Orders(batch_orders(dataset, config.batch_size, seed=config.seed, start=made))
    blocks = StepBlocks(stepper, dataset)
    end = stepper.schedule_count + config.steps - made
    while stepper.schedule_count < end:
        limit = min(end - stepper.schedule_count, steps_until_call(on_step, stepper))
        loss = blocks.run(orders, limit)
        if on_step is not None and on_step(stepper, loss):
            break
    return stepper
