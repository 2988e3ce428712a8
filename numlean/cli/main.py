"""``numlean COMMAND``: the parser, and the error handling of every command.

Only the module of the chosen command is imported, so that ``numlean --help`` is fast.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

from numlean.cli import exit_status
from numlean.cli.numbers import greatest_values, integer, real
from numlean.cli.path_roles import check_path_roles
from numlean.cli.signals import ending_waits, report_stop, stop_by_exception
from numlean.cli.streams import OutputError, run_with_checked_streams
from numlean.display_text import one_line
from numlean.errors import NumleanError
from numlean.executors.threads import chosen_threads
from numlean.files.messages import reason_of
from numlean.names import did_you_mean

COMMANDS: Final = {
    "train": "train a task in one number format, or in several by a policy",
    "crosscheck": "train a task in several number formats and compare every step bit for bit",
    "replay": "repeat a certificate's run and compare every step bit for bit",
    "compare": "train a task in several number formats and measure their errors",
    "ablate": "promote and demote each part of a precision policy alone, and say which costs most",
    "export": "write a checkpoint's parameters as floats (.npz or .safetensors)",
    "eval": "evaluate an expression and show every detail of the result",
    "dtypes": "list the number formats",
    "policies": "list the precision policies, or every field of one",
    "tasks": "list the tasks",
    "play": "open a page that shows numbers, operations and formats in the browser",
    "sweep": "train every point of a grid of settings on a cluster, and show the results",
    "compare-units": "compare the rules of two matrix units, and find products that differ",
    "record-unit": "record the results of a real tensor core for test vectors",
    "testfloat": "check lines of Berkeley TestFloat, or generate them",
    "vectors": "write test vectors of a block format, or check those of another library",
    "verify": "compare emulated arithmetic with independent references, bit for bit",
    "warm": "compile the kernels of number formats, so that later commands start at once",
    "doctor": "print the installed versions and check the bits of each device",
    "bench": "measure speed",
}
"""A summary of each command, by name."""

Command = Callable[[argparse.Namespace], int]


class _HelpFormatter(argparse.HelpFormatter):
    """Keeps the paragraphs of a description apart."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        return "\n\n".join(
            super(_HelpFormatter, self)._fill_text(p, width, indent) for p in paragraphs
        )


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose descriptions have paragraphs.

    Options with ``type=int`` or ``type=float`` take the numbers of ``numlean.cli.numbers``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _HelpFormatter, **options})
        self.register("type", int, integer)
        self.register("type", float, real)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Return the value or values of an argument; argparse would drop the -- of --option=--."""
        is_one = bool(action.option_strings) or action.nargs is None
        if not is_one or arg_strings != ["--"]:
            return super()._get_values(action, arg_strings)
        value = self._get_value(action, "--")
        self._check_value(action, value)
        return value if action.nargs in (None, argparse.OPTIONAL) else [value]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = tuple(map(str, action.choices))
        kind = "command" if isinstance(action, argparse._SubParsersAction) else None
        near = did_you_mean(str(value), known)
        what = f"unknown {kind}" if kind else "invalid choice:"
        raise argparse.ArgumentError(
            None if kind else action, f"{what} {value!r}; known: {', '.join(known)}{near}"
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the arguments and those that are unknown, of which options are an error here.

        Raises:
            SystemExit: An option is unknown; the message suggests the nearest one.
        """
        arguments, unknown = super().parse_known_args(args, namespace)
        options = [word.partition("=")[0] for word in unknown if word[:2] == "--" and word[2:]]
        if options:
            known = [name for name in self._option_string_actions if name[:2] == "--"]
            near = did_you_mean(options[0], known) or ""
            self.error(f"unknown option {options[0]}{near}")
        return arguments, unknown

    def error(self, message: str) -> NoReturn:
        text = f"numlean: error: {one_line(message)} (see {self.prog} --help)\n"
        self.exit(exit_status.ERROR, text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    The status is 0 for success, 1 for a difference found, 2 for wrong use or output that cannot be
    written, 3 for a run that ended with numbers that are not finite, 130, 143 and 129 for an end by
    Ctrl-C, SIGTERM and SIGHUP, and 141 if the reader of standard output is gone.
    """
    given = sys.argv[1:] if argv is None else argv
    with ending_waits():
        return run_with_checked_streams(lambda: _run(given), _report_output_error)


def _run(given: Sequence[str]) -> int:
    arguments = argparse.Namespace()
    try:
        arguments = build_parser(_command_in(given)).parse_args(given)
        check_path_roles(arguments.command, arguments)
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
    parser = _Parser(prog="numlean", description="Train the same network in any number format.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
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
    """Return the command among the arguments: the first one that is not an option."""
    first = next((word for word in argv if not word.startswith("-")), None)
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
