"""The versions that decide bits, compared between this process and the workers of a cluster."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from typing import Final, TypeAlias

from numlean.errors import NumleanError
from numlean.version import version_of

Versions: TypeAlias = Mapping[str, str]
"""A version, or "not installed", by the name of a package; Python's under ``python``."""

_PACKAGES: Final = ("numlean", "numba")
_MISSING: Final = "not installed"


class WorkerVersionError(NumleanError):
    """A worker has another version of numlean, numba or Python.

    Attributes:
        worker: The worker's address.
    """

    def __init__(self, text: str, worker: str = "") -> None:
        super().__init__(text)
        self.worker = worker


@cache
def versions_here() -> Versions:
    """Return the versions of this process."""
    return {
        "python": platform.python_version(),
        **{name: version_of(name) or _MISSING for name in _PACKAGES},
    }


def check_versions(worker: str, theirs: Versions, ours: Versions) -> None:
    """Check that a worker has the versions of the process that uses it.

    Args:
        worker: The worker's address, for the message.
        theirs: The worker's versions.
        ours: The versions of the process that uses it.

    Raises:
        WorkerVersionError: One differs; the message names worker, package and both versions.
    """
    for name, own in ours.items():
        found = theirs.get(name, _MISSING)
        if found != own:
            text = (
                f"worker {worker} has {name} {found}, and this process has {name} {own}: install"
                f" {name} {own} there, since other versions may give other bits"
            )
            raise WorkerVersionError(text, worker)
