"""Train a task in one arithmetic; print losses, accuracy, time and digests.

With --json, one object with the keys task, dtype, device, backend, steps (those made), batch_size,
lr, momentum, optimizer, schedule (as Python writes them; null for a constant rate), seed,
loss_before, loss_after (mean loss over the training data), last_loss (the last
batch's, before its update; null without a step), test_loss (null without test data), accuracy (on
the test data; null for regression), stopped_by ("interrupt" or "patience"; null if all steps were
made), seconds (training alone), state_digest and value_digest. A loss that is not finite is null.
With --eval-every two more: evaluations, a list of objects with updates, test_loss and accuracy, and
best, the one of the lowest loss (null if all were NaNs).
With --flags two more: flags, how often each exception was raised by each operation in training, and
flags_by_step, how often by all operations in each step.

Ctrl-C ends training after the current step, a second one at once; the status is then 130. The first
line of --log tells what is run, every other is a step: step (from 0), loss (the batch's, before the
update), loss_bits (its encoding) or loss_hex (its exact value), lr, seconds, and after an
evaluation test_loss and accuracy.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

from numlean.checkpoint import Run
from numlean.cli import certificates, checkpoints, plot
from numlean.cli.interrupt import EXIT_INTERRUPTED, catch_interrupt
from numlean.cli.optimization import inner_optimizer
from numlean.cli.options import add_training_options, config_of, options_of, task_of
from numlean.cli.progress import progress
from numlean.cli.train import evaluation
from numlean.cli.train.monitor import TrainingMonitor
from numlean.cli.train.report import as_text
from numlean.cli.train.run_log import plain_json, run_log
from numlean.digest import state_digest, value_digest
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.counting import CountingScalar, FlagHistory
from numlean.tasks import NamedTask, Split
from numlean.training import (
    Evaluation,
    Runner,
    Stepper,
    TrainConfig,
    all_of,
    instantiate,
    run_evaluation,
    run_steps,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--dtype", metavar="D", help="see `numlean dtypes` (default: ieee32exec)")
    add_training_options(parser)
    certificates.add_argument(checkpoints.add_arguments(parser))
    parser.add_argument(
        "--flags", action="store_true", help="count IEEE exceptions by operation (slower)"
    )
    group = parser.add_argument_group("long runs")
    group.add_argument("--log", metavar="FILE", help="write one line of JSON a step")
    group.add_argument("--plot", metavar="FILE", help="draw the losses, .png or .svg")
    evaluation.add_arguments(group)


def run(arguments: argparse.Namespace) -> int:
    """Train and report."""
    if arguments.plot is not None:
        plot.check_path(arguments.plot)
    certificates.check(arguments)
    checkpoint = checkpoints.settle(arguments)
    task = task_of(arguments)
    config = config_of(arguments, task)
    scalar = get_scalar(arguments.dtype, arguments.device)
    counting = CountingScalar(scalar) if arguments.flags else None
    runner = instantiate(task.task, counting or scalar, options_of(arguments))
    split = task.load_for(runner.scalar)
    evaluator = evaluation.evaluator_of(arguments, task, split)
    stepper = Stepper(runner, config.optimizer, config.scheduler)
    whole = Run(config, split.train, task.name)
    keeper = checkpoints.CheckpointWriter(arguments, stepper, whole, evaluator)
    keeper.begin(checkpoint)
    notary = certificates.CertificateWriter(arguments, stepper, whole, config.steps)
    notary.begin(is_resuming=keeper.is_resuming)
    before = runner.mean_loss(split.train)
    settings = _settings(task, config, runner)
    flags = FlagHistory(counting) if counting else None
    watch = _train(arguments, settings, config, split, keeper, notary, flags)
    report = {
        **settings,
        "steps": watch.steps,
        "loss_before": before.item(),
        **_results(task, stepper, split, watch),
        **_digests(runner),
        **({} if flags is None else flags.report()),
    }
    print(plain_json(report) if arguments.json else as_text(report))
    if arguments.plot is not None:
        evaluations = [(each.step_count, each.loss.item()) for each in watch.evaluations]
        title = f"{task.name}, {scalar.name}"
        plot.draw(arguments.plot, title, watch.losses, evaluations)
    return EXIT_INTERRUPTED if watch.interrupt.requested else 0


def _train(
    arguments: argparse.Namespace,
    settings: dict[str, Any],
    config: TrainConfig,
    split: Split,
    keeper: checkpoints.CheckpointWriter,
    notary: certificates.CertificateWriter,
    flags: FlagHistory | None,
) -> TrainingMonitor:
    stepper, evaluator = keeper.stepper, keeper.evaluator
    with ExitStack() as stack:
        write = None
        if arguments.log is not None:
            write = stack.enter_context(run_log(arguments.log, settings, append=keeper.is_resuming))
        title = f"{settings['task']} in {settings['dtype']}"
        advance = stack.enter_context(progress(title, config.steps - stepper.step_count))
        interrupt = stack.enter_context(catch_interrupt())
        keeps = arguments.plot is not None
        watch = TrainingMonitor(
            config, evaluator, interrupt, advance, write, flags, keeps_losses=keeps
        )
        watch.steps = stepper.step_count
        if not watch.is_over:
            # A checkpoint may be behind its run's certificate, but not before it.
            on_step = all_of(watch, notary, keeper)
            run_steps(stepper.runner, config, split.train, on_step=on_step, stepper=stepper)
        watch.end()
        try:
            notary.write(watch.stopped_by)
        finally:
            keeper.write()
    return watch


def _settings(task: NamedTask, config: TrainConfig, runner: Runner) -> dict[str, Any]:
    return {
        "task": task.name,
        "dtype": runner.scalar.name,
        "device": runner.scalar.device,
        "backend": runner.options.backend,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "lr": config.optimizer.lr,
        "momentum": getattr(inner_optimizer(config.optimizer), "momentum", 0.0),
        "optimizer": repr(config.optimizer),
        "schedule": None if config.scheduler is None else repr(config.scheduler),
        "seed": config.seed,
    }


def _results(
    task: NamedTask, stepper: Stepper, split: Split, watch: TrainingMonitor
) -> dict[str, Any]:
    runner = stepper.runner
    runner.eval()
    test = None
    if split.test.size:
        test = run_evaluation(stepper, split.test, with_accuracy=task.is_classification)
    return {
        "loss_after": runner.mean_loss(split.train).item(),
        "last_loss": None if watch.last_loss is None else watch.last_loss.item(),
        "test_loss": test and test.loss.item(),
        "accuracy": test and test.accuracy,
        "stopped_by": watch.stopped_by,
        **_evaluations(watch),
        "seconds": round(watch.seconds, 3),
    }


def _evaluations(watch: TrainingMonitor) -> dict[str, Any]:
    if watch.evaluator is None:
        return {}
    best = watch.evaluator.best
    return {
        "evaluations": [_as_plain(each) for each in watch.evaluations],
        "best": best and _as_plain(best),
    }


def _as_plain(found: Evaluation) -> dict[str, Any]:
    return {
        "updates": found.step_count,
        "test_loss": found.loss.item(),
        "accuracy": found.accuracy,
    }


def _digests(runner: Runner) -> dict[str, str]:
    named = runner.named_parameters
    return {"state_digest": state_digest(named), "value_digest": value_digest(named)}
