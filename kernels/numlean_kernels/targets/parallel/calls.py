"""Calls of one compiled function with several lists of arguments, by several threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from numlean_kernels.targets.native_calls import Outcome, array_words, caller
from numlean_kernels.targets.parallel.pool import POOL
from numlean_kernels.threads import THREADS


def share_calls(run: Any, calls: Sequence[Sequence[Any]]) -> list[int]:
    """Call a compiled function with each list of arguments; return the results, in order.

    Args:
        run: numba's dispatcher of a function that returns an integer of 64 bits or nothing.
        calls: Numbers of numpy, booleans and arrays in C order, of the same types in each list. No
            call writes what another one reads.

    Raises:
        MemoryError: The function could not get memory.
    """
    if len(calls) == 1:
        return [int(run(*calls[0]) or 0)]
    signature = tuple(map(numba.typeof, calls[0]))
    with global_compiler_lock:
        run.compile(signature)
        code = run.overloads[signature]
        function = code.library.get_pointer_to_function(code.fndesc.llvm_func_name)
    outcome, results = Outcome(), np.zeros(len(calls), np.int64)
    words = [
        [function, results[k:].ctypes.data, outcome.exception, *_words(each), outcome.failure]
        for k, each in enumerate(calls)
    ]
    block = np.array(words, np.uint64)
    addresses = block.ctypes.data + block.strides[0] * np.arange(len(calls), dtype=np.int64)
    POOL.share(THREADS.count, caller(block.shape[1])[0], addresses.ctypes.data, len(calls))
    if outcome.has_failed:
        raise MemoryError(f"out of memory in {run.py_func.__name__}")
    return [int(each) for each in results]


def _words(arguments: Sequence[Any]) -> list[int]:
    words: list[int] = []
    for each in arguments:
        words += array_words(each) if isinstance(each, np.ndarray) else [int(each) % (1 << 64)]
    return words
