"""The folder of a run: its description, log, certificate and results.

``runs/ID`` is inside the folder of the server. Its files may have been made by anybody: they are
read through the folder itself, without links, and to a limited size.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from numlean.errors import NumleanError
from numlean.files import atomic
from numlean.play.runs.plan import COMPARE, CROSSCHECK, KINDS, TRAIN, Plan
from numlean.play.workspace import Workspace

FOLDER: Final = "runs"
DESCRIPTION: Final = "run.json"
LOCK: Final = "lock"
END: Final = "end.json"
LOG: Final = "log.jsonl"
RECORDS: Final = "records.jsonl"
RESULTS: Final = "results.json"
SUMMARY: Final = "summary.txt"
MESSAGES: Final = "messages.txt"

OUTPUTS: Final = {
    TRAIN: {"--log": LOG, "--certificate": "certificate.json"},
    COMPARE: {"--jsonl": RECORDS, "--out": "report.html"},
    CROSSCHECK: {"--out": "report.html"},
}
"""The options that name the files of a command."""

FILES: Final = (
    *(DESCRIPTION, LOCK, END, LOG, RECORDS, RESULTS, SUMMARY, MESSAGES),
    *("certificate.json", "report.html"),
)

MOST_READ: Final = 1 << 20
"""The bytes that are read of a small file."""

_ID: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{1,4}")

WAITING: Final = "waiting"
RUNNING: Final = "running"
FINISHED: Final = "finished"
STOPPED: Final = "stopped"
FAILED: Final = "failed"


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        id: The name of its folder.
        kind: The command.
        title: What it does.
        arguments: The arguments of the command, with those that name its files.
        is_kept: Whether it is kept: it cannot be removed.
        pid: The process that executes it; 0 before it has started.
    """

    id: str
    kind: str
    title: str
    arguments: tuple[str, ...]
    is_kept: bool = False
    pid: int = 0

    @property
    def command_line(self) -> str:
        """The command that repeats it, in the folder of the server, without its files."""
        files = {
            f"{option}={FOLDER}/{self.id}/{name}" for option, name in OUTPUTS[self.kind].items()
        }
        shown = [each for each in self.arguments if each not in files and each != "--json"]
        return shlex.join(["numlean", *shown])

    @property
    def output(self) -> str:
        """The file of what the command prints."""
        return SUMMARY if self.kind == COMPARE else RESULTS

    def to_plain(self) -> dict[str, Any]:
        """Return the description as plain data."""
        return {
            "kind": self.kind,
            "title": self.title,
            "arguments": list(self.arguments),
            "kept": self.is_kept,
            "pid": self.pid,
        }

    @classmethod
    def of_plain(cls, run_id: str, plain: Any) -> Run | None:
        """Return the run of a description; None if it is not one."""
        if not isinstance(plain, dict) or plain.get("kind") not in KINDS:
            return None
        arguments, title, pid = plain.get("arguments"), plain.get("title"), plain.get("pid")
        if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
            return None
        if not isinstance(title, str) or not isinstance(pid, int):
            return None
        is_kept = plain.get("kept") is True
        return cls(run_id, plain["kind"], title[:300], tuple(arguments), is_kept, pid)


@dataclass(frozen=True)
class RunFolders:
    """The folders of all runs.

    Attributes:
        workspace: The folder of the server.
    """

    workspace: Workspace

    def ids(self) -> list[str]:
        """Return the names of the folders, the newest first."""
        try:
            with self._opened() as fd:
                names = [entry.name for entry in os.scandir(fd)]
        except OSError:
            return []
        return sorted((name for name in names if _ID.fullmatch(name)), key=_order, reverse=True)

    def path(self, run_id: str, name: str = "") -> str:
        """Return the path of a file, relative to the server's folder.

        Raises:
            NumleanError: The name is not that of a run.
        """
        if not _ID.fullmatch(run_id):
            raise NumleanError(f"{run_id!r:.60} is not a run of this folder")
        return f"{FOLDER}/{run_id}/{name}" if name else f"{FOLDER}/{run_id}"

    def make(self, stamp: str, plan: Plan) -> Run:
        """Make the folder of a new run.

        Raises:
            NumleanError: It cannot be written.
        """
        root = self.workspace.root
        try:
            (root / FOLDER).mkdir(exist_ok=True)
            with self._opened() as fd:
                for number in range(1, 10_000):
                    run_id = f"{stamp}-{number}"
                    with suppress(FileExistsError):
                        os.mkdir(run_id, 0o777, dir_fd=fd)
                        break
        except OSError as error:
            raise NumleanError(f"cannot make a folder in {FOLDER}: {error.strerror}") from None
        files = [
            f"{option}={self.path(run_id, name)}" for option, name in OUTPUTS[plan.kind].items()
        ]
        json_option = [] if plan.kind == COMPARE else ["--json"]
        run = Run(run_id, plan.kind, plan.title, (plan.kind, *plan.arguments, *files, *json_option))
        self.describe(run)
        return run

    def find(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            NumleanError: There is none of this name.
        """
        path = self.path(run_id)
        try:
            found = Run.of_plain(run_id, json.loads(self.read(run_id, DESCRIPTION) or b"null"))
        except (ValueError, RecursionError):
            found = None
        if found is None:
            raise NumleanError(f"{path} is not the folder of a run")
        return found

    def all(self, most: int | None = None) -> list[Run]:
        """Return the newest runs, the newest first; by default all."""
        found = []
        for run_id in self.ids()[:most]:
            with suppress(NumleanError):
                found.append(self.find(run_id))
        return found

    def describe(self, run: Run) -> None:
        """Write the description of a run."""
        self.write(run.id, DESCRIPTION, run.to_plain())

    def keep(self, run_id: str, *, is_kept: bool) -> None:
        """Note whether a run is kept."""
        self.describe(replace(self.find(run_id), is_kept=is_kept))

    def write(self, run_id: str, name: str, plain: Any) -> None:
        """Write a small file.

        Raises:
            NumleanError: It cannot be written.
        """
        path = self.workspace.root / self.path(run_id, name)
        text = json.dumps(plain, ensure_ascii=True, indent=1)
        try:
            with self._folder(run_id):
                atomic.write(str(path), f"{text}\n".encode())
        except OSError as error:
            raise NumleanError(f"cannot write {FOLDER}/{run_id}/{name}: {error.strerror}") from None

    def read(self, run_id: str, name: str, offset: int = 0, most: int = MOST_READ) -> bytes | None:
        """Return the bytes of a file of a run from a place on; None if there is no such file."""
        try:
            with self._folder(run_id) as folder:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                fd = os.open(name, flags, dir_fd=folder)
        except OSError:
            return None
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            file.seek(offset)
            return file.read(most)

    def stamp(self, run_id: str, name: str) -> tuple[int, int]:
        """Return the size of a file and the time at which it was changed; (0, 0) without one."""
        try:
            with self._folder(run_id) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    def results(self, run_id: str) -> Any:
        """Return the results of a run; None without any."""
        try:
            return json.loads(self.read(run_id, RESULTS, most=32 << 20) or b"null")
        except (ValueError, RecursionError):
            return None

    def status(self, run_id: str) -> int | None:
        """Return the exit status of a run; None before its end, or without one."""
        try:
            found = json.loads(self.read(run_id, END) or b"null")
        except (ValueError, RecursionError):
            return None
        status = found.get("status") if isinstance(found, dict) else None
        return status if isinstance(status, int) else None

    def is_locked(self, run_id: str) -> bool:
        """Return whether a process executes a run, also one that another server has started."""
        try:
            with self._folder(run_id) as folder:
                fd = os.open(LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def lock(self, run_id: str) -> int:
        """Return a descriptor of the locked file of a run, for the process that executes it.

        Raises:
            OSError: It cannot be made.
        """
        with self._folder(run_id) as folder:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(LOCK, flags, 0o666, dir_fd=folder)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def output(self, run_id: str, name: str) -> int:
        """Return a descriptor of a new file of a run.

        Raises:
            OSError: It cannot be made.
        """
        with self._folder(run_id) as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(name, flags, 0o666, dir_fd=folder)

    def remove(self, run_id: str) -> None:
        """Remove the files of a run, and its folder if nothing else is in it.

        Raises:
            NumleanError: It is kept, or it is not a run.
        """
        if self.find(run_id).is_kept:
            raise NumleanError(f"{FOLDER}/{run_id} is kept: do not keep it first")
        with suppress(OSError), self._folder(run_id) as folder:
            for name in FILES:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
            with self._opened() as fd:
                os.rmdir(run_id, dir_fd=fd)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        yield from _folder_fd(self.workspace.root / FOLDER, None)

    @contextmanager
    def _folder(self, run_id: str) -> Iterator[int]:
        self.path(run_id)
        with self._opened() as fd:
            yield from _folder_fd(Path(run_id), fd)


def _folder_fd(path: Path, above: int | None) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        yield fd
    finally:
        os.close(fd)


def _order(run_id: str) -> tuple[str, int]:
    stamp, _, number = run_id.rpartition("-")
    return stamp, int(number)
