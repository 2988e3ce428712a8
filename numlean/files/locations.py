"""Where a path leads, and whether a file there can be replaced."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final, TypeAlias

FilePath: TypeAlias = str | PathLike[str]

_MOST_LINKS: Final = 40
"""The number of symbolic links that Linux follows."""
_SHARED: Final = stat.S_ISVTX | stat.S_IWOTH
"""The mode of a folder such as /tmp, in which any user can make links, but not remove others'."""
_DESCRIPTORS: Final = re.compile(r"/proc/[^/]+(/task/[^/]+)?/fd")


@dataclass(frozen=True)
class Location:
    """Where a path leads.

    Attributes:
        path: The path without symbolic links.
        old: The status of what is there; None if nothing is.
        is_stream: Whether it is written to rather than replaced: a device, a pipe, or an open file.
        is_descriptor: Whether it is a file that a process has open already, as ``/dev/stdout``.
    """

    path: Path
    old: os.stat_result | None
    is_stream: bool
    is_descriptor: bool = False


def locate(path: FilePath) -> Location:
    """Return where a path leads.

    Raises:
        OSError: A folder on the way does not exist or cannot be searched, or too many links are.
        PermissionError: A link of another user is in a folder in which all users can make links.
        IsADirectoryError: The path is a folder.
    """
    if "\0" in os.fspath(path):
        raise OSError(errno.EINVAL, "a path cannot contain a null character")
    here, is_descriptor = _follow(Path(path).absolute())
    try:
        old = here.stat()
    except FileNotFoundError:
        return Location(here, None, is_stream=False)
    if stat.S_ISDIR(old.st_mode):
        raise _error(errno.EISDIR, path)
    is_stream = is_descriptor or not stat.S_ISREG(old.st_mode)
    return Location(here, old, is_stream, is_descriptor)


def check_replaceable(location: Location) -> None:
    """Raise an error if a file is write-protected; a new name for another file would not ask.

    Raises:
        PermissionError: The file is write-protected.
    """
    if location.old is not None and not os.access(location.path, os.W_OK, effective_ids=True):
        raise _error(errno.EACCES, location.path)


def _follow(path: Path) -> tuple[Path, bool]:
    """Return a path without links, and whether it names an open file of a process."""
    for _ in range(_MOST_LINKS):
        path.parent.stat()  # so that the system checks the links on the way
        folder = os.path.realpath(path.parent)
        path = Path(folder, path.name)
        if _DESCRIPTORS.fullmatch(folder):
            return path, True
        if not path.is_symlink():
            return path, False
        _check_link(path)
        path = Path(folder, path.readlink())
    raise _error(errno.ELOOP, path)


def _check_link(path: Path) -> None:
    """Check a link as Linux does (fs.protected_symlinks), which does not see that it is followed.

    Otherwise another user could choose the file that is overwritten.
    """
    folder, owner = path.parent.stat(), path.lstat().st_uid
    if folder.st_mode & _SHARED == _SHARED and owner not in (os.geteuid(), folder.st_uid):
        reason = "another user's symbolic link, in a folder to which all can write; name the file"
        raise OSError(errno.EACCES, reason, os.fspath(path))


def _error(number: int, path: FilePath) -> OSError:
    return OSError(number, os.strerror(number), os.fspath(path))
