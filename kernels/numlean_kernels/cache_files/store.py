"""Entries of one kind, found in the folders of the cache and saved there.

A cache that cannot be used costs time, never a run: each reason is one warning. An entry that is
damaged is made again and replaced.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from numlean_kernels.cache_files.entry import DamagedError, content_of, pack
from numlean_kernels.cache_files.folder import OWN_FOLDER, Folder, RefusedError, folders, show

Made = TypeVar("Made")
Log = Callable[[str, Path], object]


def _log_nothing(event: str, path: Path) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class Store:
    """Reads and writes the entries of one kind.

    Attributes:
        kind: What an entry is called.
        several: What entries are called.
        verb: How one is made; the past tense adds a d.
    """

    kind: str
    several: str
    verb: str

    def load(
        self,
        name: str,
        key: str,
        rebuild: Callable[[bytes], Made],
        log: Log = _log_nothing,
    ) -> Made | None:
        """Return what a file contains; None if there is none that can be used.

        Args:
            name: The name of the file.
            key: What it must contain.
            rebuild: Makes the result from the content; any error counts as damage.
            log: Called with an event and the file.
        """
        for folder in folders():
            try:
                raw = folder.read(name)
                if raw is None:
                    continue
                found = _rebuilt(rebuild, content_of(raw, key))
            except RefusedError as error:
                if not folder.is_another_users:
                    _warn_refused(error)
            except DamagedError as error:
                self._warn_damaged(folder.path / name, error)
            else:
                log("data loaded from", folder.path / name)
                return found
        return None

    def save(self, name: str, key: str, content: bytes, log: Log = _log_nothing) -> None:
        """Write a file into the first folder that can be written."""
        packed = pack(key, content)
        report = partial(warn_once, f"{self.several} are not saved; {OWN_FOLDER}")
        for folder in folders():
            try:
                folder.write(name, packed)
            except RefusedError as error:
                report = partial(_warn_refused, error)
            except OSError as error:
                report = partial(self._warn_unsaved, folder, error)
            else:
                _remove_stale_partials(folder)
                log("data saved to", folder.path / name)
                return
        report()

    def _warn_damaged(self, path: Path, error: DamagedError) -> None:
        reason = show(Path(str(error)))
        warn_once(
            f"the cached {self.kind} {show(path)} is {self.verb}d again and replaced, because"
            f" {reason}"
        )

    def _warn_unsaved(self, folder: Folder, error: OSError) -> None:
        warn_once(
            f"{self.several} are not saved, so each process {self.verb}s them again:"
            f" {show(folder.path)}: {error.strerror}; make room, or {OWN_FOLDER}"
        )


def _rebuilt(rebuild: Callable[[bytes], Made], content: bytes) -> Made:
    try:
        return rebuild(content)
    except Exception as error:  # the content is what was saved, but does not fit
        raise DamagedError(f"it cannot be loaded: {type(error).__name__}: {error}") from error


def _warn_refused(error: RefusedError) -> None:
    warn_once(f"the cache of compiled kernels is not used: {error}")


@cache
def _remove_stale_partials(folder: Folder) -> None:
    """Remove stale files, once a process."""
    folder.remove_stale_partials()


@cache
def warn_once(message: str) -> None:
    """Warn, once a process."""
    warnings.warn(message, RuntimeWarning, stacklevel=2)
