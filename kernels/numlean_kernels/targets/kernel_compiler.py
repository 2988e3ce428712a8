"""How numba compiles kernels: as any function, but without looking for garbage meanwhile.

A compilation makes some hundred thousand objects that live until it ends. Python would look through
them for garbage again and again, for a tenth of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from numba import njit
from numba.core.compiler import Compiler

from numlean_kernels.targets.cache import enable_disk_cache

_OPTIONS: Final = {"error_model": "numpy", "nogil": True}
"""Division by zero is arithmetic here."""


class KernelCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler of functions, during which no garbage is collected."""

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        """Compile a function and what it calls."""
        with _without_collection():
            return super().compile_extra(function)


def compiled_kernel(function: Callable[..., Any], key: str) -> Any:
    """Return numba's dispatcher of a function, which compiles it or loads it from the disk.

    Args:
        function: The function.
        key: The name of the kernel and of its arithmetic.
    """
    run = njit(**_OPTIONS, pipeline_class=KernelCompiler)(function)
    enable_disk_cache(run, function, key)
    return run


@contextmanager
def _without_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
