"""A fake GPU: the PTX machine executes the kernels that CudaTarget launches."""

from functools import cache, partial
from itertools import islice
from math import prod
from types import SimpleNamespace

import numpy as np

from ptx.fake_driver import replace_driver
from ptx.machine import Kernel


class Machine:
    """A fake GPU that receives all calls to the driver.

    Attributes:
        target: The target whose launches it executes.
        launches: The number of launches so far.
        translated: Return the kernel of a PTX text, translated once.
    """

    def __init__(self, monkeypatch, target):
        self.target = target
        self.launches = 0
        self.translated = cache(Kernel)
        self._types = {}
        replace_driver(monkeypatch, self._launch, bind=self._binder(), memory=filled)
        # Execute newly compiled code, not code from the disk cache.
        monkeypatch.setattr("numlean_kernels.targets.cuda.gpu.enable_disk_cache", lambda *_: None)
        monkeypatch.setattr("numba.cuda.synchronize", lambda: None)

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
    """Return uninitialized memory: not all zeros."""
    return np.full(size, 0xA5, dtype)


def passed_arrays(types, words):
    """Return the arrays that the words passed to a numba kernel describe."""
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
    """Return an array at an address."""
    description = {"data": (address, False), "shape": shape, "strides": strides, "version": 3}
    described = SimpleNamespace(__array_interface__=description | {"typestr": np.dtype(dtype).str})
    return np.asarray(described)
