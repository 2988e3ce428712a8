"""What an attack is: many cases, each of which the program survives or not."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from numlean.verification.in_process import Main


@dataclass(frozen=True)
class Outcome:
    """One case of an attack.

    Attributes:
        case: What was tried, in words that allow to repeat it.
        failure: What went wrong, in one line; None if the program did what it promises.
    """

    case: str
    failure: str | None = None


@dataclass(frozen=True)
class Program:
    """The program under attack. The command hands it over, since nothing else imports ``cli``.

    Attributes:
        main: Runs a command line, without the program's name, and returns the exit status.
        parser: Returns the parser with the options of one command.
        commands: The names of the commands.
        prepare: Makes a process of its own handle signals, as the program does when it starts.
    """

    main: Main
    parser: Callable[[str], argparse.ArgumentParser]
    commands: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Setting:
    """Where and how often to attack.

    Attributes:
        program: The program under attack.
        folder: An empty folder for the files of the attack.
        count: The number of cases.
        seed: Determines the cases.
    """

    program: Program
    folder: Path
    count: int
    seed: int


Run: TypeAlias = Callable[[Setting], Iterator[Outcome]]


@dataclass(frozen=True)
class Attack:
    """A kind of attack.

    Attributes:
        name: Its name on the command line.
        summary: What is tried, in one line.
        count: The number of cases of a full run.
        run: Yields the outcome of ``setting.count`` cases; the same cases for a seed.
    """

    name: str
    summary: str
    count: int
    run: Run


_SHOWN: Final = 10


@dataclass(frozen=True)
class Tally:
    """The outcomes of an attack, counted.

    Attributes:
        tried: The number of cases.
        failed: The number of failures.
        shown: The first failures, at most ten.
    """

    tried: int = 0
    failed: int = 0
    shown: tuple[Outcome, ...] = ()

    @property
    def first(self) -> Outcome | None:
        """The first failure; None if there is none."""
        return self.shown[0] if self.shown else None

    def add(self, outcome: Outcome) -> Tally:
        """Return the tally with one more outcome."""
        if outcome.failure is None:
            return Tally(self.tried + 1, self.failed, self.shown)
        return Tally(self.tried + 1, self.failed + 1, (*self.shown, outcome)[:_SHOWN])


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count outcomes."""
    found = Tally()
    for outcome in outcomes:
        found = found.add(outcome)
    return found
