"""CUDA: the loops and routines of the CPU, compiled for a GPU.

Arrays are numpy arrays in memory that has the same address on host and device, so views made by
numpy are also views on the device. Other arrays are copied to the device and back by each launch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, final

import numpy as np
from numba import cuda
from numpy.lib.stride_tricks import as_strided

from numlean_kernels.loops.flag_counts import NO_ROUTINES
from numlean_kernels.loops.gather_scatter import COPY, GROUP
from numlean_kernels.protocol import (
    Array,
    CopyCall,
    HostCall,
    Instructions,
    Launch,
    Loop,
    ProgramStep,
    Table,
    Target,
)
from numlean_kernels.targets.axes import padded_axes, split_to_axes
from numlean_kernels.targets.cuda.cells import cells
from numlean_kernels.targets.cuda.device import Device, Launcher
from numlean_kernels.targets.cuda.gpu import Gpu, argument_types
from numlean_kernels.targets.cuda.grouping import by_cell
from numlean_kernels.targets.cuda.launch_config import Extents, LaunchConfig
from numlean_kernels.targets.cuda.managed_memory import ManagedMemoryPool
from numlean_kernels.targets.cuda.reductions import IN_ORDER, TREE, in_order, tree
from numlean_kernels.targets.cuda.simulation import Simulation
from numlean_kernels.targets.cuda.staging import DeviceMirror, StagingCopies
from numlean_kernels.targets.cuda.tiled_matmul import FUSED, tiles
from numlean_kernels.targets.dead_code import memory_of
from numlean_kernels.targets.delegating import DelegatingTarget

_FASTER_FORMS: Final[dict[Loop, Callable[[Loop, Table, Device], LaunchConfig]]] = {
    **dict.fromkeys(FUSED, tiles),
    **dict.fromkeys(IN_ORDER, in_order),
    TREE: tree,
    GROUP: by_cell,
}
"""The loops with a launch configuration of their own; all others run one thread per cell."""


@final
class CudaTarget(DelegatingTarget):
    """Runs kernels on a GPU, or in numba's simulation of one."""

    name = "cuda"

    def __init__(self, *, simulated: bool) -> None:
        device: Device = Simulation() if simulated else Gpu()
        super().__init__(device.words)
        self._device = device
        self._memory = ManagedMemoryPool(device.allocate)
        self._exchange = ManagedMemoryPool(device.allocate_for_exchange)
        self._instructions: dict[int, Instructions] = {}
        self._compiled: dict[tuple[Loop, Table], tuple[LaunchConfig, Any]] = {}

    def instructions(self, width: int) -> Instructions:
        """Return the arithmetic of the device; it is made once."""
        if width not in self._instructions:
            self._instructions[width] = self._device.instructions(width)
        return self._instructions[width]

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new array in managed memory.

        Raises:
            MemoryError: The memory is full.
        """
        return self._memory.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """Return the array in managed memory."""
        return array if self._reaches(array) else self._memory.to_device(array)

    def empty_host_visible(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new array in mapped host memory. Programs read it once per segment."""
        return self._exchange.empty(shape, dtype)

    @property
    def host(self) -> Target:
        """The target whose integer arithmetic these kernels use."""
        return self._words

    def _reaches(self, array: Array) -> bool:
        """Return whether kernels can be launched on an array."""
        return self._memory.has(array) or self._exchange.has(array)

    def launch_config(self, loop: Loop, table: Table) -> LaunchConfig:
        """Return the kernel of a loop and its launches."""
        return _FASTER_FORMS.get(loop, cells)(loop, table, self._device)

    def ptx(
        self,
        loop: Loop,
        table: Table,
        arrays: Sequence[Array],
        capabilities: Sequence[tuple[int, int]],
    ) -> list[str]:
        """Return the code of a kernel for arrays like these, for each compute capability.

        numba keeps the body of the loop and the routines that it made for all of them.
        """
        from numba.cuda import types

        config = self.launch_config(loop, table)
        kernel = config.kernel
        signature = types.void(*argument_types(config.rank, arrays))
        return [
            cuda.compile_ptx(kernel, signature, cc=capability, launch_bounds=config.bounds)[0]
            for capability in capabilities
        ]

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Compile a loop for the arrays it is called with. Each launch waits for its end."""

        def launch(domain: tuple[int, ...], *arrays: Array) -> None:
            on_device = [self.to_device(array) for array in arrays]
            for launcher in self._launchers(loop, table, domain, on_device):
                launcher(0)
            self._device.synchronise()
            for array, own in zip(arrays[-loop.outputs :], on_device[-loop.outputs :], strict=True):
                if own is not array:
                    array[...] = own

        return launch

    def _launchers(
        self, loop: Loop, table: Table, domain: tuple[int, ...], arrays: Sequence[Array]
    ) -> Iterator[Launcher]:
        """Yield the launchers of a loop."""
        if 0 in domain:
            return
        if (loop, table) not in self._compiled:
            config = self.launch_config(loop, table)
            compiled = self._device.compiled(config, f"cuda {loop.name} {table.key}")
            self._compiled[loop, table] = config, compiled
        config, compiled = self._compiled[loop, table]
        for grid in config.grids(tuple(map(int, domain)), arrays):
            yield self._device.launcher(compiled, grid, arrays, loop.outputs)

    def copy_into(self, x: Array, z: Array) -> None:
        """Write elements into a view: on the device if both arrays are there."""
        if self._reaches(x) and self._reaches(z):
            for launch in self._copies(x, z):
                launch(0)
            self._device.synchronise()
        else:
            z[...] = x

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Array] | None = None
    ) -> Callable[[], None]:
        """Return a function that runs the steps in as few launches as possible: one per segment.

        Host calls that depend on no kernel run first. A host call that depends on kernels waits for
        those before it; the program waits for all at its end.
        """
        mirrors = self._mirrors(operations)
        first, rest = _split_host_calls(operations)
        steps: list[Callable[[], None]] = [operation.bind(self) for operation in first]
        segment: list[Launcher] = []
        staging = StagingCopies(self._exchange, self.empty)
        for operation in rest:
            on_device = [
                mirrors[id(x)].copy if id(x) in mirrors else x
                for x in (*operation.read, *operation.written)
            ]
            if isinstance(operation, HostCall) or not all(map(self._reaches, on_device)):
                steps += self._segment(segment)
                steps.append(operation.bind(self))
                segment = []
                staging.invalidate_all()
                continue
            read = len(operation.read)
            for x, copy in staging.stale_copies(on_device[:read]):
                segment += self._copies(x, copy)
            on_device[:read] = map(staging.copy_of, on_device[:read])
            if isinstance(operation, CopyCall):
                segment += self._copies(*on_device)
            else:
                loop, table, domain = operation.loop, operation.table, operation.domain
                segment += self._launchers(loop, table, domain, on_device)
            staging.invalidate(operation.written)
        steps += self._segment(segment)

        def run() -> None:
            for mirror in mirrors.values():
                mirror.refresh()
            for step in steps:
                step()

        return run

    def _segment(self, launchers: Sequence[Launcher]) -> Iterator[Callable[[], None]]:
        """Yield a launch of several kernels, and the wait for their end."""
        if launchers:
            yield self._device.sequence(launchers)
            yield self._device.synchronise

    def _mirrors(self, operations: Sequence[ProgramStep]) -> dict[int, DeviceMirror]:
        """Return mirrors, by id, of arrays outside device memory that are only read."""
        written = {memory_of(array) for one in operations for array in one.written}
        read = [x for one in operations if not isinstance(one, HostCall) for x in one.read]
        elsewhere = (x for x in read if not self._reaches(x) and memory_of(x) not in written)
        return {
            key: DeviceMirror(x, self.to_device(x))
            for key, x in {id(x): x for x in elsewhere}.items()
        }

    def _copies(self, x: Array, z: Array) -> Iterator[Launcher]:
        """Yield launches that write elements into a view."""
        if x.size and np.may_share_memory(x, z):
            # Threads would write elements that others still have to read.
            copy = self.empty(x.shape, x.dtype)
            yield from self._copies(x, copy)
            yield from self._copies(copy, z)
        elif x.size:
            for source, destination in split_to_axes(x, z):
                extents, *strides = zip(*padded_axes(source, destination), strict=True)
                pair = [
                    _strided(array, extents, own)
                    for array, own in zip((source, destination), strides, strict=True)
                ]
                yield from self._launchers(COPY, NO_ROUTINES, extents, pair)


def _split_host_calls(
    operations: Sequence[ProgramStep],
) -> tuple[list[HostCall], list[ProgramStep]]:
    """Return the host calls that can run before all other steps, and the rest, both in order."""
    touched: set[int] = set()
    first: list[HostCall] = []
    rest: list[ProgramStep] = []
    is_in_order = True
    for operation in operations:
        own = {memory_of(array) for array in (*operation.read, *operation.written)}
        if isinstance(operation, HostCall):
            is_in_order &= not operation.read and not own & touched
        if isinstance(operation, HostCall) and is_in_order:
            first.append(operation)
        else:
            rest.append(operation)
        touched |= own
    return first, rest


def _strided(array: Array, extents: Extents, strides: tuple[int, ...]) -> Array:
    """Return the elements of a view as unsigned integers along other axes, perhaps read-only."""
    element = np.dtype(f"u{array.itemsize}")
    start = as_strided(array, (1,), (array.itemsize,)).view(element)
    return as_strided(start, extents, tuple(s * array.itemsize for s in strides))
