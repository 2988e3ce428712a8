"""A GPU: memory allocation, and kernels compiled, launched and captured into graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, final

import numpy as np
from numba import cuda

from numlean_kernels.protocol import Array, Instructions
from numlean_kernels.targets.cache import enable_disk_cache
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.cuda.device import Device, Launcher
from numlean_kernels.targets.cuda.driver_errors import is_out_of_memory, translate_driver_errors
from numlean_kernels.targets.cuda.instructions import ROUNDED_ONCE
from numlean_kernels.targets.cuda.launch_config import Grid, LaunchConfig


@final
class Gpu(Device):
    """The first GPU of the machine, or the first that CUDA_VISIBLE_DEVICES names."""

    words = CPU
    threads = 256
    side = 16
    reach: Mapping[int, int] = {0: 2, 32: 8, 64: 4}
    alignment = 16
    part = 2048
    bound = np.uint64  # type: ignore[assignment]

    def instructions(self, width: int) -> Instructions:
        """Return the functions of libdevice that round to nearest."""
        return Instructions(*map(self.words.routine, ROUNDED_ONCE[width]))

    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """Return a device function of numba."""
        return cuda.jit(device=True)(cell)  # type: ignore[no-any-return]

    @translate_driver_errors
    def allocate(self, size: int) -> Array:
        """Allocate managed memory, which has the same address on host and device."""
        try:
            return np.asarray(cuda.managed_array(size, np.uint8))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise MemoryError(
                f"device cuda: cannot allocate {size} more bytes; use a smaller batch or model, or"
                " pass --device cpu"
            ) from None

    @translate_driver_errors
    def allocate_for_exchange(self, size: int) -> Array:
        """Allocate host memory that is mapped on the GPU at the same address.

        Managed memory would migrate between host and device at each step.
        """
        return np.asarray(cuda.mapped_array(size, np.uint8))

    def compiled(self, config: LaunchConfig, key: str) -> Any:
        """Return numba's dispatcher, which compiles a kernel for each set of array types."""
        from numlean_kernels.targets.cuda.cache import CudaKernelCache

        # No link-time optimisation, so tests read the code that is launched.
        run = cuda.jit(config.kernel, launch_bounds=config.bounds, lto=False)
        enable_disk_cache(run, config.kernel, key, CudaKernelCache)
        return _Compiled(run)

    @translate_driver_errors
    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """Return a function that launches a kernel with arguments prepared once."""
        from cuda.core import LaunchConfig, launch

        kernel = compiled.kernel(len(grid.extents), arrays)
        threads = grid.threads if isinstance(grid.threads, tuple) else (grid.threads, 1)
        launch_config = LaunchConfig(grid=(grid.blocks, 1, 1), block=(*threads, 1))
        words = [*grid.extents, *(word for array in arrays for word in _passed(array))]

        @translate_driver_errors
        def launch_it(stream: Any, _kept: Sequence[Array] = tuple(arrays)) -> None:
            launch(stream or _shared_stream(), launch_config, kernel, *words)

        return launch_it

    @translate_driver_errors
    def sequence(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """Return a CUDA graph that launches all kernels at once."""
        return _Graph(launchers)

    @translate_driver_errors
    def synchronise(self) -> None:
        """Wait for all launched kernels."""
        cuda.synchronize()


class _Compiled:
    """A kernel, for each combination of array types that it was launched with."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._kernels: dict[tuple[Any, ...], Any] = {}

    def kernel(self, rank: int, arrays: Sequence[Array]) -> Any:
        """Return the machine code in the context of this thread, as cuda.core launches it."""
        kinds = rank, *((a.dtype, a.ndim, _layout(a)) for a in arrays)
        if kinds not in self._kernels:
            kernel = self._run.compile(argument_types(rank, arrays))
            # Kernels from the disk cache cannot be loaded while launches are captured.
            kernel.bind()
            self._kernels[kinds] = kernel
        return self._kernels[kinds].library.get_cufunc().kernel


def argument_types(rank: int, arrays: Sequence[Array]) -> tuple[Any, Any]:
    """Return the types of the arguments of a kernel: its extents, and arrays like these."""
    from numba.cuda import types
    from numba.cuda.np.numpy_support import from_dtype

    taken = [types.Array(from_dtype(a.dtype), a.ndim, _layout(a)) for a in arrays]
    return types.UniTuple(types.int64, rank), types.BaseTuple.from_types(taken)


def _layout(array: Array) -> str:
    return "C" if array.flags.c_contiguous else "A"


def _passed(array: Array) -> Iterator[int]:
    """Yield the words that numba's kernels take for an array; it need not be an array of numba's.

    Converting and inspecting numba's device arrays takes longer than many a kernel.
    """
    owner = parent = 0
    yield from (owner, parent, array.size, array.itemsize, array.ctypes.data)
    yield from array.shape
    yield from array.strides


@cache
def _shared_stream() -> Any:
    """Return the default stream."""
    from cuda.core import Stream

    return Stream.from_handle(0)


class _Graph:
    """Launches captured once, then launched together."""

    def __init__(self, launchers: Sequence[Launcher]) -> None:
        from cuda.core import Stream

        # A graph does not keep its arrays alive.
        self._launchers = launchers
        # The default stream cannot be captured. This stream and that one wait for each other.
        self._numba_stream = cuda.stream()
        self._stream = Stream.from_handle(int(self._numba_stream))
        builder = self._stream.create_graph_builder()
        builder.begin_building()
        for launch in launchers:
            launch(self._stream)
        self._graph = builder.end_building().complete()

    @translate_driver_errors
    def __call__(self) -> None:
        """Launch all kernels."""
        self._graph.launch(self._stream)
