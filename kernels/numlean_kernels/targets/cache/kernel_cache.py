"""The disk cache of a compiled function, keyed by its content.

numba's own cache does not suffice:

- It keys the cache of a closure by a pickle of its cells, which differs between processes, so a
  kernel made by a factory is compiled again in every process. Here the key is the kernel's name and
  the fingerprint of its content (:mod:`..fingerprint`), its argument types, the processor, and the
  settings of numba (:mod:`.settings`), which numba's key lacks: editing a routine recompiles the
  kernels that use it, and nothing else.
- It names machine code by the function's qualified name and the number of functions compiled so far
  in the process. Kernels of one factory, compiled in two processes and loaded into a third, can
  have the same name, and a call by name reaches whichever was loaded first or last. Here the
  qualified name contains a digest of the key, and a kernel that calls another compiled function,
  whose name contains none, is not saved: its routines must be inlined.
- It numbers the files of a cache, so two processes that compile at the same time can write
  different kernels into one file. Here the file name contains a digest of the key.
- It unpickles whatever its files contain. Here a file begins with a hash and its full key
  (:mod:`.entry`), is read only if nobody else can write to it (:mod:`.folder`), and is replaced if
  anything is wrong with it.

A cache that cannot be used costs time, never a run: each reason is one warning.
"""

from __future__ import annotations

import pickle
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

from llvmlite import binding
from numba.core import config
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from numlean_kernels.cache_files.entry import digest
from numlean_kernels.cache_files.folder import KERNEL, file_name, folders
from numlean_kernels.cache_files.store import Store
from numlean_kernels.compilation import COMPILATIONS
from numlean_kernels.targets.cache.settings import machine_code_settings
from numlean_kernels.targets.fingerprint import UnknownContentError, fingerprint, jit_options
from numlean_kernels.targets.numba_start import load_registries, load_runtime

SHARED_PREFIX: Final = "numlean_"
"""The beginning of the names of functions that several kernels define, all alike."""

KERNELS: Final = Store("kernel", "compiled kernels", "compile")


class KernelCache(ABC):
    """The cache of one compiled function, with the methods that numba's dispatchers call.

    Args:
        function: The Python function.
        key: The name of the kernel and the fingerprint of its content.
    """

    def __init__(self, function: Callable[..., Any], key: str) -> None:
        self._label = f"{function.__module__}.{function.__qualname__}"
        self._key = key
        self._is_enabled = True
        self._is_flushed = False

    @abstractmethod
    def obstacle(self, compiled: Any) -> str | None:
        """Return why machine code cannot be saved, or None."""

    @abstractmethod
    def reduce(self, compiled: Any) -> Any:
        """Return machine code as numba serializes it."""

    @abstractmethod
    def rebuild(self, target_context: Any, reduced: Any) -> Any:
        """Return the machine code that :meth:`reduce` described."""

    def prepare(self, target_context: Any) -> None:
        """Load what machine code of a target refers to."""
        target_context.refresh()

    def prepare_compiler(self) -> None:  # noqa: B027 (most have been prepared)
        """Load what a compilation needs besides."""

    @abstractmethod
    def compiler(self) -> str:
        """Return the settings and versions of the compiler that the fingerprint lacks."""

    @property
    def cache_path(self) -> str:
        """The folder in which kernels are looked up first."""
        return str(next(folders()).path)

    def enable(self) -> None:
        """Use the cache."""
        self._is_enabled = True

    def disable(self) -> None:
        """Neither load nor save."""
        self._is_enabled = False

    def flush(self) -> None:
        """Load nothing from now on, so that the next compilation replaces the files."""
        self._is_flushed = True

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the machine code for argument types; None if it is not there, or damaged."""
        began = time.perf_counter()
        found = self._found(signature, target_context)
        COMPILATIONS.loaded(time.perf_counter() - began)
        if found is None:
            self.prepare_compiler()
            COMPILATIONS.start(self._key.rpartition(" ")[0])
        return found

    def _found(self, signature: Any, target_context: Any) -> Any:
        self.prepare(target_context)
        if not self._is_enabled or self._is_flushed:
            return None
        key = self._full_key(signature, target_context.codegen())

        def rebuild(content: bytes) -> Any:
            return self.rebuild(target_context, pickle.loads(content))

        return KERNELS.load(self._file_name(key), key, rebuild, _log)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Save the machine code for argument types, if that is possible."""
        COMPILATIONS.end()
        if not self._is_enabled:
            return
        obstacle = self.obstacle(compiled)
        if obstacle is not None:
            _warn(f"the kernel {self._key} is not cached on disk: {obstacle}")
            return
        key = self._full_key(signature, compiled.codegen)
        KERNELS.save(self._file_name(key), key, dumps(self.reduce(compiled)), _log)

    def _full_key(self, signature: Any, codegen: Any) -> str:
        return f"{self._key} {signature!r} {codegen.magic_tuple()!r} {self.compiler()}"

    def _file_name(self, key: str) -> str:
        return file_name(self._label, digest(key), KERNEL)


@final
class CpuKernelCache(KernelCache):
    """The cache of a function that numba compiles for the CPU."""

    def prepare(self, target_context: Any) -> None:
        """Load numba's runtime, once."""
        load_runtime()

    def prepare_compiler(self) -> None:
        """Load numba's registries, once: what is registered later numba loads itself."""
        load_registries()

    def obstacle(self, compiled: Any) -> str | None:
        """Return why machine code cannot be saved: it refers to something outside of it."""
        others = _other_functions(compiled)
        if others:
            return f"it calls {others[0]}"
        if compiled.library.has_dynamic_globals or compiled.lifted:
            return "it contains addresses of this process, such as those of a large array"
        return None

    def reduce(self, compiled: Any) -> Any:
        """Return the object code and the description of a function."""
        return compiled._reduce()

    def rebuild(self, target_context: Any, reduced: Any) -> Any:
        """Return a function, linked into this process."""
        return CompileResult._rebuild(target_context, *reduced)

    def compiler(self) -> str:
        """Return numba's settings and the version of LLVM."""
        return f"LLVM {binding.llvm_version_info} {machine_code_settings(config, cuda=False)}"


def _other_functions(compiled: Any) -> list[str]:
    """Return the functions that machine code contains besides the kernel and numba's runtime.

    Functions with internal linkage are parts of the kernel, which nothing else can name, and those
    whose names begin with ``SHARED_PREFIX`` are the same in every kernel.
    """
    kernel = compiled.fndesc
    own = {
        kernel.llvm_func_name,
        kernel.llvm_cpython_wrapper_name,
        kernel.llvm_cfunc_wrapper_name,
    }
    functions = compiled.library.get_defined_functions()
    names = [one.name for one in functions if one.linkage is not binding.Linkage.internal]
    return [
        name for name in names if name not in own and not name.startswith(("NRT_", SHARED_PREFIX))
    ]


def enable_disk_cache(
    compiled: Any,
    function: Callable[..., Any],
    key: str,
    kind: Callable[[Callable[..., Any], str], KernelCache] = CpuKernelCache,
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
        full = f"{key} {fingerprint(function, jit_options(compiled))}"
    except UnknownContentError as error:
        function.__qualname__ += f".{digest(key)}"
        _warn(f"the kernel {key} is not cached on disk: {error}")
        return
    function.__qualname__ += f".{digest(full)}"
    compiled._cache = kind(function, full)


def _log(event: str, path: Path) -> None:
    """Print an event if NUMBA_DEBUG_CACHE asks for it, as numba does."""
    if config.DEBUG_CACHE:
        print(f"[cache] {event} {str(path)!r}")


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)
