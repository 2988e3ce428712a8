"""``numlean COMMAND``: the parser, and the error handling of every command.

Only the module of the chosen command is imported, so that ``numlean --help`` is fast.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

from numlean.cli import exit_status
from numlean.cli.colours import CHOICES, COLOURS
from numlean.cli.numbers import greatest_values
from numlean.cli.parser import Parser
from numlean.cli.path_roles import check_path_roles
from numlean.cli.signals import ending_waits, report_stop, stop_by_exception
from numlean.cli.streams import OutputError, print_as_it_is, run_with_checked_streams
from numlean.display_text import one_line
from numlean.errors import NumleanError
from numlean.executors.threads import chosen_threads
from numlean.files.messages import reason_of

COMMAND_GROUPS: Final = {
    "train": {
        "train": "train a task in a number format, or by a policy of several",
        "sweep": "train every point of a grid of settings on a cluster",
        "replay": "repeat a certificate's run, and compare every step",
        "export": "write a checkpoint's parameters as floats",
    },
    "compare": {
        "crosscheck": "train in several formats; compare every step bit for bit",
        "compare": "train in several formats; measure their errors",
        "ablate": "find the part of a precision policy that costs most",
    },
    "look at numbers": {
        "eval": "evaluate an expression; show every detail of the result",
        "play": "open a page with numbers, operations and formats",
        "dtypes": "list the number formats",
        "policies": "list the precision policies, or the fields of one",
        "tasks": "list the tasks",
    },
    "matrix units and test vectors": {
        "compare-units": "compare the rules of two matrix units",
        "record-unit": "record the results of a real tensor core",
        "vectors": "write or check test vectors of a block format",
        "testfloat": "check or generate lines of Berkeley TestFloat",
    },
    "check and measure": {
        "verify": "compare emulated arithmetic with independent references",
        "bench": "measure speed",
        "doctor": "print versions, and check the bits of each device",
        "warm": "compile kernels, so that later commands start at once",
    },
    "terminal": {
        "completion": "print a script that completes words in bash, zsh or fish",
    },
}
"""A summary of each command, by the title of its group and its name."""

COMMANDS: Final = {
    name: summary for group in COMMAND_GROUPS.values() for name, summary in group.items()
}
"""A summary of each command, by name."""

COMPLETION: Final = "_ARGCOMPLETE"
"""The environment variable with which the script of ``numlean completion`` asks for words."""

_PRINTS_DATA: Final = ("completion", "testfloat", "vectors")
"""Commands whose output other programs read."""

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    The status is 0 for success, 1 for a difference found, 2 for wrong use or output that cannot be
    written, 3 for a run that ended with numbers that are not finite, 130, 143 and 129 for an end by
    Ctrl-C, SIGTERM and SIGHUP, and 141 if the reader of standard output is gone.
    """
    if COMPLETION in os.environ:
        from numlean.cli.completers import answer  # imports argcomplete

        answer(lambda words: build_parser(_command_in(words)))
    given = sys.argv[1:] if argv is None else argv
    with ending_waits():
        return run_with_checked_streams(lambda: _run(given), _report_output_error)


def _run(given: Sequence[str]) -> int:
    arguments = argparse.Namespace()
    COLOURS.value = CHOICES[0]
    try:
        arguments = build_parser(_command_in(given)).parse_args(given)
        check_path_roles(arguments.command, arguments)
        if getattr(arguments, "json", False) or arguments.command in _PRINTS_DATA:
            print_as_it_is()
        run: Command = arguments.run
        threads: int | None = getattr(arguments, "threads", None)
        with chosen_threads(threads), stop_by_exception(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return _with_limit(run, arguments)
    except NumleanError as error:
        return _fail(error)
    except MemoryError as error:
        return _fail(error if str(error) else f"out of memory{greatest_values(arguments)}")
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {reason_of(error)}")
    except RuntimeError as error:
        from numlean_kernels.targets import DeviceFailedError  # imports numpy

        if not isinstance(error, DeviceFailedError):
            raise
        return _fail(error)
    except KeyboardInterrupt as error:
        return report_stop(error)


def _with_limit(run: Command, arguments: argparse.Namespace) -> int:
    size: int | None = getattr(arguments, "max_size", None)
    if size is None:
        return run(arguments)
    from numlean.data.size_limit import max_size  # imports numpy

    with max_size(size):
        return run(arguments)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser, with the options of one command; the other commands have only names."""
    parser = Parser(prog="numlean", description="Train the same network in any number format.")
    parser.command_groups = {title: tuple(group) for title, group in COMMAND_GROUPS.items()}
    version = "print the version and exit"
    parser.general.add_argument("--version", action=_Version, nargs=0, help=version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name != command:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"numlean.cli.{name.replace('-', '_')}")
        chosen = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(chosen)
        chosen.set_defaults(run=module.run, command=name)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from numlean.version import __version__  # reads the metadata of the installation

        print(f"numlean {__version__}")
        parser.exit()


def _command_in(argv: Sequence[str]) -> str | None:
    """Return the command among the arguments: the first one that is not an option or its value."""
    before = ["", *argv]
    first = next(
        (
            word
            for option, word in zip(before, argv, strict=False)
            if not word.startswith("-") and option != "--color"
        ),
        None,
    )
    return first if first in COMMANDS else None


def _report_output_error(error: OutputError) -> int:
    if error.stop is not None:
        return report_stop(error.stop)
    return exit_status.BROKEN_PIPE if error.is_reader_gone else _fail(error)


def _fail(error: Exception | str) -> int:
    print(f"numlean: error: {one_line(error)}", file=sys.stderr)
    return exit_status.ERROR


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"numlean: warning: {one_line(message)}", file=sys.stderr)
