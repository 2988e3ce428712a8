"""Train a task in one arithmetic; print losses, accuracy, time and digests.

With --json, one object with the keys task, dtype, device, backend, steps, batch_size, lr, momentum,
seed, loss_before, loss_after (mean loss over the training data), test_loss, accuracy (on the test
data; null for regression), seconds (training alone), state_digest and value_digest. A loss that is
not finite is null. With --flags two more: flags, how often each exception was raised by each
operation in training, and flags_by_step, how often by all operations in each step.
"""

from __future__ import annotations

import argparse
import json
import time
from math import isfinite
from typing import Any

from numlean.cli.options import add_training_options, config_of, options_of, task_of
from numlean.cli.progress import progress
from numlean.counting import CountingScalar, FlagHistory
from numlean.digest import parameters_of, state_digest, value_digest
from numlean.registry import get_scalar
from numlean.runtime import Runner, Stepper, instantiate, run_steps
from numlean.tasks import NamedTask, Split
from numlean.tensor import Tensor
from numlean_kernels.ieee.flags import FLAGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--dtype", default="ieee32exec", metavar="D", help="see `numlean dtypes`")
    add_training_options(parser)
    parser.add_argument(
        "--flags", action="store_true", help="count IEEE exceptions by operation (slower)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train and report."""
    task = task_of(arguments)
    config = config_of(arguments, task)
    scalar = get_scalar(arguments.dtype, arguments.device)
    counting = CountingScalar(scalar) if arguments.flags else None
    runner = instantiate(task.task, counting or scalar, options_of(arguments))
    split = task.load_in(runner.scalar)
    before = runner.mean_loss(split.train)
    flags = FlagHistory(counting) if counting else None
    started = time.perf_counter()
    with progress(f"{task.name} in {scalar.name}", config.steps) as advance:

        def show(stepper: Stepper, loss: Tensor) -> None:
            if flags is not None:
                flags.end_step()
            advance(f"loss {loss.item():.6g}")

        run_steps(runner, config, split.train, on_step=show)
    seconds = time.perf_counter() - started
    report = {
        "task": task.name,
        "dtype": scalar.name,
        "device": scalar.device,
        "backend": arguments.backend,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "lr": config.optimizer.lr,
        "momentum": getattr(config.optimizer, "momentum", 0.0),
        "seed": config.seed,
        "loss_before": before.item(),
        **_results(task, runner, split),
        "seconds": round(seconds, 3),
        "state_digest": state_digest(parameters_of(runner)),
        "value_digest": value_digest(parameters_of(runner)),
        **({} if flags is None else flags.report()),
    }
    print(_as_json(report) if arguments.json else _as_text(report))
    return 0


def _results(task: NamedTask, runner: Runner, split: Split) -> dict[str, Any]:
    runner.eval()
    correct, total = runner.accuracy_one_hot(split.test) if task.is_classification else (0, 0)
    return {
        "loss_after": runner.mean_loss(split.train).item(),
        "test_loss": runner.mean_loss(split.test).item(),
        "accuracy": correct / total if total else None,
    }


def _as_json(report: dict[str, Any]) -> str:
    return json.dumps(
        {
            key: None if isinstance(value, float) and not isfinite(value) else value
            for key, value in report.items()
        }
    )


def _as_text(report: dict[str, Any]) -> str:
    accuracy = report["accuracy"]
    lines = {
        "task": f"{report['task']}, {report['steps']} steps of {report['batch_size']} samples",
        "dtype": f"{report['dtype']} on {report['device']}, {report['backend']}",
        "loss": f"{report['loss_before']:.9g} -> {report['loss_after']:.9g}",
        "test loss": f"{report['test_loss']:.9g}",
        "test accuracy": "" if accuracy is None else f"{accuracy:.2%}",
        "seconds": f"{report['seconds']:.3f}",
        "state_digest": report["state_digest"],
        "value_digest": report["value_digest"],
    }
    text = [f"{name:<14} {value}" for name, value in lines.items() if value]
    return "\n".join(text + (_flag_table(report["flags"]) if "flags" in report else []))


def _flag_table(by_operation: dict[str, dict[str, int]]) -> list[str]:
    header = f"{'flags':<14}" + "".join(f"{name:>16}" for name in FLAGS)
    rows = [
        f"{operation:<14}" + "".join(f"{counts[name]:>16,}" for name in FLAGS)
        for operation, counts in by_operation.items()
    ]
    return [header, *rows]
