"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from glob import escape
from pathlib import Path

from numlean.checkpoint.errors import FilePath, error_context


def write(path: FilePath, content: bytes) -> None:
    """Put a file in the place of one that may be there.

    Whatever happens, also if the machine stops, ``path`` is the old file or the new one, whole: the
    new one is written beside it and to the disk, and then takes its name.

    Raises:
        CheckpointError: It cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with error_context(path):
        try:
            _write_through(partial, content)
            partial.replace(target)
            _sync_folder(target.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def remove_stale_partials(path: FilePath) -> None:
    """Remove what processes that were killed while they wrote a file have left beside it."""
    target = Path(os.path.realpath(path))
    for partial in target.parent.glob(f".{escape(target.name)}.*.partial"):
        pid = partial.name.split(".")[-2]
        if pid.isdecimal() and not _is_alive(int(pid)):
            partial.unlink(missing_ok=True)


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
