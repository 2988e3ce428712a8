"""Checks of output files before a run."""

from __future__ import annotations

from pathlib import Path

from numlean.errors import NumleanError
from numlean.files import atomic
from numlean.files.messages import reason_of


def check_writable(option: str, path: str | None) -> None:
    """Raise an error now, not after hours of training, if a file cannot be written.

    Raises:
        NumleanError: The folder of the file does not exist, the path is a folder, or the file is
            write-protected. A full disk is no error before the run.
    """
    if path is None:
        return
    if not Path(path).absolute().parent.is_dir():
        raise NumleanError(f"{option} {path}: the folder does not exist")
    if Path(path).is_dir():
        raise NumleanError(f"{option} {path}: this is a folder, not a file")
    try:
        atomic.check(path)
    except OSError as error:
        raise NumleanError(f"{option} {path}: {reason_of(error)}") from None
