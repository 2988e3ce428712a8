"""Options of every command that trains: the task, the engine and the device."""

from __future__ import annotations

import argparse
import sys

from numlean.cli.options.execution import add_execution_options
from numlean.cli.options.limits import add_limit_option
from numlean.cli.options.optimization import add_optimization_options
from numlean.cli.options.table import add_table_options
from numlean.cli.options.threads import add_threads_option
from numlean.display_text import one_line
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, Recipe, task_names
from numlean.tasks.sources import TableSource
from numlean.training.config import TrainConfig
from numlean.training.harmful_constants import harmful_constants


def add_training_options(
    parser: argparse.ArgumentParser, *, uses_fast_kernels: bool = True
) -> None:
    """Add the options that select the task and how it is trained.

    Args:
        parser: The parser of a command.
        uses_fast_kernels: Whether the command uses fast kernels unless it is told otherwise.
    """
    parser.add_argument(
        "task",
        nargs="?",
        metavar="TASK",
        help=f"task to train ({', '.join(task_names())}); or use --data FILE",
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--steps", type=int, metavar="N", help="number of updates (default: the task's)"
    )
    training.add_argument(
        "--batch-size", type=int, metavar="B", help="samples per update (default: the task's)"
    )
    training.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="seed of the initial parameters and the sample order (default: 0)",
    )
    training.add_argument(
        "--text", metavar="FILE", help="UTF-8 text to train char-rnn or char-transformer on"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    execution = parser.add_argument_group("execution")
    add_device_options(execution, "the fastest one for the dtype")
    add_execution_options(execution, uses_fast_kernels=uses_fast_kernels)
    add_threads_option(execution)
    add_limit_option(execution)
    add_optimization_options(parser)
    add_table_options(parser)


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that gives several runs their initial parameters."""
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="start every run from the weights of a checkpoint or of a safetensors file",
    )


def add_device_options(parser: argparse._ActionsContainer, default: str) -> None:
    """Add the options that select the device; ``default`` describes the default."""
    parser.add_argument(
        "--device",
        metavar="DEVICE",
        help=f"device to run on: cpu, cuda or python (default: {default})",
    )
    for device in ("cpu", "cuda"):
        parser.add_argument(
            f"--{device}",
            dest="device",
            action="store_const",
            const=device,
            help=f"same as --device {device}",
        )


def announce(recipe: Recipe, task: NamedTask) -> None:
    """Print how a file was understood, on standard error."""
    if isinstance(recipe.task, TableSource) or recipe.task.text is not None:
        print(one_line(f"numlean: {task.name}: {task.summary}"), file=sys.stderr)


def announce_start(arguments: argparse.Namespace, task: NamedTask, config: TrainConfig) -> None:
    """Print every hyperparameter in force, on standard error, unless the report is JSON.

    Call it when nothing is left to check, just before the first step.
    """
    if not arguments.json:
        print(one_line(f"numlean: {task.name}: {config.describe()}"), file=sys.stderr)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    print(f"numlean: warning: {one_line(text)}", file=sys.stderr, flush=True)


def warn_of_constants(task: NamedTask, config: TrainConfig, scalar: Scalar, update: Scalar) -> None:
    """Print a warning for each constant that rounds to something harmful.

    Args:
        task: The task.
        config: The training.
        scalar: The arithmetic of losses, and of constants of layers.
        update: That in which the optimizer computes.
    """
    settings = config.optimizer, config.scheduler, config.steps
    for each in harmful_constants(task.task, scalar, *settings, update=update):
        warn(str(each))
