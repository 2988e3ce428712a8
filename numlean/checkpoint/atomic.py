"""Atomic writing: a file is complete, or it is the old one."""

from __future__ import annotations

import os
from glob import escape
from pathlib import Path

from numlean.checkpoint.errors import FilePath, error_context


def write(path: FilePath, content: bytes) -> None:
    """Write a file, replacing an existing one.

    Whatever happens, even if the machine stops, ``path`` is either the old file or the new one,
    complete: the content is written to a temporary file in the same folder, flushed to the disk,
    and then renamed. A device or a pipe is not replaced but written to.

    Raises:
        CheckpointError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))  # a symbolic link remains one
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with error_context(path):
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
            Path(path).write_bytes(content)
            return
        try:
            _write_through(partial, content)
            partial.replace(target)
            _sync_folder(target.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def remove_stale_partials(path: FilePath) -> None:
    """Remove temporary files of processes that were killed while they wrote ``path``."""
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
