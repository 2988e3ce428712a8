"""The state of the cache, for people."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from numlean_kernels.cache_files.entry import DamagedError, unpack
from numlean_kernels.cache_files.folder import Folder, RefusedError, folders, show


def cached_kernels() -> frozenset[str]:
    """Return the names of all files of compiled kernels that can be read."""
    names: set[str] = set()
    for folder in folders():
        with suppress(OSError):
            names.update(folder.names())
    return frozenset(names)


def describe_cache() -> str:
    """Return the folders of compiled kernels and their state: one line.

    Every file is read, and its hash checked.
    """
    return "; ".join(map(_describe, folders())) or "no folder: the user has no home"


def _describe(folder: Folder) -> str:
    try:
        folder.check()
        names = folder.names()
    except FileNotFoundError:
        return f"{show(folder.path)} (does not exist yet)"
    except RefusedError as error:
        return f"{show(folder.path)} (not used: {error})"
    except OSError as error:
        return f"{show(folder.path)} (not used: {error.strerror})"
    return f"{show(folder.path)} ({', '.join(_facts(folder, names))})"


def _facts(folder: Folder, names: list[str]) -> list[str]:
    size = damaged = 0
    for name in names:
        try:
            raw = folder.read(name) or b""
            size += len(raw)
            unpack(raw)
        except DamagedError:
            damaged += 1
    facts = [f"{len(names)} kernels", f"{size / 1e6:.1f} MB"]
    if damaged:
        facts.append(f"{damaged} damaged, to be compiled again when they are used")
    if not os.access(folder.path, os.W_OK):
        facts.append("cannot be written")
    elif shutil.disk_usage(folder.path).free == 0:
        facts.append("the disk is full")
    return facts
