"""A pretended GPU: what CudaTarget launches on it, the PTX machine executes."""

import ctypes
from dataclasses import dataclass
from functools import cache, partial
from itertools import count

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


class Stream:
    """A stream that can be captured, as cuda.core has it, and then launched as a graph."""

    def __init__(self, handle):
        self.handle, self.captured = handle, None

    from_handle = classmethod(cache(lambda cls, handle: cls(handle)))

    def create_graph_builder(self):
        assert self.handle
        return self

    def begin_building(self):
        self.captured = []

    def end_building(self):
        graph, self.captured = Graph(self.captured), None
        return graph


@dataclass(frozen=True)
class Graph:
    """Launches to be made again."""

    launches: list

    def complete(self):
        return self

    def launch(self, stream):
        for launch in self.launches:
            launch()


def _capability(*_):
    return Device.compute_capability


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
        monkeypatch.setattr("numba.cuda.codegen.CUDACodeLibrary._ensure_cc", _capability)
        # What the compiler makes now is what is executed, not what was kept on disk.
        monkeypatch.setattr("numlean_kernels.targets.cuda.gpu.keep", lambda *_: None)
        monkeypatch.setattr(dispatcher._Kernel, "bind", lambda kernel: None)
        monkeypatch.setattr(dispatcher._Kernel, "launch", self._launcher())
        monkeypatch.setattr("numba.cuda.from_cuda_array_interface", self._array)
        monkeypatch.setattr("numba.cuda.managed_array", _rubbish)
        monkeypatch.setattr("numba.cuda.stream", partial(next, count(1)))
        monkeypatch.setattr("cuda.core.Stream", Stream)
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
        def launch(kernel, arguments, blocks, threads, stream):
            text, words = kernel._codelibrary.get_asm_str(), []
            for kind, value in zip(kernel.argument_types, arguments, strict=True):
                kernel._prepare_args(kind, value, 0, [], words)
            words = [getattr(word, "value", word) for word in words]
            arrays = [argument.gpu_data.array for argument in arguments[1] if argument.size]
            run = partial(self._run, self.translated(text), blocks, threads, words, arrays)
            if stream.captured is None:
                run()
            else:
                stream.captured.append(run)

        return launch

    def _run(self, kernel, *launch):
        kernel.run(*launch)
        self.launches += 1
