"""Temporary files next to the files that they will replace."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final

from numlean.files.locations import FilePath, Location, locate

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_NAME: Final = 200
"""Bytes of the longest name that a temporary file repeats; file systems allow about 255."""
_SECRET: Final = 8
"""Random bytes in a name: nobody can create the file, or a link of its name, in advance."""
_ENDING: Final = re.compile(r"\.([0-9]{1,9})(\.[0-9a-f]{16})?\.partial")
"""The end of a name, with the process; numlean 0.1 had no random part."""


def create_partial(location: Location) -> tuple[Path, int]:
    """Create a temporary file for the file at a location; return its path and descriptor.

    Its name contains this process and 64 random bits, and it must not exist yet, not even as a
    symbolic link. It has the permissions of the file that it will replace, and as far as possible
    its owner and group; a new file has those that the umask leaves.

    Raises:
        OSError: The file cannot be created.
    """
    name = f"{_prefix(location.path)}.{os.getpid()}.{os.urandom(_SECRET).hex()}.partial"
    path = location.path.with_name(name)
    descriptor = os.open(path, _FLAGS, 0o666 if location.old is None else 0o600)
    if location.old is not None:
        try:
            _copy_permissions(location.old, descriptor)
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            remove_partial(path)
            raise
    return path, descriptor


def remove_partial(path: Path) -> None:
    """Remove a temporary file, if that is possible."""
    with suppress(OSError):
        path.unlink()


def remove_stale_partials(path: FilePath) -> None:
    """Remove temporary files of processes that were killed while they wrote ``path``."""
    with suppress(OSError):  # the folder may not be readable
        target = locate(path).path
        for partial in target.parent.glob(f"{escape(_prefix(target))}.*.partial"):
            found = _ENDING.fullmatch(partial.name.removeprefix(_prefix(target)))
            if found and not _is_alive(int(found[1])):
                remove_partial(partial)


def _prefix(target: Path) -> str:
    name = os.fsencode(target.name)
    is_long = len(name) > _LONGEST_NAME
    return "." + (hashlib.sha256(name).hexdigest() if is_long else target.name)


def _copy_permissions(old: os.stat_result, descriptor: int) -> None:
    """Give a new file the owner, group and permissions of an old one.

    If the new file cannot have the old group, members of its group may do only what all may.
    """
    mode = stat.S_IMODE(old.st_mode) & 0o777
    for owner in (old.st_uid, -1):
        with suppress(OSError):
            os.fchown(descriptor, owner, old.st_gid)
            break
    new = os.fstat(descriptor)
    if new.st_gid != old.st_gid:
        mode &= ~0o070 | (mode & 0o007) << 3
    if stat.S_IMODE(new.st_mode) != mode:
        os.fchmod(descriptor, mode)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
