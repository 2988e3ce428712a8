"""Translation of errors of CUDA's driver and libraries into one-line messages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from numba import cuda

from numlean_kernels.protocol import DeviceFailedError

P = ParamSpec("P")
R = TypeVar("R")

_CUDA_MODULES: Final = ("cuda.", "numba.cuda.cudadrv.")
"""Modules whose errors are CUDA's."""

_DRIVER_ERROR: Final = "CUDA_ERROR"
"""Part of the text of every error of the driver."""

_DEFERRED_CLEANUP: Final = ExitStack()


def translate_driver_errors(call: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose CUDA errors are translated.

    Raises:
        MemoryError: The memory of the device is full.
        DeviceFailedError: CUDA reports any other error.
    """

    @wraps(call)
    def translated(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return call(*arguments, **options)
        except Exception as error:
            if not type(error).__module__.startswith(_CUDA_MODULES):
                raise
            line = str(error).strip().split("\n", 1)[0]
            if is_out_of_memory(error):
                raise MemoryError(
                    f"device cuda: out of memory ({line}); use a smaller batch or model, or pass"
                    " --device cpu"
                ) from None
            if _DRIVER_ERROR not in line:  # an error of a compiler or linker
                raise DeviceFailedError(f"device cuda: CUDA reports: {line}") from error
            _defer_cleanup()
            raise DeviceFailedError(
                f"device cuda: CUDA reports: {line}; this process may no longer be able to use the"
                " GPU: start a new one, with --resume if there is a checkpoint, or run"
                " `numlean doctor`"
            ) from error

    return translated


def _defer_cleanup() -> None:
    """Stop numba from freeing memory at exit, which would fail and report each array."""
    with suppress(Exception):  # there may be no context
        _DEFERRED_CLEANUP.enter_context(cuda.defer_cleanup())


def is_out_of_memory(error: Any) -> bool:
    """Return whether CUDA reports that memory is full."""
    return "OUT_OF_MEMORY" in str(error)
