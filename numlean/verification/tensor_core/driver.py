"""The few functions of NVIDIA's driver that load a kernel and launch it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_int, c_uint, c_uint64, c_void_p
from typing import Any, Final

from numlean.errors import UnavailableError
from numlean.verification.tensor_core.fragments import LANES

_LOG_SIZE: Final = 4096
_ERROR_LOG, _ERROR_LOG_SIZE = 5, 6
"""CU_JIT_ERROR_LOG_BUFFER and CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES."""

ARGUMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "cuGetErrorString": (c_int, c_void_p),
    "cuDriverGetVersion": (c_void_p,),
    "cuModuleLoadDataEx": (c_void_p, c_char_p, c_uint, c_void_p, c_void_p),
    "cuModuleGetFunction": (c_void_p, c_void_p, c_char_p),
    "cuLaunchKernel": (c_void_p, *[c_uint] * 7, c_void_p, c_void_p, c_void_p),
}
"""The types of the arguments of each function, as in cuda.h."""


class Driver:
    """NVIDIA's driver. A context must be current in this thread, as PyTorch makes it."""

    def __init__(self, library: Any) -> None:
        self._library = library
        for name, types in ARGUMENTS.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, c_int

    @classmethod
    def open(cls) -> Driver:
        """Return the installed driver.

        Raises:
            UnavailableError: There is none.
        """
        name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        try:
            return cls(ctypes.CDLL(name))
        except OSError as error:
            raise UnavailableError(f"NVIDIA's driver cannot be loaded: {error}") from None

    @property
    def version(self) -> str:
        """The greatest version of CUDA that the driver supports, such as ``13.0``."""
        number = c_int()
        self._call("cuDriverGetVersion", byref(number))
        return f"{number.value // 1000}.{number.value % 1000 // 10}"

    def function(self, ptx: str, name: str) -> c_void_p:
        """Compile PTX for the current GPU and return a kernel.

        Raises:
            UnavailableError: The driver refuses it; the message has its log.
        """
        log = ctypes.create_string_buffer(_LOG_SIZE)
        options = (c_int * 2)(_ERROR_LOG, _ERROR_LOG_SIZE)
        values = (c_void_p * 2)(ctypes.addressof(log), _LOG_SIZE)
        module, function = c_void_p(), c_void_p()
        image = ptx.encode("ascii")  # as a C string, with a zero at its end
        try:
            self._call("cuModuleLoadDataEx", byref(module), image, 2, options, values)
        except UnavailableError as error:
            found = log.value.decode("utf-8", "replace")
            raise UnavailableError(f"{error}: {found}" if found else str(error)) from None
        self._call("cuModuleGetFunction", byref(function), module, name.encode("ascii"))
        return function

    def launch(self, function: c_void_p, blocks: int, stream: int, words: Sequence[int]) -> None:
        """Start a kernel: blocks of one warp, with arguments of 64 bits.

        Raises:
            UnavailableError: The driver refuses it.
        """
        arguments = [c_uint64(word) for word in words]
        pointers = (c_void_p * len(words))(*(ctypes.addressof(each) for each in arguments))
        sizes = (blocks, 1, 1, LANES, 1, 1, 0)
        self._call("cuLaunchKernel", function, *sizes, c_void_p(stream), pointers, None)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            text = c_char_p()
            self._library.cuGetErrorString(status, byref(text))
            reason = (text.value or b"unknown error").decode("utf-8", "replace")
            raise UnavailableError(f"NVIDIA's driver, {name}: {reason} ({status})")
