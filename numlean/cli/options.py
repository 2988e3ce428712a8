"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys

from numlean.cli.data_options import add_data_options, data_task_of
from numlean.cli.optimization import add_optimization_options, optimizer_of, scheduler_of
from numlean.data.text_file import read_text
from numlean.errors import DataError, NumleanError
from numlean.tasks import NamedTask, get_task, task_names
from numlean.training import BACKENDS, Options, TrainConfig


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """The task, and what decides its bits apart from the arithmetic."""
    parser.add_argument(
        "task", nargs="?", metavar="TASK", help=f"one of {', '.join(task_names())}; or --data FILE"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="updates to make")
    parser.add_argument("--batch-size", type=int, metavar="B", help="samples an update")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="names initial values and sample order (default: 0)"
    )
    add_device_options(parser, "by default where the dtype runs best")
    parser.add_argument(
        "--backend",
        default=BACKENDS[0],
        choices=BACKENDS,
        help="how a step is executed (default: %(default)s)",
    )
    parser.add_argument(
        "--fast-kernels",
        action="store_true",
        help="hardware arithmetic and vector kernels where they give the same bits",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--text", metavar="FILE", help="what char-rnn and char-transformer learn, in UTF-8"
    )
    add_optimization_options(parser)
    add_data_options(parser)


def add_device_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Where to run, in three spellings; ``default`` says where if none is given."""
    parser.add_argument("--device", metavar="DEVICE", help=f"cpu, cuda or python; {default}")
    for device in ("cpu", "cuda"):
        parser.add_argument(
            f"--{device}",
            dest="device",
            action="store_const",
            const=device,
            help=f"the same as --device {device}; the last of these wins",
        )


def task_of(arguments: argparse.Namespace) -> NamedTask:
    """The task asked for, by its name or by a table; if of a file, a line says what it is.

    Raises:
        NumleanError: Neither is named, or both, or there is no such file.
    """
    if arguments.task is not None and arguments.data is not None:
        raise NumleanError(f"either the task {arguments.task!r} or --data FILE, not both")
    task = data_task_of(arguments)
    if task is None:
        if arguments.task is None:
            raise NumleanError(f"name a TASK ({', '.join(task_names())}) or --data FILE")
        task = get_task(arguments.task)
        if arguments.text is None:
            return task
        if task.on_text is None:
            raise NumleanError(f"--text belongs to char-rnn and char-transformer, not {task.name}")
        try:
            task = task.on_text(read_text(arguments.text))
        except DataError as error:
            raise DataError(f"--text {arguments.text}: {error}") from None
    elif arguments.text is not None:
        raise NumleanError("either --text FILE or --data FILE, not both")
    print(f"numlean: {task.name}: {task.summary}", file=sys.stderr)
    return task


def config_of(arguments: argparse.Namespace, task: NamedTask) -> TrainConfig:
    """The training configuration asked for, the task's defaults filled in."""
    steps = task.steps if arguments.steps is None else arguments.steps
    batch_size = task.batch_size if arguments.batch_size is None else arguments.batch_size
    optimizer = optimizer_of(arguments, task)
    return TrainConfig(
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        scheduler=scheduler_of(arguments, optimizer.lr, steps),
        seed=arguments.seed or 0,
    )


def options_of(arguments: argparse.Namespace) -> Options:
    """How the task is to be instantiated."""
    return Options(
        backend=arguments.backend, fast_kernels=arguments.fast_kernels, seed=arguments.seed or 0
    )
