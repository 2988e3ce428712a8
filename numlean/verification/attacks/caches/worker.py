"""Run kernels in a process of its own, which a damaged cache may end.

The kernels are made for the attack. The cache in ``NUMBA_CACHE_DIR`` may contain them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

_SIZE: Final = 64


def operand() -> Any:
    """Return the numbers that every kernel is applied to."""
    return np.arange(_SIZE, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def expected(number: int) -> str:
    """Return the result of a kernel, computed by numpy."""
    x = operand()
    return _text((x * np.uint64(2 * number + 1) + np.uint64(number)) ^ (x >> np.uint64(7)))


def result(number: int) -> str:
    """Return the result of a kernel, compiled or from the cache."""
    from numba import njit

    from numlean_kernels.targets.cache import enable_disk_cache

    function = _kernel(np.uint64(2 * number + 1), np.uint64(number))
    run = njit(error_model="numpy")(function)
    enable_disk_cache(run, function, f"attacked kernel {number}")
    z = np.zeros(_SIZE, np.uint64)
    run(operand(), z)
    return _text(z)


def _kernel(factor: Any, term: Any) -> Callable[..., None]:
    shift = np.uint64(7)

    def kernel(x: Any, z: Any) -> None:
        for i in range(x.shape[0]):
            z[i] = (x[i] * factor + term) ^ (x[i] >> shift)

    return kernel


def _text(numbers: Any) -> str:
    return bytes(numbers.tobytes()).hex()


def main(arguments: Sequence[str]) -> None:
    """Print the number and the result of each kernel.

    Args:
        arguments: The numbers, and ``--full`` if no file may grow beyond 4096 bytes, as on a full
            disk.
    """
    if "--full" in arguments:
        import resource  # Unix only

        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))
    for argument in arguments:
        if argument != "--full":
            print(argument, result(int(argument)), flush=True)
