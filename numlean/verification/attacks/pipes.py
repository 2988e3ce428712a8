"""Signals to commands that wait for the other side of a pipe, which never does anything."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle, islice, product
from pathlib import Path
from select import PIPE_BUF
from typing import Final

from numlean.verification.attacks.attack import Attack, Outcome, Setting
from numlean.verification.processes import Process, Start, check_proc, forking

_XOR: Final = ("xor", "--dtype", "mp:9", "--steps")
_COMPARE: Final = ("compare", "--dtypes", "mp:9", "--truth", "mp:20")
_ABLATE: Final = ("ablate", "--dtype", "mp:9", "--truth", "mp:20")
_SILENT: Final = ("--data", "{silent}", "--target", "y")

_COMMANDS: Final[dict[str, Sequence[str]]] = {
    "a log without a reader": ("train", *_XOR, "1000000", "--log", "{unread}"),
    "a full log": ("train", *_XOR, "1000000", "--log", "{full}"),
    "a full checkpoint": ("train", *_XOR, "9", "--save", "{full}", "--checkpoint-every", "1"),
    "a full certificate": ("train", *_XOR, "9", "--certificate", "{full}"),
    "full records": (*_COMPARE, "xor", "--steps", "9", "--jsonl", "{full}"),
    "full records of ablate": (*_ABLATE, "xor", "--steps", "3", "--jsonl", "{full}"),
    "data for train": ("train", "--dtype", "mp:9", *_SILENT),
    "data for crosscheck": ("crosscheck", "--dtypes", "mp:9,mp:12", *_SILENT),
    "data for compare": (*_COMPARE, *_SILENT),
    "data for ablate": (*_ABLATE, *_SILENT),
}

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LONGEST_DELAY: Final = 0.5
"""Seconds within which the signal comes; a command waits long before."""

_SECONDS_TO_END: Final = 1200
"""Seconds after which a command that got a signal counts as hanging."""


def _run(setting: Setting) -> Iterator[Outcome]:
    check_proc()
    draw, program = random.Random(setting.seed), setting.program
    start = forking(program.prepare, program.main)
    cases = cycle(product(_SIGNALS, _COMMANDS))
    for number, name in islice(cases, setting.count):
        with _pipes(setting.folder) as paths:
            argv = [word.format(**paths) for word in _COMMANDS[name]]
            failure = _failure(argv, number, draw.random() * _LONGEST_DELAY, start)
        yield Outcome(f"{number.name} to {argv[0]}, which waits for {name}", failure)


@contextmanager
def _pipes(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the paths of a pipe without a reader, a full one, and one that is given and silent."""
    unread, full = folder / "unread", folder / "full"
    for each in (unread, full):
        os.mkfifo(each)
    silent = os.pipe()
    ends = [*silent, *(os.open(full, mode | os.O_NONBLOCK) for mode in (os.O_RDONLY, os.O_WRONLY))]
    try:
        with suppress(BlockingIOError):
            while os.write(ends[-1], bytes(PIPE_BUF)):
                pass
        yield {"unread": str(unread), "full": str(full), "silent": f"/dev/fd/{silent[0]}"}
    finally:
        for end in ends:
            os.close(end)
        for each in (unread, full):
            each.unlink()


def _failure(argv: Sequence[str], number: int, delay: float, start: Start) -> str | None:
    with start(argv) as process:
        while process.status is None and not process.is_ready:
            time.sleep(delay / 100)
        time.sleep(delay)
        process.send(number)
        process.wait(_SECONDS_TO_END)
        return _wrong_end(process, number)


def _wrong_end(process: Process, number: int) -> str | None:
    """Return what is wrong with the end of a process that got a signal; None if nothing is."""
    if process.status is None:
        return f"still running {_SECONDS_TO_END} s after the signal"
    if process.status != 128 + number:
        return f"exit status {process.status}, {process.errors.strip()[-200:]!r}"
    lines = process.errors.split("\n")
    odd = next((line for line in lines if line and not line.startswith("numlean: ")), None)
    if odd is not None:
        return f"standard error has the line {odd!r:.200}"
    return None if any(lines) else "standard error is empty"


PIPES = Attack(
    "pipes", "signals to commands that wait for a pipe whose other side does nothing", 48, _run
)
