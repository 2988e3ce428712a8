"""The processes of runs: at most two at a time, the others wait.

Each is the command line itself, so that it can be repeated there. It ends by the signal of
``kill``, after its current step, with all its files complete. It holds a lock on its folder, from
which another server knows that it is still executed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import RLock, Thread
from typing import Final, Self

from numlean.errors import NumleanError
from numlean.files import atomic
from numlean.play.runs import folder as files
from numlean.play.runs.folder import Run, RunFolders
from numlean.play.runs.plan import CROSSCHECK, MOST_TABLE, TABLE_SUFFIXES, TRAIN, Plan
from numlean.play.workspace import Workspace

MOST_AT_ONCE: Final = 2
"""The most processes."""

MOST_WAITING: Final = 32
"""The most runs that wait."""

MOST_TABLES: Final = 100
"""The most tables that pages have brought."""

TABLES: Final = "tables"
"""The folder of tables that a page has brought, inside that of runs."""

_PATIENCE: Final = 20.0
"""Seconds that the end of the server waits for its runs to end by themselves."""

_GOOD: Final = {TRAIN: (0, 3), CROSSCHECK: (0, 1)}


class RunManager:
    """Starts, stops and lists runs.

    Attributes:
        folders: Their folders.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.folders = RunFolders(workspace)
        self._lock = RLock()
        self._waiting: list[Run] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, plans: Sequence[Plan]) -> list[Run]:
        """Start runs, or let them wait.

        Raises:
            NumleanError: Too many wait, or a folder cannot be made.
        """
        with self._lock:
            if len(self._waiting) + len(plans) > MOST_WAITING:
                raise NumleanError(
                    f"{len(self._waiting)} runs wait, and at most {MOST_WAITING} may; start"
                    " these when others have ended"
                )
            stamp = time.strftime("%Y%m%d-%H%M%S")
            made = [self.folders.make(stamp, plan) for plan in plans]
            self._waiting += made
            self._fill()
        return made

    def stop(self, run_id: str) -> None:
        """End a run after its current step, or take it from those that wait."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = [each for each in self._waiting if each.id != run_id]
            if len(self._waiting) < before:
                self.folders.write(run_id, files.END, {"status": 128 + signal.SIGTERM})
                return
            process = self._running.get(run_id)
            if process is not None:
                process.terminate()
                return
        run = self.folders.find(run_id)
        # A process that holds the lock was started by a server that has ended.
        if run.pid > 1 and self.folders.is_locked(run_id) and _is_python(run.pid, run_id):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(run.pid, signal.SIGTERM)

    def keep(self, run_id: str, *, is_kept: bool) -> None:
        """Note whether a run is kept."""
        with self._lock:
            self.folders.keep(run_id, is_kept=is_kept)

    def remove(self, run_id: str) -> None:
        """Remove the files of a run that has ended.

        Raises:
            NumleanError: It is kept, or has not ended.
        """
        if self.state(run_id) in (files.WAITING, files.RUNNING):
            raise NumleanError("the run has not ended: stop it first")
        with self._lock:
            self.folders.remove(run_id)

    def state(self, run_id: str) -> str:
        """Return what a run does: it waits, runs, has finished, was stopped, or has failed."""
        with self._lock:
            if any(each.id == run_id for each in self._waiting):
                return files.WAITING
            if run_id in self._running:
                return files.RUNNING
        status = self.folders.status(run_id)
        if status is None:
            return files.RUNNING if self.folders.is_locked(run_id) else files.STOPPED
        if status >= 128 or status < 0:
            return files.STOPPED
        try:
            kind = self.folders.find(run_id).kind
        except NumleanError:
            return files.STOPPED  # another server has just removed it
        return files.FINISHED if status in _GOOD.get(kind, (0,)) else files.FAILED

    def save_table(self, name: str, content: bytes) -> str:
        """Write a table that a page has brought, and return its path.

        Raises:
            NumleanError: It is not a table, too large, or cannot be written.
        """
        suffix = Path(name).suffix.lower()
        if suffix not in TABLE_SUFFIXES:
            raise NumleanError(f"{name!r:.80}: a table ends in {', '.join(TABLE_SUFFIXES)}")
        if len(content) > MOST_TABLE:
            raise NumleanError(f"{name!r:.80} has more than {MOST_TABLE:,} bytes")
        stem = "".join(c if c.isascii() and c.isalnum() else "_" for c in Path(name).stem)[:60]
        folder = self.folders.workspace.root / files.FOLDER / TABLES
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not folder.resolve().is_relative_to(self.folders.workspace.root):
                raise NumleanError(f"{files.FOLDER}/{TABLES} leads outside of the folder")
            taken = {each.name for each in folder.iterdir()}
            if len(taken) >= MOST_TABLES:
                raise NumleanError(
                    f"{files.FOLDER}/{TABLES} has {len(taken)} tables; remove those not needed"
                )
            number = 1
            while (found := f"{stem}{f'-{number}' if number > 1 else ''}{suffix}") in taken:
                if (folder / found).read_bytes() == content:
                    break
                number += 1
            atomic.write(str(folder / found), content)
        except OSError as error:
            raise NumleanError(f"cannot write the table: {error.strerror}") from None
        return f"{files.FOLDER}/{TABLES}/{found}"

    def close(self) -> None:
        """End all runs after their current steps; those that wait are stopped."""
        with self._lock:
            self._is_open = False
            for run in self._waiting:
                with suppress(NumleanError):
                    self.folders.write(run.id, files.END, {"status": 128 + signal.SIGTERM})
            self._waiting.clear()
            running = list(self._running.values())
            for process in running:
                process.terminate()
        end = time.monotonic() + _PATIENCE
        for process in running:
            with suppress(subprocess.TimeoutExpired):  # it ends by itself, after its step
                process.wait(max(end - time.monotonic(), 0.1))
        while self._running and time.monotonic() < end:
            time.sleep(0.01)

    def _fill(self) -> None:
        """Start runs that wait while there is room for them."""
        while self._is_open and self._waiting and len(self._running) < MOST_AT_ONCE:
            run = self._waiting.pop(0)
            try:
                process = self._execute(run)
            except (OSError, NumleanError) as error:
                with suppress(NumleanError):
                    self.folders.write(run.id, files.END, {"status": 2, "error": str(error)})
                continue
            self._running[run.id] = process
            Thread(target=self._watch, args=(run.id, process), daemon=True).start()

    def _execute(self, run: Run) -> subprocess.Popen[bytes]:
        opened = list[int]()
        try:
            opened.append(self.folders.lock(run.id))
            opened.append(self.folders.output(run.id, run.output))
            opened.append(self.folders.output(run.id, files.MESSAGES))
            lock, results, messages = opened
            process = subprocess.Popen(
                [sys.executable, "-m", "numlean", *run.arguments],
                cwd=self.folders.workspace.root,
                stdin=subprocess.DEVNULL,
                stdout=results,
                stderr=messages,
                pass_fds=(lock,),
                start_new_session=True,
            )
        finally:
            for fd in opened:
                os.close(fd)
        self.folders.describe(replace(run, pid=process.pid))
        return process

    def _watch(self, run_id: str, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        with self._lock:
            with suppress(NumleanError):
                self.folders.write(run_id, files.END, {"status": status})
            self._running.pop(run_id, None)
            self._fill()


def _is_python(pid: int, run_id: str) -> bool:
    """Return whether a process is that of a run: its arguments name the run's folder."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return f"{files.FOLDER}/{run_id}/".encode() in arguments
