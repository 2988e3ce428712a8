"""A pretended GPU: what CudaTarget launches on it, the PTX machine executes."""

import ctypes
from functools import cache

import numpy as np
from ptx_machine import Kernel


class Device:
    """numba asks the current device for this while it compiles; there need be none."""

    compute_capability = (9, 0)


class Context:
    """It has the device."""

    device = Device()


class Pointer:
    """Where an array on the device is, for numba."""

    __cuda_memory__ = True

    def __init__(self, array):
        self.device_ctypes_pointer = ctypes.c_void_p(array.ctypes.data)
        self.array = array


def _rubbish(size, dtype):
    return np.full(size, 0xA5, dtype)


class Machine:
    """The pretended GPU; all that numba would hand to the driver ends here.

    Attributes:
        launches: How many there were.
        translated: The kernel of a PTX, which is translated once.
    """

    def __init__(self, monkeypatch):
        from numba.cuda import dispatcher

        self.launches = 0
        self.translated = cache(Kernel)
        monkeypatch.setattr(dispatcher, "get_current_device", Device)
        monkeypatch.setattr("numba.cuda.cudadrv.devices.get_context", Context)
        monkeypatch.setattr("numba.cuda.codegen.CUDACodeLibrary._ensure_cc", lambda *_: (9, 0))
        monkeypatch.setattr(dispatcher._Kernel, "bind", lambda kernel: None)
        monkeypatch.setattr(dispatcher._Kernel, "launch", self._launcher())
        monkeypatch.setattr("numba.cuda.core.config.CUDA_LOW_OCCUPANCY_WARNINGS", 0)
        monkeypatch.setattr("numba.cuda.from_cuda_array_interface", self._array)
        monkeypatch.setattr("numba.cuda.managed_array", _rubbish)
        monkeypatch.setattr("numba.cuda.synchronize", lambda: None)

    def _array(self, interface, owner):
        from numba.cuda.cudadrv.devicearray import DeviceNDArray

        return DeviceNDArray(
            interface["shape"],
            interface["strides"] or owner.strides,
            interface["typestr"],
            gpu_data=Pointer(owner),
        )

    def _launcher(self):
        def launch(kernel, arguments, blocks, threads, *_):
            words = []
            for kind, value in zip(kernel.argument_types, arguments, strict=True):
                kernel._prepare_args(kind, value, 0, [], words)
            words = [getattr(word, "value", word) for word in words]
            arrays = [argument.gpu_data.array for argument in arguments[1] if argument.size]
            text = kernel._codelibrary.get_asm_str()
            self.translated(text).run(blocks, threads, words, arrays)
            self.launches += 1

        return launch
