"""Full disks: every file of every command fails at every place where writing a file can fail.

The disk is filled by functions of ``os`` that fail, by the device ``/dev/full``, by a limit of the
size of files, by a pipe whose reader is gone, and by a folder that is removed.

The command must end with status 2 and a line that names the file; nothing else may be lost. The
file must be the old one or complete, or, if it grows, contain whole lines.
"""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Final

from numlean.certificate import Certificate
from numlean.checkpoint import load
from numlean.errors import NumleanError
from numlean.verification.attacks.attack import Attack, Outcome, Program, Setting
from numlean.verification.attacks.failing_disk import PLACES, FailingDisk
from numlean.verification.attacks.left_files import Content, files_in
from numlean.verification.attacks.outputs import OUTPUTS, Output
from numlean.verification.in_process import Reaction, react

DEVICE, PIPE, LIMIT, REMOVED, PRINTED = "device", "pipe", "size limit", "removed folder", "printed"
REAL: Final = (DEVICE, PIPE, LIMIT, REMOVED, PRINTED)
"""Faults without a stand-in: ``/dev/full`` instead of the file; a pipe without a reader; a limit of
the size of files; a folder that is removed; and ``/dev/full`` as standard output."""

_OLD: Final = b'{"an": "older file"}\n'
_OF_CHECK: Final = ("open", "close")
"""Places at which the check before the run fails, which is no error, and then the run."""
_OF_FOLDER: Final = ("folder", REMOVED)
"""Faults of all files in a folder."""
_NUMBERS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
_FULL: Final = Path("/dev/full")
_STATUS: Final = 2
_NOT_LAST: Final = "the file is neither the old one nor the last one, complete"


@dataclass(frozen=True)
class Case:
    """A file that cannot be written.

    Attributes:
        output: The file, and the command that writes it.
        place: Where writing fails, of ``PLACES`` or ``REAL``.
        part: How much of the file is written before, in thousandths.
        number: The number of the error.
        times: How often it fails; None for always.
    """

    output: Output
    place: str
    part: int
    number: int
    times: int | None

    @property
    def is_possible(self) -> bool:
        """Whether the fault can occur."""
        output = self.output
        if output.is_growing and output.is_resumed:
            return self.place not in ("rename", "folder", LIMIT)  # it stays where it is
        if self.place == LIMIT:
            return output.is_largest
        return self.place not in (PRINTED, PIPE) or not output.is_record

    def __str__(self) -> str:
        often = "always" if self.times is None else f"times: {self.times}"
        name = errno.errorcode[self.number]
        how = f", {name}, {often}" if self.place in PLACES else ""
        return f"{' '.join(self.output.line)}: {self.place} after {self.part / 10:g} %{how}"


def cases(outputs: Sequence[Output], seed: int) -> Iterator[Case]:
    """Yield cases without end; each file fails at each place before one is repeated."""
    draw = random.Random(seed)
    for turn in count():
        for place, output in product((*PLACES, *REAL), outputs):
            once = 2 if place in _OF_CHECK else 1
            times = once if turn % 2 and place not in _OF_FOLDER else None
            part = draw.choice((0, draw.randrange(1000)))
            case = Case(output, place, part, draw.choice(_NUMBERS), times)
            if case.is_possible:
                yield case


def run(setting: Setting, outputs: Sequence[Output] = OUTPUTS) -> Iterator[Outcome]:
    """Fill the disk of one file after the other."""
    complete: dict[Output, dict[str, Content]] = {}
    sizes: dict[Output, dict[str, int]] = {}
    for number, case in zip(range(setting.count), cases(outputs, setting.seed), strict=False):
        folder = setting.folder / str(number)
        if case.output not in complete:
            complete[case.output] = _files_without_fault(setting.program, case.output, folder)
            sizes[case.output] = {
                name: (folder / name).stat().st_size for name in complete[case.output]
            }
            shutil.rmtree(folder)
        yield Outcome(
            str(case),
            _attempt(setting.program, case, folder, complete[case.output], sizes[case.output]),
        )
        shutil.rmtree(folder, ignore_errors=True)


FULL_DISK: Final = Attack(
    "full_disk", "every file of every command cannot be written, at every place", 300, run
)


def _files_without_fault(program: Program, output: Output, folder: Path) -> dict[str, Content]:
    _prepare(program, output, folder)
    with chdir(folder):
        reaction = react(program.main, output.line)
    if reaction.status not in (0, 1):
        reason = reaction.exception or reaction.errors
        raise RuntimeError(f"{' '.join(output.line)} fails without a fault: {reason}")
    return files_in(folder)


def _prepare(program: Program, output: Output, folder: Path) -> None:
    for name in ("full", "safe"):
        (folder / name).mkdir(parents=True)
    with chdir(folder):
        for line in output.before:
            react(program.main, line)
    if not output.is_resumed and not output.is_record:
        (folder / output.file).write_bytes(_OLD)


def _attempt(
    program: Program,
    case: Case,
    folder: Path,
    complete: dict[str, Content],
    sizes: dict[str, int],
) -> str | None:
    """Return what goes wrong in a case, or None."""
    _prepare(program, case.output, folder)
    before, file = files_in(folder), folder.resolve() / case.output.file
    start = file.stat().st_size if case.output.is_resumed and file.exists() else 0
    room = start + (sizes[case.output.file] - start) * case.part // 1000
    if case.place == LIMIT:  # all other files are smaller
        room = max(room, *(sizes[name] for name in sizes if name.startswith("safe/")), 0)
    output = _FULL if case.place == PRINTED else None
    with chdir(folder), _fault(case, file, room) as disk:
        reaction = react(program.main, case.output.line, output)
    if disk is not None and not disk.failures:
        return "the fault was never reached: the file is written in another way"
    after = files_in(folder)
    wrong = _wrong_report(case, reaction) or _loss(case, before, after, complete)
    return None if wrong == _NOT_LAST and _is_earlier(file) else wrong


@contextmanager
def _fault(case: Case, file: Path, room: int) -> Iterator[FailingDisk | None]:
    """Let the file of a case fail; yield the disk if functions of ``os`` are replaced."""
    with ExitStack() as stack:
        disk = None
        if case.place in PLACES:
            disk = FailingDisk(file, case.place, room, case.number, case.times)
        elif case.place == REMOVED:
            disk = FailingDisk(file, "write", room, event=partial(shutil.rmtree, file.parent))
        elif case.place == PIPE:
            file.unlink(missing_ok=True)
            os.mkfifo(file)
            reader = ExitStack()
            reader.callback(os.close, os.open(file, os.O_RDONLY | os.O_NONBLOCK))
            disk = FailingDisk(file, "write", event=stack.enter_context(reader).close)
        elif case.place == DEVICE:
            file.unlink(missing_ok=True)
            file.symlink_to(_FULL)
        elif case.place == LIMIT:
            stack.enter_context(_size_limit(room))
        if disk is not None:
            stack.enter_context(disk.inserted())
        yield disk


@contextmanager
def _size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _wrong_report(case: Case, reaction: Reaction) -> str | None:
    lines = reaction.errors.splitlines()
    if reaction.exception:
        return reaction.exception
    if reaction.status != _STATUS:
        return f"exit status {reaction.status}: {reaction.errors!r}"
    name = "standard output" if case.place == PRINTED else case.output.file
    errors = [line for line in lines if line.startswith("numlean: error: ")]
    naming = [line for line in errors if name in line]
    if not naming:
        return f"no error names {name}: {reaction.errors!r}"
    if len(naming) > 1 and (case.times is None or case.place not in PLACES):
        return f"more than one line names {name}: {reaction.errors!r}"
    if case.place not in _OF_FOLDER and len(errors) != len(naming):
        return f"an error names another file: {reaction.errors!r}"
    if not all(line.startswith("numlean: ") for line in lines):
        return f"other lines: {reaction.errors!r}"
    return None


def _loss(
    case: Case, before: dict[str, Content], after: dict[str, Content], complete: dict[str, Content]
) -> str | None:
    """Return what a command lost, or left behind."""
    file = case.output.file
    for name in after:
        if name not in complete and name not in before:
            return f"{name} is left behind"
    for name in complete:
        is_lost = case.place == REMOVED and Path(name).parent == Path(file).parent
        if name != file and not is_lost and after.get(name) != complete[name]:
            return f"{name} is lost or incomplete"
    if case.place in (DEVICE, PIPE, REMOVED) or after.get(file) == complete[file]:
        return None
    if case.place == PRINTED:
        return f"{file} is lost or incomplete"
    if case.output.is_growing and _is_beginning(after.get(file), complete[file]):
        return None
    return None if after.get(file) == before.get(file) else _NOT_LAST


def _is_beginning(found: Content | None, complete: Content) -> bool:
    return isinstance(found, list) and bool(found) and complete[: len(found)] == found


def _is_earlier(file: Path) -> bool:
    """Return whether a file is a complete one of an earlier step."""
    loads = {".ckpt": load, ".cert": Certificate.load}.get(file.suffix)
    try:
        return loads is not None and loads(file) is not None
    except NumleanError:
        return False
