"""Run random command lines in this process, and look for anything that must not happen."""

from __future__ import annotations

import os
import random
import resource
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from numlean.display_text import format_size
from numlean.verification.attacks.attack import Attack, Outcome, Setting
from numlean.verification.attacks.command_lines.files import Folder
from numlean.verification.attacks.command_lines.lines import Line, commands_of, random_line
from numlean.verification.in_process import Main, Reaction, react

LONGEST_LINE: Final = 2_200
"""The most characters of a line on standard error."""

MOST_SECONDS: Final = 60.0
MOST_MEMORY: Final = 1 << 30
"""The most seconds of the processor that a command takes, and bytes by which the process grows."""

_STATUSES: Final = (0, 1, 2, 3)
_ERROR: Final = 2
_PREFIX: Final = "numlean: error: "
_RECORDS: Final = ("report.html", "records.jsonl")


@dataclass(frozen=True)
class MeasuredReaction(Reaction):
    """How the program reacted to a command line.

    Attributes:
        seconds: The time of the processor that it took.
        memory: The bytes by which the process grew.
    """

    seconds: float = 0.0
    memory: int = 0


def run(setting: Setting) -> Iterator[Outcome]:
    """Yield the outcome of each command line."""
    draw = random.Random(setting.seed)
    commands = commands_of(setting.program)
    with chdir(setting.folder):
        folder = Folder.make(setting.folder, setting.program)
    before = folder.contents()
    for _ in range(setting.count):
        line = random_line(commands, draw)
        names = _identities(line, folder.work)
        with chdir(folder.work):
            reaction = _react(setting.program.main, line)
        after = folder.contents()
        failure = complaint(reaction) or _misuse(names, before, after)
        if names.shared and reaction.status != _ERROR:
            failure = failure or f"the file {names.shared} was accepted in two roles"
        yield Outcome(_shown(line), failure)
        if after != before:
            folder.restore()


def _react(main: Main, line: Line) -> MeasuredReaction:
    started, size = time.process_time(), _peak_memory()
    found = react(main, list(line.words))
    return MeasuredReaction(
        *(found.status, found.output, found.errors, found.exception),
        seconds=time.process_time() - started,
        memory=_peak_memory() - size,
    )


def complaint(found: MeasuredReaction) -> str | None:
    """Return what is wrong with a reaction, apart from files; None if nothing is."""
    lines = found.errors.splitlines()
    errors = [each for each in lines if each.startswith(_PREFIX)]
    long = max(map(len, lines), default=0)
    if found.exception:
        return f"uncaught {found.exception}"
    if found.status not in _STATUSES:
        return f"exit status {found.status}"
    if len(errors) != (found.status == _ERROR):
        return f"{len(errors)} error lines with exit status {found.status}"
    if not all(each.startswith("numlean: ") for each in lines):
        return f"a line of standard error is not a message: {_odd(lines)!r:.200}"
    if long > LONGEST_LINE:
        return f"a message of {long} characters"
    acting = [c for c in found.output + found.errors if not c.isprintable() and c not in "\n\t"]
    if acting:
        return f"the output contains {acting[0]!r}"
    if found.seconds > MOST_SECONDS:
        return f"it took {found.seconds:.0f} seconds of the processor"
    if found.memory > MOST_MEMORY:
        return f"it took {format_size(found.memory)} of memory"
    return None


def _odd(lines: list[str]) -> str:
    return next(each for each in lines if not each.startswith("numlean: "))


@dataclass(frozen=True)
class _Names:
    """The files that a command line names.

    Attributes:
        read: Those that must stay as they are.
        written: Those that may change, and the folders that are made for them.
        shared: A file that has two roles; empty without one.
    """

    read: frozenset[Path]
    written: frozenset[Path]
    shared: str


def _identities(line: Line, work: Path) -> _Names:
    """Return the files that a line names; it may replace the checkpoint that it resumes."""
    read = {dest: _names_of(work, path) for dest, path in line.read.items()}
    written = {dest: _names_of(work, path) for dest, path in line.written.items()}
    if read.get("resume") == written.get("save"):
        read.pop("resume", None)
    shared = [
        f"{line.written[a]!r} of {a} and {b}"
        for a, files in written.items()
        for b, others in (*read.items(), *written.items())
        if a != b and files and _is_file(work, line.written[a]) and files == others
    ]
    records = (f"{path}/{name}" for path in line.written.values() for name in _RECORDS)
    named = (*written.values(), *(_names_of(work, path) for path in records))
    return _Names(
        frozenset().union(*read.values()),
        frozenset().union(*named),
        shared[0] if shared else "",
    )


def _is_file(work: Path, path: str) -> bool:
    """Return whether a path is one of a file that a command could write."""
    real = Path(os.path.realpath(work / path))
    try:
        return real.parent.is_dir() and not real.is_dir() and real != Path(os.devnull)
    except OSError:  # a name that is too long
        return False


def _names_of(work: Path, path: str) -> set[Path]:
    """Return every name in the folder of the file that a path leads to, and new folders for it."""
    if "\0" in path or not path:
        return set()
    real = Path(os.path.realpath(work / path))
    names = {real, real.parent, *(each for each in real.parents if not os.path.lexists(each))}
    try:
        found = real.stat()
    except OSError:
        return names
    same = (p for p in work.rglob("*") if p.is_file() and not p.is_symlink())
    return names | {p for p in same if p.stat().st_ino == found.st_ino}


def _misuse(names: _Names, before: dict[Path, str], after: dict[Path, str]) -> str | None:
    """Return which file the command should not have changed; None if there is none."""
    for path in sorted({*before, *after}):
        if before.get(path) == after.get(path):
            continue
        if path in names.read and path in before:
            return f"the input {path.name!r} was changed"
        if path not in before and path.is_dir() and not _has_file(path):
            return f"the folder {path.name!r} was left behind without a file"
        if path not in names.written:
            return f"{path.name!r} was changed or left behind, which no output names"
    return None


def _has_file(folder: Path) -> bool:
    return any(path.is_file() or path.is_symlink() for path in folder.rglob("*"))


def _shown(line: Line) -> str:
    words = (word if len(word) <= 200 else f"{word[:100]}...({len(word)})" for word in line.words)
    return "numlean " + " ".join(shlex.quote(ascii(w)[1:-1]) for w in words)


def _peak_memory() -> int:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size << 10


COMMAND_LINES: Final = Attack(
    name="command_lines",
    summary="random command lines over every command, with valid, extreme and hostile values",
    count=5000,
    run=run,
)
