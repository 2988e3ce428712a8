"""What was asked for at the command line, as files keep it, and the run that it means."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numlean.errors import NumleanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numlean.tasks import NamedTask
    from numlean.training import TrainConfig

_NOT_THE_RUN: Final = (
    *("run", "device", "backend", "fast_kernels", "json", "flags", "log", "plot"),
    *("save", "checkpoint_every", "resume", "weights", "certificate"),
)
"""What a file of a run need not tell who makes it again or goes on with it, or tells otherwise."""


def asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of ``numlean train`` that were given and decide the bits."""
    return {
        name: value
        for name, value in vars(arguments).items()
        if name not in _NOT_THE_RUN and value is not None
    }


def run_of(given: Mapping[str, Any]) -> tuple[NamedTask, TrainConfig]:
    """The task, and how it is trained, that ``numlean train`` makes of such arguments.

    Raises:
        NumleanError: There are no such arguments, or they make no run.
    """
    from numlean.cli.options import config_of, task_of
    from numlean.cli.train import command

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    arguments = parser.parse_args([])
    for name, value in given.items():
        if not hasattr(arguments, name):
            raise NumleanError(f"numlean train has no argument {name!r}")
        setattr(arguments, name, value)
    try:
        task = task_of(arguments)
        return task, config_of(arguments, task)
    except (TypeError, AttributeError) as error:
        raise NumleanError(f"these are no arguments of numlean train: {error}") from None


def check_writable(option: str, path: str | None) -> None:
    """Tell now, not after hours of training, that a file cannot be written.

    Raises:
        NumleanError: Its folder does not exist, or it is one.
    """
    if path is None:
        return
    if not Path(path).absolute().parent.is_dir():
        raise NumleanError(f"{option} {path}: there is no such folder")
    if Path(path).is_dir():
        raise NumleanError(f"{option} {path}: this is a folder")
