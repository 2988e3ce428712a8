"""A GPU: how its memory is taken, and kernels are compiled, launched, and captured into graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import numpy as np
from numba import cuda

from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.cuda.device import Device, Launcher
from numlean_kernels.targets.cuda.form import Grid
from numlean_kernels.targets.cuda.instructions import ROUNDED_ONCE
from numlean_kernels.targets.kernel_cache import keep
from numlean_kernels.targets.protocol import Array, Instructions

_OUT_OF_MEMORY: Final = 2
"""The driver's code CUDA_ERROR_OUT_OF_MEMORY."""


@final
class Gpu(Device):
    """The machine's first GPU, or the one that CUDA_VISIBLE_DEVICES names."""

    words = CPU
    threads = 256
    side = 16
    reach: Mapping[int, int] = {0: 2, 32: 8, 64: 4}
    alignment = 16
    part = 2048
    bound = np.uint64  # type: ignore[assignment]

    def instructions(self, width: int) -> Instructions:
        """Libdevice's functions that round to nearest."""
        return Instructions(*map(self.words.routine, ROUNDED_ONCE[width]))

    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """Numba's device function."""
        return cuda.jit(device=True)(cell)  # type: ignore[no-any-return]

    def allocate(self, size: int) -> Array:
        """Managed memory, which has one address on both sides."""
        from numba.cuda.cudadrv.driver import CudaAPIError

        try:
            return np.asarray(cuda.managed_array(size, np.uint8))
        except CudaAPIError as error:
            if int(error.code) != _OUT_OF_MEMORY:
                raise
            raise MemoryError(
                f"device cuda: there is no room for {size} bytes more; take a smaller batch or"
                " model, or --device cpu"
            ) from None

    def compiled(self, kernel: Callable[..., None], identity: str) -> Any:
        """Numba's dispatcher, which compiles a kernel for the arrays it is launched with."""
        from numlean_kernels.targets.cuda.kept import KernelCache

        run = cuda.jit(kernel)
        keep(run, kernel, identity, KernelCache)
        return run

    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """What launches a kernel, with arguments made once."""
        from cuda.core import Stream
        from numba.cuda.typing.typeof import typeof

        arguments = grid.extents, tuple(map(_as_argument, arrays))
        kernel = compiled.compile(tuple(map(typeof, arguments)))
        # What comes from the cache is not loaded yet, and cannot be while launches are captured.
        kernel.bind()
        threads = grid.threads if isinstance(grid.threads, tuple) else (grid.threads, 1)
        shape = (grid.blocks, 1, 1), (*threads, 1)

        def launch(stream: Any) -> None:
            kernel.launch(arguments, *shape, stream or Stream.from_handle(0))

        return launch

    def together(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """A CUDA graph: all is launched at once."""
        return _Graph(launchers)

    def synchronise(self) -> None:
        """Wait for all that was launched."""
        cuda.synchronize()


class _Graph:
    """Launches captured once, to be launched together."""

    def __init__(self, launchers: Sequence[Launcher]) -> None:
        from cuda.core import Stream

        # What was captured does not keep its arrays alive.
        self._launchers = launchers
        # Nothing can be captured on the stream that all share. This one waits for it, as it for
        # this one.
        self._own = cuda.stream()
        self._stream = Stream.from_handle(int(self._own))
        builder = self._stream.create_graph_builder()
        builder.begin_building()
        for launch in launchers:
            launch(self._stream)
        self._graph = builder.end_building().complete()

    def __call__(self) -> None:
        self._graph.launch(self._stream)


def _as_argument(array: Array) -> Any:
    """The array at the same address, as numba's kernels take it."""
    described = {
        "shape": array.shape,
        "strides": None if array.flags.c_contiguous else array.strides,
        "typestr": array.dtype.str,
        "data": (array.ctypes.data, False),
        "version": 3,
    }
    return cuda.from_cuda_array_interface(described, owner=array)
