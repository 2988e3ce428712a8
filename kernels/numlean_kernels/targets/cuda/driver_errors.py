"""What CUDA's driver and libraries complain of, in one line each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from numba import cuda

from numlean_kernels.protocol import DeviceFailedError

P = ParamSpec("P")
R = TypeVar("R")

_WHOSE: Final = ("cuda.", "numba.cuda.cudadrv.")
"""Modules whose errors are CUDA's."""

_DRIVER_S: Final = "CUDA_ERROR"
"""In the words of every error of the driver."""

_AFTER_A_FAILURE: Final = ExitStack()


def translate_driver_errors(call: Callable[P, R]) -> Callable[P, R]:
    """A call whose complaints by CUDA are errors of ours.

    Raises:
        MemoryError: There is no room on the device.
        DeviceFailedError: Anything else.
    """

    @wraps(call)
    def careful(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return call(*arguments, **options)
        except Exception as error:
            if not type(error).__module__.startswith(_WHOSE):
                raise
            line = str(error).strip().split("\n", 1)[0]
            if is_out_of_memory(error):
                raise MemoryError(
                    f"device cuda: there is no room ({line}); take a smaller batch or model, or"
                    " --device cpu"
                ) from None
            if _DRIVER_S not in line:  # a compiler's, a linker's
                raise DeviceFailedError(f"device cuda: CUDA says: {line}") from error
            _let_go_of_nothing()
            raise DeviceFailedError(
                f"device cuda: CUDA says: {line}; the process may not be able to use the GPU any"
                " more: begin anew, with --resume if there is a checkpoint, or see `numlean doctor`"
            ) from error

    return careful


def _let_go_of_nothing() -> None:
    """Have numba free nothing at the end: it cannot any more, and would say so array by array."""
    with suppress(Exception):  # there may be no context at all
        _AFTER_A_FAILURE.enter_context(cuda.defer_cleanup())


def is_out_of_memory(error: Any) -> bool:
    """Whether CUDA says that memory is full."""
    return "OUT_OF_MEMORY" in str(error)
