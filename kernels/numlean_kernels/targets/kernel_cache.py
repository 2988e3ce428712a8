"""numba's cache on disk, keyed by what a function does.

numba keys the cache of a closure by a pickle of what it closes over, which differs from process to
process, so a kernel made by a factory is compiled anew every time. Here the key is what the kernel
*is*: a name that says it all, and a hash of this package's sources, so that an edit of a routine is
noticed as well.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one compiled function."""

    def __init__(self, function: Callable[..., None], identity: str) -> None:
        super().__init__(function)
        self._identity = f"{identity} {source_hash()}"

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return signature, codegen.magic_tuple(), self._identity


def keep(compiled: Any, function: Callable[..., None], identity: str) -> None:
    """Have what numba makes of a function kept for later processes, under its identity."""
    try:
        compiled._cache = KernelCache(function, identity)
    except RuntimeError as error:
        warnings.warn(
            f"compiled kernels cannot be kept for the next run ({error}): set NUMBA_CACHE_DIR to a"
            " folder that can be written to",
            RuntimeWarning,
            stacklevel=2,
        )


@cache
def source_hash() -> str:
    """A hash of every source file of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
