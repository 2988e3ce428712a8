"""The folders of the cache: where they are, who may write to them, and their files.

The cache keeps the machine code of kernels and tables of constants, and imports nothing of numba.
Machine code is executed, so a file is read only from a folder that nobody but the user and root can
write to, and only if the same holds for the file. New folders and files belong to the user alone.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from numlean_kernels.cache_files.entry import DamagedError

VARIABLE: Final = "NUMBA_CACHE_DIR"
"""The environment variable that names the folder in which the cache has its own."""

OWN_FOLDER: Final = f"set {VARIABLE} to a folder of your own"

KERNEL: Final = ".nbc"
TABLE: Final = ".words"
"""The endings of files of kernels, and of tables."""

_PARTIAL: Final = ".partial"
_LARGEST: Final = 1 << 28
_OPEN: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _OPEN
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN
_DAY: Final = 86_400
_LONG: Final = 200


_USERS: Final = {
    "win32": ("LOCALAPPDATA", "AppData/Local", "numlean/Cache"),
    "darwin": ("", "Library/Caches", "numlean"),
}.get(sys.platform, ("XDG_CACHE_HOME", ".cache", "numlean"))
"""The variable that names the user's folder of caches, where it is in the home, and the part of it
that is the cache's."""


class RefusedError(Exception):
    """Others could change what a folder contains. The message is the reason and what to do."""


class Place(Enum):
    """The reason for which a folder is one of the cache."""

    NAMED = "in the folder that NUMBA_CACHE_DIR names"
    INSTALLED = "next to the sources, which another user may have installed"
    USERS = "in the user's folder of caches"


@dataclass(frozen=True)
class Folder:
    """A folder of the cache, which may not exist yet.

    Attributes:
        path: The folder.
        place: The reason for which it is one.
    """

    path: Path
    place: Place

    def check(self) -> None:
        """Check that only the user and root can change the content.

        Raises:
            RefusedError: Others can.
            OSError: The folder does not exist, or cannot be inspected.
        """
        if self.place is Place.NAMED:
            _check_parent(self.path.parent)
        found = self.path.lstat()
        shown = show(self.path)
        if stat.S_ISLNK(found.st_mode):
            raise RefusedError(f"{shown} is a symbolic link; set {VARIABLE} to a folder itself")
        if not stat.S_ISDIR(found.st_mode):
            raise RefusedError(f"{shown} is not a folder; remove it")
        if not _is_trusted(found.st_uid):
            raise RefusedError(f"{shown} belongs to {_user(found.st_uid)}; {OWN_FOLDER}")
        if _is_open_to_others(found):
            raise RefusedError(f"others can write to {shown}; delete it, so that it is made anew")

    @property
    def is_another_users(self) -> bool:
        """Whether it belongs to the user who installed the sources, so that it is not refused."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        return self.place is Place.INSTALLED and not _is_trusted(found.st_uid)

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file; None if it is missing or the user may not read it.

        Raises:
            DamagedError: It is not a file that only the user and root can write to.
            RefusedError: Others can change the content of the folder.
        """
        try:
            self.check()
        except OSError:
            return None
        try:
            file = os.open(self.path / name, _READ)
        except (FileNotFoundError, PermissionError):
            return None
        except OSError as error:
            raise DamagedError(f"it cannot be opened: {error.strerror}") from None
        try:
            _check_file(os.fstat(file))
            with os.fdopen(file, "rb", closefd=False) as opened:
                return opened.read()
        except OSError as error:
            raise DamagedError(f"it cannot be read: {error.strerror}") from None
        finally:
            os.close(file)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or replace it: it is complete, or not there.

        Raises:
            RefusedError: Others can change the content of the folder.
            OSError: The folder or the file cannot be written.
        """
        self._make()
        self.check()
        partial = self.path / f".{secrets.token_hex(8)}{_PARTIAL}"
        try:
            with os.fdopen(os.open(partial, _CREATE, 0o600), "wb") as file:
                file.write(content)
            _replace(partial, self.path / name)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise

    def names(self) -> list[str]:
        """Return the names of the files of kernels.

        Raises:
            OSError: The folder cannot be read.
        """
        return sorted(path.name for path in self.path.iterdir() if path.suffix == KERNEL)

    def remove_stale_partials(self) -> None:
        """Remove what processes left that were killed while they wrote, a day ago or earlier."""
        limit = time.time() - _DAY
        with suppress(OSError):
            for path in self.path.glob(f"*{_PARTIAL}"):
                if path.lstat().st_mtime < limit:
                    path.unlink()

    def _make(self) -> None:
        if not os.path.lexists(self.path):
            mode = 0o777 if self.place is Place.INSTALLED else 0o700
            for parent in reversed(self.path.parents):
                if not os.path.lexists(parent):
                    parent.mkdir(mode, exist_ok=True)
            self.path.mkdir(0o700, exist_ok=True)


def folders() -> Iterator[Folder]:
    """Yield the folders in which files are looked up, and into the first of which they are saved.

    Unless ``NUMBA_CACHE_DIR`` names one, they are a folder next to the sources, and the user's. The
    variable is read from the environment only: numba also takes it from a file in the working
    directory, which can be someone else's.
    """
    named = os.environ.get(VARIABLE)
    if named:
        yield Folder(Path(named).absolute() / "numlean", Place.NAMED)
        return
    yield Folder(Path(__file__).parents[1] / "__pycache__" / "kernels", Place.INSTALLED)
    users = _users_folder()
    if users is not None:
        yield Folder(users, Place.USERS)


def _users_folder() -> Path | None:
    """Return the folder in the user's folder of caches; None if the user has no home."""
    variable, usual, own = _USERS
    chosen = Path(os.environ.get(variable, ""))  # counts only if it is an absolute path
    try:
        caches = chosen if chosen.is_absolute() else Path.home() / usual
    except RuntimeError:
        return None
    return caches / own if caches.is_absolute() else None


def file_name(label: str, digest: str, ending: str) -> str:
    """Return the name of a file: a label for readers, and a digest of the key."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in label)
    return f"{plain[:100]}.{digest}{ending}"


def show(path: Path) -> str:
    """Return a path as a message shows it: control characters escaped, the middle left out."""
    shown = repr(str(path))[1:-1]
    return shown if len(shown) <= _LONG else f"{shown[: _LONG // 2]}...{shown[-_LONG // 2 :]}"


def _check_parent(path: Path) -> None:
    """Check a folder in which the cache has its own; others may write to it if it is like /tmp."""
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise RefusedError(f"{show(path)} is not a folder; {OWN_FOLDER}")
    if not _is_trusted(found.st_uid):
        raise RefusedError(f"{show(path)} belongs to {_user(found.st_uid)}; {OWN_FOLDER}")
    if _is_open_to_others(found) and not found.st_mode & stat.S_ISVTX:
        raise RefusedError(
            f"others can write to {show(path)}; run chmod go-w on it, or {OWN_FOLDER}"
        )


def _check_file(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise DamagedError("it is not a regular file")
    if not _is_trusted(found.st_uid):
        raise DamagedError(f"it belongs to {_user(found.st_uid)}")
    if _is_open_to_others(found):
        raise DamagedError("others can write to it")
    if found.st_size > _LARGEST:
        raise DamagedError(f"it has {found.st_size} bytes, more than any kernel")


def _is_trusted(owner: int) -> bool:
    return not hasattr(os, "geteuid") or owner in (0, os.geteuid())


def _is_open_to_others(found: os.stat_result) -> bool:
    """Return whether group or others can write. Windows has no such modes."""
    return hasattr(os, "geteuid") and bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _user(number: int) -> str:
    import pwd  # Unix only

    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user number {number}"


def _replace(partial: Path, path: Path) -> None:
    try:
        partial.replace(path)
    except IsADirectoryError:
        path.rmdir()  # fails unless it is empty
        partial.replace(path)
