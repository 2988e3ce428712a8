"""A GPU: how its memory is taken, and kernels are compiled, launched, and captured into graphs."""

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

    @translate_driver_errors
    def allocate(self, size: int) -> Array:
        """Managed memory, which has one address on both sides."""
        try:
            return np.asarray(cuda.managed_array(size, np.uint8))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise MemoryError(
                f"device cuda: there is no room for {size} bytes more; take a smaller batch or"
                " model, or --device cpu"
            ) from None

    @translate_driver_errors
    def allocate_for_exchange(self, size: int) -> Array:
        """Memory of the host that is mapped on the GPU, at the same address.

        Managed memory would move to whoever touches it, and back, at each step.
        """
        return np.asarray(cuda.mapped_array(size, np.uint8))

    def compiled(self, form: LaunchConfig, identity: str) -> Any:
        """Numba's dispatcher, which compiles a kernel for each kind of arrays."""
        from numlean_kernels.targets.cuda.cache import CudaKernelCache

        # What is read in tests is what is launched: nothing is optimised once more by the linker.
        run = cuda.jit(form.kernel, launch_bounds=form.bounds, lto=False)
        enable_disk_cache(run, form.kernel, identity, CudaKernelCache)
        return _Compiled(run)

    @translate_driver_errors
    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """What launches a kernel, with arguments made once."""
        from cuda.core import LaunchConfig, launch

        kernel = compiled.kernel(len(grid.extents), arrays)
        threads = grid.threads if isinstance(grid.threads, tuple) else (grid.threads, 1)
        config = LaunchConfig(grid=(grid.blocks, 1, 1), block=(*threads, 1))
        words = [*grid.extents, *(word for array in arrays for word in _passed(array))]

        @translate_driver_errors
        def launch_it(stream: Any, _kept: Sequence[Array] = tuple(arrays)) -> None:
            launch(stream or _shared_stream(), config, kernel, *words)

        return launch_it

    @translate_driver_errors
    def together(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """A CUDA graph: all is launched at once."""
        return _Graph(launchers)

    @translate_driver_errors
    def synchronise(self) -> None:
        """Wait for all that was launched."""
        cuda.synchronize()


class _Compiled:
    """A kernel, for each kind of arrays that it was launched with."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._kernels: dict[tuple[Any, ...], Any] = {}

    def kernel(self, rank: int, arrays: Sequence[Array]) -> Any:
        """The machine code in this thread's context, as cuda.core launches it."""
        kinds = rank, *((a.dtype, a.ndim, _layout(a)) for a in arrays)
        if kinds not in self._kernels:
            kernel = self._run.compile(argument_types(rank, arrays))
            # What comes from the disk is not loaded yet, and cannot be while launches are captured.
            kernel.bind()
            self._kernels[kinds] = kernel
        return self._kernels[kinds].library.get_cufunc().kernel


def argument_types(rank: int, arrays: Sequence[Array]) -> tuple[Any, Any]:
    """The types of a kernel's arguments: its extents, and arrays like these."""
    from numba.cuda import types
    from numba.cuda.np.numpy_support import from_dtype

    taken = [types.Array(from_dtype(a.dtype), a.ndim, _layout(a)) for a in arrays]
    return types.UniTuple(types.int64, rank), types.BaseTuple.from_types(taken)


def _layout(array: Array) -> str:
    return "C" if array.flags.c_contiguous else "A"


def _passed(array: Array) -> Iterator[int]:
    """The words that numba's kernels take of an array, which need be no array of numba's.

    To make one of each, and to ask what it is, takes longer than many a kernel.
    """
    owner = parent = 0
    yield from (owner, parent, array.size, array.itemsize, array.ctypes.data)
    yield from array.shape
    yield from array.strides


@cache
def _shared_stream() -> Any:
    """The stream that all share."""
    from cuda.core import Stream

    return Stream.from_handle(0)


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

    @translate_driver_errors
    def __call__(self) -> None:
        """Launch all."""
        self._graph.launch(self._stream)
