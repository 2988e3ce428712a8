"""A fake device and a fake driver, so that numba can compile and launch without a GPU."""

from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from types import SimpleNamespace

import numpy as np

CAPABILITY = (9, 0)


class FakeDevice:
    """The attributes of the current device that numba reads while it compiles."""

    def __init__(self, capability):
        self.compute_capability = capability


class Stream:
    """A stream that can be captured and launched as a graph, as in cuda.core."""

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
    """Captured launches that can be repeated."""

    launches: list

    def complete(self):
        return self

    def launch(self, stream):
        for launch in self.launches:
            launch()


def replace_driver(monkeypatch, launch, *, bind=lambda kernel: None, memory=np.empty):
    """Replace all calls to the driver, except for waits.

    Args:
        monkeypatch: pytest's.
        launch: Instead of cuda.core's; a kernel is numba's library of its code.
        bind: Told of each kernel once.
        memory: Allocates.
    """
    library = "numba.cuda.codegen.CUDACodeLibrary"
    instead = {
        "numba.cuda.dispatcher.get_current_device": partial(FakeDevice, CAPABILITY),
        f"{library}._ensure_cc": lambda *_: CAPABILITY,
        f"{library}.get_cufunc": lambda self: SimpleNamespace(kernel=self),
        "numba.cuda.dispatcher._Kernel.bind": bind,
        "numba.cuda.managed_array": memory,
        "numba.cuda.mapped_array": memory,
        "numba.cuda.stream": partial(next, count(1)),
        "numlean_kernels.targets.cuda.gpu._shared_stream": partial(Stream, 0),
        "cuda.core.Stream": SimpleNamespace(from_handle=cache(Stream)),
        "cuda.core.launch": launch,
    }
    for name, other in instead.items():
        monkeypatch.setattr(name, other)
