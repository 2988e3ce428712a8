"""Random command lines, made from the parsers of the program itself."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from numlean.verification.attacks.attack import Program
from numlean.verification.attacks.command_lines.values import is_read, names_a_file, value_for

_TINY: Final[dict[str, tuple[str, ...]]] = {
    "train": ("--dtype", "mp:53", "--steps", "2"),
    "crosscheck": ("--a", "mp:60", "--b", "mp:53", "--steps", "2"),
    "compare": ("--dtypes", "mp:53", "--steps", "2", "--truth", "mp:60"),
    "ablate": ("--dtype", "mp:53", "--truth", "mp:60", "--steps", "1", "--seeds", "1"),
    "verify checkpoints": ("--mutations", "2", "--dtypes", "mp:53"),
}
"""Options that keep a run short; random ones that follow may replace them."""

_REFUSED: Final = "--no-such-option"
_ALWAYS_LONG: Final = ("bench", "doctor", "play", "verify", "warm")
"""Commands that compile kernels, start processes or serve until a signal ends them: of these, only
wrong use is tried."""

_SHARED: Final = 0.3
"""How often a file has the path of another one on the line."""

_TABLES: Final = 0.3
"""How often a command trains on a table in place of a task."""

_NOT_TRIED: Final = ("verify attacks",)
_NOT_USED: Final = ("help", "color")
"""Options that do nothing but print help, or colour the errors that are looked for."""


@dataclass(frozen=True)
class Line:
    """A command line.

    Attributes:
        words: The arguments of the program.
        read: The files that are read, by the name of the option's value.
        written: The files that are written, likewise.
    """

    words: tuple[str, ...]
    read: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A command or subcommand, and what it takes."""

    words: tuple[str, ...]
    actions: tuple[argparse.Action, ...]

    @property
    def name(self) -> str:
        """The words of the command."""
        return " ".join(self.words)


def commands_of(program: Program) -> list[Command]:
    """Return every command and subcommand."""
    found: list[Command] = []
    for name in program.commands:
        parser = _subparsers(program.parser(name))[name]
        found += _commands((name,), parser)
    return [command for command in found if command.name not in _NOT_TRIED]


def _commands(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Command]:
    below = _subparsers(parser)
    if not below:
        usable = (action for action in parser._actions if action.dest not in _NOT_USED)
        yield Command(words, tuple(usable))
    for name, each in below.items():
        yield from _commands((*words, name), each)


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def random_line(commands: list[Command], draw: random.Random) -> Line:
    """Return a random command line; commands that train are drawn more often."""
    weights = [
        8 if command.name in _TINY else 4 if _is_short(command) else 1 for command in commands
    ]
    command = draw.choices(commands, weights)[0]
    words, read, written = list(command.words), dict[str, str](), dict[str, str]()
    words += _TINY.get(command.name, ())
    positional = [action for action in command.actions if not action.option_strings]
    if any(action.dest == "task" for action in positional) and draw.random() < _TABLES:
        words += ["--data", "t.csv", "--target", "b", "--hidden", "2"]
        read["data"], positional = "t.csv", []
    options = [action for action in command.actions if action.option_strings]
    chosen = draw.choices(options, k=draw.randrange(5)) if options else []
    for action in (*positional, *chosen):
        for value in _values(action, draw):
            if value is not None and names_a_file(action):
                others = [*read.values(), *written.values()]
                if others and draw.random() < _SHARED:
                    value = draw.choice(others)
                (read if is_read(action) else written)[action.dest] = value
            words += _spelled(action, value, draw)
    if not _is_short(command):
        words.append(_REFUSED)
    return Line(tuple(words), read, written)


def _is_short(command: Command) -> bool:
    return command.words[0] not in _ALWAYS_LONG or command.name in _TINY


def _values(action: argparse.Action, draw: random.Random) -> list[str | None]:
    """Return the values of one use of an option; None for an option that takes none."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return [None]
    count = 1 if draw.random() < 0.97 else draw.choice((0, 2))
    return [value_for(action, draw) for _ in range(count)]


def _spelled(action: argparse.Action, value: str | None, draw: random.Random) -> list[str]:
    if not action.option_strings:
        return [] if value is None else [value]
    option = draw.choice(action.option_strings)
    if value is None:
        return [option if draw.random() < 0.9 else f"{option}=1"]
    return [option, value] if draw.random() < 0.7 else [f"{option}={value}"]
