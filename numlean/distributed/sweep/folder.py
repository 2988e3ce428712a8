"""The folder of a sweep: its results, and what a resumed sweep still has to do.

    sweep.json              the version of the layout
    sweep.lock              locked by the sweep that writes here now
    runs/DIGEST.parquet     one row: the run, done or failed
    steps/DIGEST.parquet    one row for each measured step
    certificates/DIGEST.json

The row of a run is written last, so a run that has one is complete. ``runs`` and ``steps`` are
Parquet data sets: a library reads each folder as one table.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from numlean.data.input_file import read_input, shown_path
from numlean.distributed.sweep.running import PointResult
from numlean.distributed.sweep.schema import (
    RUN_COLUMNS,
    STEP_COLUMNS,
    read_parquet,
    to_parquet,
)
from numlean.errors import DataError, NumleanError
from numlean.files import atomic
from numlean.files.messages import reason_of
from numlean.json_lines import parse_json

_MARK: Final = "sweep.json"
_LOCK: Final = "sweep.lock"
_NEVER_NULL: Final = ("digest", "recipe", "task", "arithmetic", "seed", "status", "finished")
"""Columns of runs that have no null."""
_TABLES: Final = ("runs", "steps", "certificates")
_KEY: Final = "numlean_sweep"
_VERSION: Final = 1
_NAME: Final = re.compile(r"[0-9a-f]{64}\.parquet")


@final
@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path) -> SweepFolder:
        """Return the folder of a sweep, made if it does not exist.

        Raises:
            NumleanError: It cannot be made or written to, or has other content than a sweep.
        """
        folder = cls(path)
        with _naming(path):
            path.mkdir(parents=True, exist_ok=True)
            if (path / _MARK).exists():
                folder._check_mark()
            elif any(path.iterdir()):
                raise DataError(f"{shown_path(path)}: not the folder of a sweep, and not empty")
            else:
                atomic.write(path / _MARK, f"{json.dumps({_KEY: _VERSION})}\n".encode())
            for name in _TABLES:
                (path / name).mkdir(exist_ok=True)
        return folder

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """Return the folder of a sweep that exists.

        Raises:
            DataError: It is none, or one of another version.
        """
        folder = cls(path)
        if not (path / _MARK).exists():
            raise DataError(f"{shown_path(path)}: not the folder of a sweep; it has no {_MARK}")
        folder._check_mark()
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other sweeps out while the context lasts, and remove what killed ones left.

        The system unlocks the folder if this process dies.

        Raises:
            NumleanError: Another sweep uses the folder, or it cannot be locked.
        """
        with _naming(self.path):
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with _naming(self.path):
                self._take(descriptor)
                for name in _TABLES:
                    for partial in (self.path / name).glob(".*.partial"):
                        partial.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NumleanError(
                f"another sweep writes to {shown_path(self.path)} now: wait for it, or take"
                " another folder"
            ) from None

    def ended(self, *, with_failed: bool = True) -> set[str]:
        """Return the digests of the runs that have ended, with or without those that failed.

        Raises:
            DataError: A file is damaged.
        """
        return {row["digest"] for row in self.runs() if with_failed or row["status"] == "done"}

    def write(self, result: PointResult) -> None:
        """Write the results of a run; those of an earlier attempt are replaced.

        Raises:
            NumleanError: A file cannot be written.
        """
        digest = result.digest
        with _naming(self.path):
            if result.certificate is not None:
                atomic.write(self.path / "certificates" / f"{digest}.json", result.certificate)
            steps = to_parquet(STEP_COLUMNS, result.steps)
            atomic.write(self.path / "steps" / f"{digest}.parquet", steps)
            run = to_parquet(RUN_COLUMNS, [result.run])
            atomic.write(self.path / "runs" / f"{digest}.parquet", run)

    def runs(self) -> list[dict[str, Any]]:
        """Return the rows of all runs, ordered by task, arithmetic, optimizer and seed.

        Raises:
            DataError: A file is damaged.
        """
        rows = read_parquet(RUN_COLUMNS, self._files("runs"))
        for row in rows:
            self._check_run(row)
        return sorted(rows, key=_order)

    def steps(self) -> list[dict[str, Any]]:
        """Return the rows of all measured steps.

        Raises:
            DataError: A file is damaged.
        """
        return read_parquet(STEP_COLUMNS, self._files("steps"))

    def _files(self, name: str) -> list[Path]:
        with _naming(self.path):
            return sorted(
                path for path in (self.path / name).iterdir() if _NAME.fullmatch(path.name)
            )

    def _check_run(self, row: Mapping[str, Any]) -> None:
        """Check a row of a run as far as this package reads it: the file may be anybody's."""
        has_all = all(row[name] is not None for name in _NEVER_NULL)
        is_done = row["status"] == "done" and row["seconds"] is not None
        if has_all and (is_done or row["status"] == "failed"):
            recipe = parse_json(row["recipe"], f"{shown_path(self.path)}: a recipe")
            if isinstance(recipe, dict):
                return
        raise DataError(
            f"{shown_path(self.path / 'runs')}: the row of the run {row['digest']!r:.70} is no row"
            " that a sweep writes; delete its file, and the sweep makes the run again"
        )

    def _check_mark(self) -> None:
        mark = parse_json(read_input(self.path / _MARK), shown_path(self.path / _MARK))
        version = mark.get(_KEY) if isinstance(mark, dict) else None
        if version != _VERSION:
            raise DataError(
                f"{shown_path(self.path)}: a sweep of version {version!r:.80}; this numlean reads"
                f" version {_VERSION}"
            )


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    names = "task", "arithmetic", "optimizer", "lr", "schedule", "seed", "digest"
    return tuple((row[name] is not None, row[name] or 0) for name in names)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn an error of the system into one line that names the folder."""
    try:
        yield
    except OSError as error:
        name = shown_path(error.filename or path)
        raise NumleanError(
            f"cannot use {name} of the sweep {shown_path(path)}: {reason_of(error)}"
        ) from None
