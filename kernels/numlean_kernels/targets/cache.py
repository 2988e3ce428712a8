"""numba's cache on disk, keyed by what a function does.

numba keys the cache of a closure by a pickle of what it closes over, which differs from process to
process, so a kernel made by a factory is compiled anew every time. Here the key is what the kernel
*is*: a name that says it all, and the fingerprint of all that it is made of, so that an edit of a
routine is noticed as well, and an edit of anything else is not.

Two more things that numba leaves open would have one kernel silently run in another's place:

- It names machine code by the function's qualified name and a count of the functions compiled in
  the process. Kernels of one factory, compiled in two processes and loaded into a third, may have
  one name, and who calls by it gets whichever was loaded first or last. Here a digest of the
  key is part of the name.
- It numbers the files of a cache, so that two processes which compile at once may write different
  kernels into one file. Here a file is named by the digest of its key, and by no line number.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

from numlean_kernels.targets.fingerprint import UnknownContentError, fingerprint, told


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one compiled function."""

    def __init__(self, function: Callable[..., None], key: str) -> None:
        super().__init__(function)
        self._key = key
        self._cache_file = _File(self._cache_path, file_name(function), b"")

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return signature, codegen.magic_tuple(), self._key


class FilesByKey:
    """A file for each key, written at once: nothing is shared that two processes could mix up.

    To be mixed into numba's class of cache files, which has the attributes.
    """

    _index_name: str
    _save_data: Callable[[str, Any], None]
    _load_data: Callable[[str], Any]

    def save(self, key: Any, data: Any) -> None:
        """Keep data under a key."""
        self._save_data(self._name_of(key), data)

    def load(self, key: Any) -> Any:
        """What was kept under a key, or None."""
        try:
            return self._load_data(self._name_of(key))
        except OSError:
            return None

    def _name_of(self, key: Any) -> str:
        return str(self._index_name.removesuffix(".nbi")) + f".{_digest(repr(key))}.nbc"


class _File(FilesByKey, IndexDataCacheFile):  # type: ignore[misc]
    """Numba's own way to write what it makes."""


def enable_disk_cache(
    compiled: Any,
    function: Callable[..., None],
    key: str,
    kind: Callable[[Callable[..., None], str], Any] = KernelCache,
) -> None:
    """Have what numba makes of a function kept for later processes, under its full key.

    To be called before anything is made of it: the key becomes part of its name.
    """
    try:
        full = full_key(compiled, function, key)
    except UnknownContentError as error:
        function.__qualname__ += f".{_digest(key)}"
        _warn(f"the kernel {key} is not kept for the next run: {error}")
        return
    function.__qualname__ += f".{_digest(full)}"
    try:
        compiled._cache = kind(function, full)
    except RuntimeError as error:
        _warn(
            f"compiled kernels cannot be kept for the next run ({error}): set NUMBA_CACHE_DIR to a"
            " folder that can be written to"
        )


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)


def cache_dir() -> str:
    """Where compiled loops are kept; a line that says why, if nowhere."""
    from numlean_kernels.loops import gather_scatter

    try:
        return str(FunctionCache(gather_scatter.COPY.make).cache_path)
    except RuntimeError as error:
        return f"nowhere ({error})"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def full_key(compiled: Any, function: Callable[..., None], key: str) -> str:
    """Return what a kernel is, and what it is made of and with.

    Raises:
        UnknownContentError: It refers to what no digest can be made of.
    """
    return f"{key} {fingerprint(function, told(compiled))}"


def file_name(function: Callable[..., None]) -> str:
    """Return what the files of a function's cache are called, but for their keys."""
    return f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")


@cache
def source_hash() -> str:
    """Return a hash of every source file of this package. No kernel's key holds it."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
