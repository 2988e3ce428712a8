"""The command ``numlean train``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from numlean.analysis.finiteness import ON_NONFINITE, FiniteCheck
from numlean.autograd.tensor import Tensor
from numlean.checkpoint import Checkpoint, Run
from numlean.cli import exit_status
from numlean.cli.compiling import compiling
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import Interrupt, catch_interrupt, uninterrupted
from numlean.cli.options import (
    add_arithmetic_options,
    add_training_options,
    announce,
    announce_start,
    is_short,
    train_options,
    warn,
    warn_of_constants,
)
from numlean.cli.path_roles import check_path_roles
from numlean.cli.progress import progress
from numlean.cli.train import (
    certificate_writer,
    checkpoint_writer,
    evaluation,
    plot,
    run_log,
    shards,
)
from numlean.cli.train.certificate_writer import CertificateWriter
from numlean.cli.train.checkpoint_writer import CheckpointWriter
from numlean.cli.train.monitor import TrainingMonitor
from numlean.cli.train.nonfinite import nonfinite_report
from numlean.cli.train.report import as_text
from numlean.digest import state_digest, value_digest
from numlean.errors import NumleanError, UnavailableError
from numlean.json_lines import json_line
from numlean.optim import SGD, ClipByNorm, ClipByValue, Optimizer
from numlean.precision import Policy, format_policy, policy_digest
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.counting import CountingScalar, CountingWrap, FlagHistory
from numlean.tasks import NamedTask, Recipe, Split
from numlean.training import (
    Evaluation,
    OnStep,
    Options,
    Runner,
    Stepper,
    TrainConfig,
    all_of,
    instantiate,
    run_evaluation,
    run_steps,
)
from numlean.training.pace import steps_until_call
from numlean.training.rehearsal import rehearse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_arithmetic_options(parser)
    add_training_options(parser)
    certificate_writer.add_argument(checkpoint_writer.add_arguments(parser))
    parser.add_argument(
        "--flags", action="store_true", help="count IEEE exceptions by operation (slower)"
    )
    shards.add_arguments(parser)
    group = parser.add_argument_group("long runs")
    group.add_argument("--log", metavar="FILE", help="write one line of JSON per step")
    group.add_argument("--plot", metavar="FILE", help="plot the losses (.png or .svg)")
    evaluation.add_arguments(group)
    group.add_argument(
        "--on-nonfinite",
        choices=ON_NONFINITE,
        default=ON_NONFINITE[0],
        help="what to do when a number becomes infinite or NaN: warn, stop after the step, or"
        " ignore it (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train and report."""
    if arguments.plot is not None:
        plot.check_path(arguments.plot)
    run_log.check(arguments.log)
    certificate_writer.check(arguments)
    checkpoint = checkpoint_writer.resolve_resume_options(arguments)
    check_path_roles(arguments.command, arguments)  # also of the files that a checkpoint names
    with checkpoint_writer.settings_of(checkpoint):
        recipe = Recipe.from_arguments(vars(arguments))
        task, config = recipe.resolve()
    announce(recipe, task)
    options = recipe.runner_options(
        train_options(
            arguments,
            recipe,
            uses_fast_kernels=not is_short(task, config),
            counts_flags=arguments.flags,
        )
    )

    def rehearse_run() -> None:
        counting = CountingWrap() if arguments.flags else None
        split = task.load_for(get_scalar(recipe.dtype, options.device))
        make = partial(_runner, task, recipe, counting, options)
        accuracy = task.is_classification
        rehearse(make, config, split.train, split.test, with_accuracy=accuracy)

    with compiling(rehearse_run):
        return _run(arguments, recipe, task, config, options, checkpoint)


def _run(
    arguments: argparse.Namespace,
    recipe: Recipe,
    task: NamedTask,
    config: TrainConfig,
    options: Options,
    checkpoint: Checkpoint | None,
) -> int:
    counting = CountingWrap() if arguments.flags else None
    runner = _runner(task, recipe, counting, options)
    split = task.load_for(runner.scalar)
    evaluator = evaluation.make_evaluator(recipe, task, split)
    stepper = Stepper(runner, config.optimizer, config.scheduler)
    shards.check(arguments, runner.options.shards)
    whole = Run(config, split.train, task.name)
    failed = FailedOutputs()
    checkpoints = CheckpointWriter(arguments, stepper, whole, recipe, evaluator, failed)
    checkpoints.start(checkpoint, steps=config.steps)
    certificate = CertificateWriter(
        arguments,
        stepper,
        whole,
        recipe,
        failed,
        steps=config.steps,
        fast_kernels=options.fast_kernels,
    )
    certificate.start(is_resuming=checkpoints.is_resuming)
    warn_of_constants(task, config, runner.scalar, runner.precision.scalars.update)
    finite = FiniteCheck(arguments.on_nonfinite, stepper=stepper, report=warn)
    runner.keeps_outputs = arguments.plot is not None or arguments.log is not None
    before = runner.reported_loss(split.train)
    settings = _settings(task, config, runner)
    flags = FlagHistory(*counting.scalars) if counting else None
    with catch_interrupt() as interrupt:  # until the report is printed
        monitor = _train(
            arguments,
            task,
            settings,
            config,
            split,
            checkpoints,
            certificate,
            flags,
            finite,
            interrupt,
            failed,
        )
        report = {
            **settings,
            "steps": monitor.steps,
            "loss_before": before.item(),
            "loss_before_in_format": before.in_format.item(),
            **_results(task, stepper, split, monitor),
            **_digests(runner),
            "nonfinite": nonfinite_report(stepper, finite),
            **_loss_scaling(stepper, monitor),
            **({} if flags is None else flags.report()),
            **_flags_by_dtype(runner, flags, counting),
        }
        if arguments.plot is not None:
            evaluations = [(each.step_count, each.loss.item()) for each in monitor.evaluations]
            title = f"{task.name}, {settings.get('policy', settings['dtype'])}"
            with failed.tolerate("the plot", arguments.plot, at_end=True):
                plot.draw(arguments.plot, title, monitor.losses, evaluations)
        print(json_line(report) if arguments.json else as_text(report))
    is_dead = arguments.on_nonfinite != "ignore" and finite.death is not None
    status = exit_status.NONFINITE if is_dead else 0
    return failed.exit_status(interrupt.exit_status if interrupt.requested else status)


def _train(
    arguments: argparse.Namespace,
    task: NamedTask,
    settings: dict[str, Any],
    config: TrainConfig,
    split: Split,
    checkpoints: CheckpointWriter,
    certificate: CertificateWriter,
    flags: FlagHistory | None,
    finite: FiniteCheck,
    interrupt: Interrupt,
    failed: FailedOutputs,
) -> TrainingMonitor:
    stepper, evaluator = checkpoints.stepper, checkpoints.evaluator
    with ExitStack() as stack:
        write = None
        if arguments.log is not None:
            made = stepper.step_count if checkpoints.is_resuming else None
            log = run_log.run_log(arguments.log, settings, failed, resumed_after=made)
            write = stack.enter_context(log)
        title = f"{settings['task']} in {settings.get('policy', settings['dtype'])}"
        advance = stack.enter_context(progress(title, config.steps - stepper.step_count))
        keeps = arguments.plot is not None
        monitor = TrainingMonitor(
            config, evaluator, interrupt, advance, write, flags, finite, keeps_losses=keeps
        )
        monitor.steps = stepper.step_count
        if not monitor.is_over:
            if stepper.step_count < config.steps:
                announce_start(arguments, task, config)
            on_step = all_of(monitor, _uninterrupted(all_of(certificate, checkpoints)))
            with shards.workers(arguments, stepper):
                run_steps(stepper.runner, config, split.train, on_step=on_step, stepper=stepper)
        monitor.end()
        with uninterrupted():
            try:
                certificate.write(monitor.stopped_by)
            finally:
                checkpoints.write()
    return monitor


def _uninterrupted(write_files: OnStep) -> OnStep:
    """Return a hook that writes the files of a run, with nothing in between.

    The certificate is first, so a checkpoint is ahead of it only if it could not be written.
    """
    return _Uninterrupted(write_files)


@dataclass(frozen=True)
class _Uninterrupted:
    write_files: OnStep

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool | None:
        with uninterrupted():
            return self.write_files(stepper, loss)

    def steps_until_call(self, stepper: Stepper) -> int:
        """Return after how many further steps a file is due."""
        return steps_until_call(self.write_files, stepper)


def _runner(
    task: NamedTask, recipe: Recipe, counting: CountingWrap | None, options: Options
) -> Runner:
    """Return the runner of a recipe; ``--flags`` counts exceptions in dtypes that keep flags."""
    if recipe.policy is None:
        scalar = get_scalar(recipe.dtype, options.device)
        if counting is not None:
            CountingScalar(scalar)  # refuses a dtype without flags
        return instantiate(task.task, scalar, options, wrap=counting)
    if counting is not None:
        _check_no_units(recipe.policy)
    runner = instantiate(task.task, recipe.policy, options, wrap=counting)
    if counting is not None and counting.others:
        _warn_of_uncounted(counting)
    return runner


def _check_no_units(policy: Policy) -> None:
    """Check that every product of a policy raises flags.

    Raises:
        UnavailableError: A matrix unit computes one; chips report no exceptions.
    """
    if policy.units:
        field, unit = next(iter(policy.units.items()))
        raise UnavailableError(
            f"--flags counts exceptions, and a matrix unit reports none: policy field {field} is"
            f" unit({unit}); leave --flags out, or use another rule, such as ordered(float32)"
        )


def _warn_of_uncounted(counting: CountingWrap) -> None:
    others = ", ".join(counting.others)
    if not counting.scalars:
        raise NumleanError(
            f"--flags needs a dtype that keeps flags, and {others} keep none; emulated dtypes do,"
            " such as ieee32exec"
        )
    counted = ", ".join(scalar.name for scalar in counting.scalars)
    warn(f"--flags counts in {counted} only: {others} keeps no flags, and ieee32exec does")


def _flags_by_dtype(
    runner: Runner, flags: FlagHistory | None, counting: CountingWrap | None
) -> dict[str, Any]:
    """Return the flags of each dtype of a run by a policy; nothing of another run."""
    if flags is None or counting is None or runner.precision.policy is None:
        return {}
    return {**flags.report_by_dtype(), "flags_not_counted": counting.others}


def _settings(task: NamedTask, config: TrainConfig, runner: Runner) -> dict[str, Any]:
    return {
        "task": task.name,
        "dtype": runner.scalar.name,
        **_policy(runner),
        "device": runner.scalar.device,
        "backend": runner.options.backend,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "lr": config.optimizer.lr,
        "momentum": _momentum(config.optimizer),
        "optimizer": repr(config.optimizer),
        "schedule": None if config.scheduler is None else repr(config.scheduler),
        "hyperparameters": config.hyperparameters,
        "seed": config.seed,
        **_shards(runner.options),
    }


def _shards(options: Options) -> dict[str, Any]:
    """Return how batches are cut; nothing of a run whose batches are not."""
    if options.shards == 1:
        return {}
    return {"shards": options.shards, "batch_statistics": options.batch_statistics}


def _policy(runner: Runner) -> dict[str, str]:
    policy = runner.precision.policy
    if policy is None:
        return {}
    return {"policy": format_policy(policy), "policy_digest": policy_digest(policy)}


def _momentum(optimizer: Optimizer) -> float:
    inner = optimizer.optimizer if isinstance(optimizer, ClipByNorm | ClipByValue) else optimizer
    return inner.momentum if isinstance(inner, SGD) else 0.0


def _results(
    task: NamedTask, stepper: Stepper, split: Split, monitor: TrainingMonitor
) -> dict[str, Any]:
    runner = stepper.runner
    runner.eval()
    test = None
    if split.test.size:
        test = run_evaluation(stepper, split.test, with_accuracy=task.is_classification)
    after = runner.reported_loss(split.train)
    return {
        "loss_after": after.item(),
        "loss_after_in_format": after.in_format.item(),
        "last_loss": None if monitor.last_loss is None else monitor.last_loss.item(),
        "test_loss": test and test.loss.item(),
        "test_loss_in_format": test and test.loss.in_format.item(),
        "accuracy": test and test.accuracy,
        "stopped_by": monitor.stopped_by,
        **_evaluations(monitor),
        "seconds": round(monitor.seconds, 3),
    }


def _evaluations(monitor: TrainingMonitor) -> dict[str, Any]:
    if monitor.evaluator is None:
        return {}
    best = monitor.evaluator.best
    return {
        "evaluations": [_as_plain(each) for each in monitor.evaluations],
        "best": best and _as_plain(best),
    }


def _as_plain(found: Evaluation) -> dict[str, Any]:
    return {
        "updates": found.step_count,
        "test_loss": found.loss.item(),
        "test_loss_in_format": found.loss.in_format.item(),
        "accuracy": found.accuracy,
    }


def _loss_scaling(stepper: Stepper, monitor: TrainingMonitor) -> dict[str, Any]:
    """Return what loss scaling has done; nothing if the loss is not scaled."""
    scaled = stepper.engine.scaled_step
    if scaled is None:
        return {}
    scale = {"scale": scaled.scale.item(), "good_steps": scaled.good_steps}
    return {"loss_scaling": {**scale, "skipped_steps": monitor.skipped_steps}}


def _digests(runner: Runner) -> dict[str, str]:
    named = runner.named_parameters
    return {"state_digest": state_digest(named), "value_digest": value_digest(named)}
