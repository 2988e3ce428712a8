"""numba's disk cache, keyed by the content of a kernel.

numba keys the cache of a closure by a pickle of its cells, which differs between processes, so a
kernel made by a factory is compiled again in every process. Here the key is the kernel's name and
the fingerprint of its content (:mod:`.fingerprint`): editing a routine recompiles the kernels that
use it, and nothing else.

Two more properties of numba's cache could run one kernel in place of another:

- numba names machine code by the function's qualified name and the number of functions compiled so
  far in the process. Kernels of one factory, compiled in two processes and loaded into a third, can
  have the same name, and a call by name reaches whichever was loaded first or last. Here the
  qualified name contains a digest of the key, and a kernel that calls another compiled function,
  whose name contains none, is not saved: its routines must be inlined.
- numba numbers the files of a cache, so two processes that compile at the same time can write
  different kernels into one file. Here the file name contains a digest of the key.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

from numlean_kernels.targets.fingerprint import UnknownContentError, fingerprint, jit_options


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one compiled function."""

    def __init__(self, function: Callable[..., None], key: str) -> None:
        super().__init__(function)
        self._key = key
        self._cache_file = _File(self._cache_path, file_name(function), b"")

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return signature, codegen.magic_tuple(), self._key

    def save_overload(self, signature: Any, data: Any) -> None:
        """Save the machine code of a kernel, unless it contains other functions."""
        others = _other_functions(data)
        if others:
            _warn(f"the kernel {self._key} is not cached on disk: it calls {others[0]}")
        else:
            super().save_overload(signature, data)


def _other_functions(compiled: Any) -> list[str]:
    """Return the functions that machine code contains besides the kernel and numba's runtime."""
    kernel = compiled.fndesc
    own = {
        kernel.llvm_func_name,
        kernel.llvm_cpython_wrapper_name,
        kernel.llvm_cfunc_wrapper_name,
    }
    names = [function.name for function in compiled.library.get_defined_functions()]
    return [name for name in names if name not in own and not name.startswith("NRT_")]


class FilesByKey:
    """One file for each key, so that processes do not write to the same file.

    Combine it with numba's class of cache files, which provides the attributes.
    """

    _index_name: str
    _save_data: Callable[[str, Any], None]
    _load_data: Callable[[str], Any]

    def save(self, key: Any, data: Any) -> None:
        """Write the data of a key."""
        self._save_data(self._name_of(key), data)

    def load(self, key: Any) -> Any:
        """Return the data of a key, or None."""
        try:
            return self._load_data(self._name_of(key))
        except OSError:
            return None

    def _name_of(self, key: Any) -> str:
        return str(self._index_name.removesuffix(".nbi")) + f".{_digest(repr(key))}.nbc"


class _File(FilesByKey, IndexDataCacheFile):  # type: ignore[misc]
    """Numba's own file format."""


def enable_disk_cache(
    compiled: Any,
    function: Callable[..., None],
    key: str,
    kind: Callable[[Callable[..., None], str], Any] = KernelCache,
) -> None:
    """Keep the machine code of a function on disk for later processes.

    Call it before the function is compiled: a digest of the key becomes part of its name.

    Args:
        compiled: The dispatcher.
        function: The Python function of the dispatcher.
        key: The name of the kernel and of its arithmetic.
        kind: The class of the cache.
    """
    try:
        full = full_key(compiled, function, key)
    except UnknownContentError as error:
        function.__qualname__ += f".{_digest(key)}"
        _warn(f"the kernel {key} is not cached on disk: {error}")
        return
    function.__qualname__ += f".{_digest(full)}"
    try:
        compiled._cache = kind(function, full)
    except RuntimeError as error:
        _warn(
            f"compiled kernels cannot be cached on disk ({error}): set NUMBA_CACHE_DIR to a"
            " writable folder"
        )


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)


def cache_dir() -> str:
    """Return the folder of compiled kernels, or the reason why there is none."""
    from numlean_kernels.loops import gather_scatter

    try:
        return str(FunctionCache(gather_scatter.COPY.make).cache_path)
    except RuntimeError as error:
        return f"nowhere ({error})"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def full_key(compiled: Any, function: Callable[..., None], key: str) -> str:
    """Return the key of a kernel with the fingerprint of its content.

    Raises:
        UnknownContentError: The kernel refers to a value whose content cannot be determined.
    """
    return f"{key} {fingerprint(function, jit_options(compiled))}"


def file_name(function: Callable[..., None]) -> str:
    """Return the names of the files of a function's cache without the digests of keys."""
    return f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")


@cache
def source_hash() -> str:
    """Return a hash of every source file of this package, for records of verification runs."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
