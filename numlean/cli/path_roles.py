"""The files that each command reads and writes, and the check that no file has two roles.

``PATHS`` lists every option and argument of every command that names a file. The check is made
before a command starts: afterwards, one of two outputs would be lost, or an input overwritten.
"""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

from numlean.errors import NumleanError
from numlean.files.suffixes import POLICY_SUFFIX

ARRAY_SUFFIX: Final = ".npy"
"""``--target`` names a file if it has this suffix; else a column or a key."""

PAGE_SUFFIXES: Final = (".html", ".htm")
"""``compare --out`` names a page if it has one of these suffixes; else a folder."""

PAGE: Final = "report.html"
RECORDS: Final = "records.jsonl"
"""The files in the folder that ``compare --out`` names."""


class Role(Enum):
    """What a command does with a file."""

    INPUT = "read"
    OUTPUT = "written"
    UPDATED = "read, and then written"


@dataclass(frozen=True)
class PathOption:
    """An option or argument that names a file.

    Attributes:
        name: The option, or the placeholder of an argument.
        role: What the command does with the file.
        only: The suffixes with which the value names a file; empty if it always does.
        files: The files that are written if the value names a folder instead; empty if it cannot.
        pages: The suffixes with which the value does not name a folder.
        more: The names of further values among the parsed arguments.
        is_list: Whether a value is a list of runs, of which some name files.
    """

    name: str
    role: Role
    only: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    is_list: bool = False

    @property
    def dests(self) -> tuple[str, ...]:
        """The names of the values among the parsed arguments."""
        own = "files" if self.name == "FILE" else self.name.lstrip("-").replace("-", "_").lower()
        return own, *self.more

    def paths(self, value: object) -> Iterator[str]:
        """Yield the files that a value names."""
        if self.is_list and isinstance(value, str):
            value = [*_policy_files(value)]
        for each in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(each, str) or (self.only and _suffix(each) not in self.only):
                continue
            if self.files and _suffix(each) not in self.pages:
                yield from (str(Path(each) / file) for file in self.files)
            else:
                yield each


def _policy_files(text: str) -> Iterator[str]:
    """Yield the files in a list of runs such as ``tf32,policy:a.toml:python``."""
    # Imported here because few commands need it, and it imports numpy.
    from numlean.scalar.dtype import split_dtype_list

    for item in split_dtype_list(text):
        path, suffix, _ = item.removeprefix("policy:").partition(f"{POLICY_SUFFIX}:")
        yield path + suffix.rstrip(":")


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


_DATA: Final = (
    PathOption("--data", Role.INPUT),
    PathOption("--test-data", Role.INPUT),
    PathOption("--target", Role.INPUT, only=(ARRAY_SUFFIX,), more=("more_targets",)),
    PathOption("--text", Role.INPUT),
)
_POLICY: Final = PathOption("--policy", Role.INPUT, only=(POLICY_SUFFIX,))
_TABLE: Final = (*_DATA, PathOption("--weights", Role.INPUT))

PATHS: Final[dict[str, tuple[PathOption, ...]]] = {
    "train": (
        *_TABLE,
        _POLICY,
        PathOption("--resume", Role.INPUT),
        PathOption("--save", Role.OUTPUT),
        PathOption("--certificate", Role.UPDATED),
        PathOption("--log", Role.OUTPUT),
        PathOption("--plot", Role.OUTPUT),
    ),
    "crosscheck": (*_TABLE, PathOption("--out", Role.OUTPUT)),
    "compare": (
        *_TABLE,
        PathOption("--policies", Role.INPUT, only=(POLICY_SUFFIX,), more=("dtypes",), is_list=True),
        PathOption("--out", Role.OUTPUT, files=(PAGE, RECORDS), pages=PAGE_SUFFIXES),
        PathOption("--jsonl", Role.OUTPUT),
    ),
    "ablate": (
        *_TABLE,
        _POLICY,
        PathOption("--out", Role.OUTPUT, files=(PAGE, RECORDS), pages=PAGE_SUFFIXES),
        PathOption("--jsonl", Role.OUTPUT),
    ),
    "sweep": (
        PathOption("SPEC_FILE", Role.INPUT),
        PathOption("--out", Role.OUTPUT, only=PAGE_SUFFIXES),
    ),
    "bench": (PathOption("--out", Role.OUTPUT),),
    "compare-units": (PathOption("--out", Role.OUTPUT),),
    "record-unit": (
        PathOption("VECTOR_FILE", Role.INPUT),
        PathOption("--out", Role.OUTPUT),
        PathOption("--ptx", Role.OUTPUT),
    ),
    "replay": (*_DATA, _POLICY, PathOption("FILE", Role.INPUT)),
    "export": (PathOption("CHECKPOINT", Role.INPUT), PathOption("OUT", Role.OUTPUT)),
    "vectors": (PathOption("--out", Role.OUTPUT), PathOption("--check", Role.INPUT)),
    "verify certificates": (*_DATA, PathOption("FILE", Role.INPUT)),
    "verify checkpoints": (_POLICY,),
    "verify matrix-unit": (PathOption("--against", Role.INPUT),),
    "verify elementary": (PathOption("--resume", Role.UPDATED),),
}
"""The files of each command that has any."""

_MAY_BE_ONE: Final = {("--resume", "--save")}
"""A resumed run may replace its checkpoint, which is read before."""


_STREAMS: Final = {"standard output": 1, "standard error": 2}

Identity: TypeAlias = tuple[int, int, str]
"""The device and the number of a file; or those of its folder, and its name, if it is new."""


@dataclass(frozen=True)
class _Use:
    """A file that a command uses; a stream has no path."""

    name: str
    path: str
    role: Role

    def __str__(self) -> str:
        return f"{self.name} {self.path}".rstrip()


def check_path_roles(command: str, arguments: argparse.Namespace) -> None:
    """Check that no file which a command writes has another role in it.

    Files are compared as the system does: neither links nor spellings such as ``../x`` hide that
    two paths lead to one file. Standard output and standard error count if they are redirected to a
    file. The null device may have any number of roles.

    Raises:
        NumleanError: A file has two roles.
    """
    seen: dict[Identity, _Use] = {}
    for use in _uses(command, arguments):
        identity = file_identity(use.path)
        if identity is not None:
            _check_pair(seen.get(identity), use)
            # A file that is written conflicts with all others, so it is the one to remember.
            if identity not in seen or use.role is not Role.INPUT:
                seen[identity] = use
    for name, number in _STREAMS.items():
        identity = _redirected_to(number)
        if identity is not None:
            _check_pair(seen.get(identity), _Use(name, "", Role.OUTPUT))


def _uses(command: str, arguments: argparse.Namespace) -> Iterator[_Use]:
    for option in PATHS.get(command, ()):
        for dest in option.dests:
            for path in option.paths(getattr(arguments, dest, None)):
                yield _Use(option.name, path, option.role)


def _check_pair(one: _Use | None, other: _Use) -> None:
    if one is None or one.role is Role.INPUT is other.role:
        return
    if (one.name, other.name) in _MAY_BE_ONE:
        return
    read = next((use for use in (one, other) if use.role is Role.INPUT), None)
    lost = "one would overwrite the other" if read is None else f"{read.name} would be overwritten"
    raise NumleanError(f"{one} and {other} are the same file, so {lost}; name another file")


def file_identity(path: str) -> Identity | None:
    """Return what identifies the file to which a path leads; the file need not exist.

    None for the null device, and for a path that leads nowhere.
    """
    try:
        found = os.stat(path)  # noqa: PTH116, since Path changes the empty path
    except (OSError, ValueError):
        return _identity_of_new(path)
    return None if _is_null_device(found) else (found.st_dev, found.st_ino, "")


def _identity_of_new(path: str) -> Identity | None:
    try:
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return None
    for folder in real.parents:  # the nearest one that exists: the others may be made
        with suppress(OSError, ValueError):
            found = folder.stat()
            return found.st_dev, found.st_ino, str(real.relative_to(folder))
    return None


def _redirected_to(descriptor: int) -> Identity | None:
    """Return the identity of the regular file that a stream is redirected to; None without one."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, "") if stat.S_ISREG(found.st_mode) else None


def _is_null_device(found: os.stat_result) -> bool:
    try:
        return stat.S_ISCHR(found.st_mode) and found.st_rdev == Path(os.devnull).stat().st_rdev
    except OSError:
        return False
