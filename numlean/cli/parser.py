"""The parser of every command: errors in one line, and help that is short and grouped."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from numlean.cli import exit_status
from numlean.cli.colours import CHOICES, COLOURS
from numlean.cli.examples import examples_of
from numlean.cli.numbers import integer, real
from numlean.display_text import heading, one_line, wrap_words
from numlean.names import did_you_mean

GENERAL: Final = "general"
"""The title of the options that every command has."""

_MANY: Final = 25
"""The number of options from which the short help only names those of ``_NAMED``."""

_NAMED: Final = (
    "execution",
    "optimization",
    "your own table (instead of TASK)",
    "data-parallel training",
    "long runs",
)
"""The titles of the options that the short help of a command with many only names."""


class _Formatter(argparse.HelpFormatter):
    """Breaks lines at spaces only, not within names such as ``char-rnn``."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap_words(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = wrap_words(" ".join(text.split()), max(width - len(indent), 1))
        return "\n".join(indent + line for line in lines)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose help is short unless it is asked for.

    Options with ``type=int`` or ``type=float`` take the numbers of ``numlean.cli.numbers``.

    Attributes:
        command_groups: The names of the commands by the title of their group; the parser of a
            command has none.
        general: The options that every command has.
    """

    command_groups: dict[str, tuple[str, ...]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, **options, "add_help": False})
        self.command_groups = {}
        self.register("type", int, integer)
        self.register("type", float, real)
        self.general = general = self.add_argument_group(GENERAL)
        general.add_argument("-h", "--help", action="help", help="show this help and exit")
        general.add_argument(
            "--help-all",
            action=_HelpAll,
            nargs=0,
            dest="help",
            default=argparse.SUPPRESS,
            help="show the help with every option and detail, and exit",
        )
        general.add_argument(
            "--color",
            action=_Color,
            choices=CHOICES,
            default=argparse.SUPPRESS,
            metavar="WHEN",
            help="colours: auto (default; on a terminal, unless NO_COLOR is set), always or never",
        )

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
        """End with a message in one line.

        Raises:
            SystemExit: Always, with the status of wrong use.
        """
        text = f"numlean: error: {one_line(message)} (see {self.prog} --help)\n"
        self.exit(exit_status.ERROR, text)

    def format_help(self, *, is_full: bool = False) -> str:
        """Return the help: all of it, or the beginning of the description and the main options."""
        formatter = self.formatter_class(prog=f"{self.prog} [options]")
        formatter.add_usage(None, self._get_positional_actions(), ())
        paragraphs = (self.description or "").strip().split("\n\n")
        for paragraph in paragraphs if is_full else paragraphs[:1]:
            formatter.add_text(paragraph)
        for action in filter(_has_commands, self._actions):
            self._add_commands(formatter, action)
        count = sum(bool(action.option_strings) for action in self._actions)
        is_long = count >= _MANY and not is_full
        is_cut = len(paragraphs) > 1 and not is_full
        for group in self._ordered_groups():
            actions = [each for each in group._group_actions if not _has_commands(each)]
            if is_long and group.title in _NAMED:
                is_cut = True
                formatter.start_section(group.title)
                formatter.add_text(" ".join(_names(actions)))
                formatter.end_section()
            elif actions:
                formatter.start_section("arguments" if group is self._positionals else group.title)
                formatter.add_arguments(actions)
                formatter.end_section()
        text = formatter.format_help()
        examples = examples_of(self.prog)
        if examples:
            text += "\nexamples:\n" + "".join(f"  $ {line}\n" for line in examples)
        if is_cut:
            text += f"\n{self.prog} --help-all describes everything.\n"
        for line in text.splitlines():
            if line.endswith(":") and not line.startswith(" "):
                heading(line)
        return text

    def _ordered_groups(self) -> list[argparse._ArgumentGroup]:
        """Return the groups, with the options of every command at the end."""
        return sorted(self._action_groups, key=lambda group: group.title == GENERAL)

    def _add_commands(self, formatter: argparse.HelpFormatter, action: argparse.Action) -> None:
        summaries = {each.dest: each for each in action._get_subactions()}  # type: ignore[attr-defined]
        groups = self.command_groups or {"subjects": tuple(summaries)}
        for title, names in groups.items():
            formatter.start_section(title)
            formatter.add_arguments([summaries[name] for name in names])
            formatter.end_section()


def _has_commands(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _names(actions: Sequence[argparse.Action]) -> Iterable[str]:
    return (action.option_strings[0] for action in actions if action.option_strings)


class _HelpAll(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        if isinstance(parser, Parser):
            print(parser.format_help(is_full=True), end="")
        parser.exit()


class _Color(argparse.Action):
    """Applies to all that follows, also to errors in the rest of the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        COLOURS.value = values
