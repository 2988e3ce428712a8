"""``numlean COMMAND``: the parser, and what every command has in common."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, NoReturn

from numlean.cli.interrupt import EXIT_INTERRUPTED
from numlean.errors import NumleanError

EXIT_WRONG_USE: Final = 2

_COMMANDS: Final = {
    "train": "train a task in one arithmetic",
    "crosscheck": "train a task in several arithmetics and compare every step bit for bit",
    "replay": "make a certificate's run again and compare every step bit for bit",
    "compare": "train a task in several arithmetics and measure how far each is from a truth",
    "export": "write a checkpoint's parameters as floats, .npz or .safetensors",
    "eval": "evaluate an expression and show the result from all sides",
    "dtypes": "list the arithmetics",
    "tasks": "list the tasks",
    "verify": "hold emulated arithmetic to somebody else's, bit for bit",
    "doctor": "print what is installed, and check the bits of each device",
    "bench": "measure speed, dtype beside dtype",
}

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_WRONG_USE, f"numlean: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0 well, 1 a difference found, 2 wrong use."""
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
        run: Command = arguments.run
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return run(arguments)
    except (NumleanError, MemoryError) as error:
        return _refused(error)
    except RuntimeError as error:
        from numlean_kernels.targets import DeviceFailedError

        if not isinstance(error, DeviceFailedError):
            raise
        return _refused(error)
    except KeyboardInterrupt:
        print("numlean: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; keep the interpreter from complaining about it as it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _refused(error: Exception) -> int:
    print(f"numlean: error: {error}", file=sys.stderr)
    return EXIT_WRONG_USE


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(prog="numlean", description="Train the same network in any arithmetic.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in _COMMANDS.items():
        module = import_module(f"numlean.cli.{name}")
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from numlean.version import __version__

        print(f"numlean {__version__}")
        parser.exit()


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"numlean: warning: {message}", file=sys.stderr)
