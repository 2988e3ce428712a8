"""The memory that this process may take: the machine's, or less by a limit of the system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_PROCESS: Final = Path("/proc/self")

_LIMITS: Final = {"cgroup2": "memory.max", "cgroup": "memory.limit_in_bytes"}
"""The file with the limit of a control group, by the kind of its file system."""
_IS_NESTED: Final = "memory.use_hierarchy"
"""The file that contains 0 if a group of the old kind does not limit the groups in it."""

_ESCAPE: Final = re.compile(r"\\([0-7]{3})")
"""A character of a path in the list of mounts, such as a space."""


@cache
def machine_memory() -> int:
    """Return the bytes of memory that this process can have."""
    known = [_limit_of_process(), *control_group_limits()]
    with suppress(ValueError, OSError, AttributeError):  # not on every system
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(size for size in known if size > 0)


def control_group_limits(process: Path = _PROCESS) -> list[int]:
    """Return the limits of a process's control groups and of the groups that they are in.

    Groups of both versions count, in whatever folders they are mounted; see cgroups(7) and
    proc_pid_mountinfo(5).

    Args:
        process: The folder of the process in ``/proc``.
    """
    limits: list[int] = []
    with suppress(OSError, ValueError):  # there are no control groups, or they are unlike these
        groups = dict(_groups((process / "cgroup").read_text(errors="surrogateescape")))
        mounts = (process / "mountinfo").read_text(errors="surrogateescape")
        for kind, root, point in _mounts(mounts):
            if kind in groups:
                for folder in _folders(groups[kind], root, point):
                    limits += _limit(folder / _LIMITS[kind])
    return limits


def _groups(text: str) -> Iterator[tuple[str, str]]:
    """Yield the group of a process that limits memory, for each kind of file system."""
    for line in filter(None, text.split("\n")):
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _mounts(text: str) -> Iterator[tuple[str, str, Path]]:
    """Yield the kind of each mounted tree of groups, its topmost group, and where it is."""
    for line in filter(None, text.split("\n")):
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            root, point = (_unescaped(each) for each in mount.split(" ")[3:5])
            yield kind, root, Path(point)


def _folders(group: str, root: str, point: Path) -> Iterator[Path]:
    """Yield the folders of a group and of those around it, as far as they are mounted.

    A group outside of the mounted tree, as in a container, has none: the topmost one stands for it.
    """
    inside = os.path.relpath(group, root)
    folder = point if inside.startswith("..") else point / inside
    yield folder
    while folder != point:
        folder = folder.parent
        if _is_alone(folder):
            return
        yield folder


def _is_alone(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / _IS_NESTED).read_text().strip() == "0"
    return False


def _limit(file: Path) -> list[int]:
    """Return the limit in a file; empty if there is none."""
    with suppress(ValueError, OSError):
        return [int(file.read_text())]
    return []


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _limit_of_process() -> int:
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on every system

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            return int(soft)
    return 1 << 62
