"""The CPU: routines and loops compiled by numba, kernels cached on disk.

numba keys the cache of a closure by a pickle of what it closes over, which differs from process to
process, so a kernel made by a factory is compiled anew every time. Here the key is what the kernel
*is*: the loop's name, the table's identity, and a hash of this package's sources, so that an edit
of a routine is noticed as well.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from numba import njit
from numba.core.caching import FunctionCache

from numlean_kernels.targets.numba_words import (
    ENCODING_OF,
    REAL_OF,
    SIGNED,
    UNSIGNED,
    count_leading_zeros,
    fused_multiply_add,
    high_product,
)
from numlean_kernels.targets.protocol import Launch, Loop, Routine, Table, Target


@final
class CpuTarget(Target):
    """Runs kernels on the CPU."""

    name = "cpu"
    hardware_fma = fused_multiply_add

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Numpy's unsigned integer of that width, which numba knows."""
        return UNSIGNED[bits]

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Numpy's signed integer of that width, which numba knows."""
        return SIGNED[bits]

    def clz(self, bits: int) -> Routine:
        """LLVM's ctlz."""
        return count_leading_zeros  # type: ignore[no-any-return]

    def high_product(self, bits: int) -> Routine:
        """LLVM's product of integers of twice the width, shifted: one instruction."""
        return high_product  # type: ignore[no-any-return]

    def encoding_of(self, width: int) -> Routine:
        """LLVM's bitcast."""
        return ENCODING_OF[width]

    def real_of(self, width: int) -> Routine:
        """LLVM's bitcast."""
        return REAL_OF[width]

    def routine(self, function: Routine) -> Routine:
        """Compile a routine. Always inlined: a call in a loop's body keeps it from vector code."""
        # Division by zero is arithmetic here, not an exception.
        return njit(error_model="numpy", forceinline=True)(function)  # type: ignore[no-any-return]

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Compile a loop for the arrays it is called with, or load it from the cache."""
        run = njit(error_model="numpy", nogil=True)(loop.make(table))
        identity = f"{loop.name} {table.identity} {source_hash()}"
        try:
            run._cache = _KernelCache(run.py_func, identity)
        except RuntimeError as error:
            warnings.warn(
                f"compiled kernels cannot be kept for the next run ({error}): set NUMBA_CACHE_DIR"
                " to a folder that can be written to",
                RuntimeWarning,
                stacklevel=2,
            )

        def launch(domain: tuple[int, ...], *arrays: np.ndarray[Any, Any]) -> None:
            # Unsigned, so that numba need not look for negative indices in the loop.
            bounds = [np.uint64(bound) for extent in domain for bound in (0, extent)]
            run(*bounds, *arrays)

        return launch


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of compiled functions, keyed by a name for what the function does."""

    def __init__(self, function: Callable[..., None], identity: str) -> None:
        super().__init__(function)
        self._identity = identity

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return signature, codegen.magic_tuple(), self._identity


@cache
def source_hash() -> str:
    """A hash of every source file of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


CPU = CpuTarget()
