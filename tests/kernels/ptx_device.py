"""A pretended GPU: what CudaTarget launches on it, the PTX machine executes."""

from dataclasses import dataclass
from functools import cache, partial
from itertools import count, islice
from math import prod
from types import SimpleNamespace

import numpy as np
from pretended_device import PretendedDevice
from ptx_machine import Kernel

CAPABILITY = (9, 0)


class Stream:
    """A stream that can be captured, as cuda.core has it, and then launched as a graph."""

    def __init__(self, handle):
        self.handle, self.captured = handle, None

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


class Machine:
    """The pretended GPU; all that would be asked of the driver ends here.

    Attributes:
        launches: How many there were.
        translated: The kernel of a PTX, which is translated once.
    """

    def __init__(self, monkeypatch):
        self.launches = 0
        self.translated = cache(Kernel)
        self._types = {}
        library = "numba.cuda.codegen.CUDACodeLibrary"
        patched = {
            "numba.cuda.dispatcher.get_current_device": partial(PretendedDevice, CAPABILITY),
            f"{library}._ensure_cc": lambda *_: CAPABILITY,
            f"{library}.get_cufunc": lambda self: SimpleNamespace(kernel=self),
            "numba.cuda.dispatcher._Kernel.bind": self._binder(),
            # What the compiler makes now is what is executed, not what was kept on disk.
            "numlean_kernels.targets.cuda.gpu.keep": lambda *_: None,
            "numlean_kernels.targets.cuda.gpu._shared_stream": partial(Stream, 0),
            "numba.cuda.managed_array": filled,
            "numba.cuda.mapped_array": filled,
            "numba.cuda.stream": partial(next, count(1)),
            "numba.cuda.synchronize": lambda: None,
            "cuda.core.Stream": SimpleNamespace(from_handle=cache(Stream)),
            "cuda.core.launch": self._launch,
        }
        for name, instead in patched.items():
            monkeypatch.setattr(name, instead)

    def _binder(self):
        def bind(kernel):
            self._types[kernel.library] = kernel.argument_types

        return bind

    def _launch(self, stream, config, library, *words):
        kernel = self.translated(library.get_asm_str())
        arrays = passed_arrays(self._types[library], words)
        launch = partial(self._run, kernel, config.grid, config.block, words, arrays)
        if stream.captured is None:
            launch()
        else:
            stream.captured.append(launch)

    def _run(self, kernel, *launch):
        kernel.run(*launch)
        self.launches += 1


def filled(size, dtype):
    """Memory as it is found: not all zeros."""
    return np.full(size, 0xA5, dtype)


def passed_arrays(types, words):
    """The arrays that numba's kernels are told of by words."""
    extents, kinds = types
    rest = iter(words[len(extents) :])
    arrays = []
    for kind in kinds:
        _, _, size, itemsize, address = islice(rest, 5)
        shape, strides = (tuple(islice(rest, kind.ndim)) for _ in range(2))
        assert size == prod(shape)
        assert itemsize * 8 == getattr(kind.dtype, "bitwidth", 8)
        arrays.append(at(address, shape, strides, f"u{itemsize}"))
    assert not list(rest)
    return arrays


def at(address, shape, strides, dtype):
    """An array wherever it is."""
    description = {"data": (address, False), "shape": shape, "strides": strides, "version": 3}
    described = SimpleNamespace(__array_interface__=description | {"typestr": np.dtype(dtype).str})
    return np.asarray(described)
