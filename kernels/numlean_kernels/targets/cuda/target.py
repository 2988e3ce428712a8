"""CUDA: the CPU's loops and routines, compiled for a GPU.

Arrays are numpy's, in memory that has one address on both sides, so that views made by numpy are
views on the device, too. Arrays from elsewhere are brought there and back by each launch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, final

import numpy as np
from numba import cuda
from numpy.lib.stride_tricks import as_strided

from numlean_kernels.loops.flag_counts import NO_ROUTINES
from numlean_kernels.loops.gather_scatter import GROUP, MOVE
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
from numlean_kernels.targets.axes import padded, within_axes
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

_TWINS: Final[dict[Loop, Callable[[Loop, Table, Device], LaunchConfig]]] = {
    **dict.fromkeys(FUSED, tiles),
    **dict.fromkeys(IN_ORDER, in_order),
    TREE: tree,
    GROUP: by_cell,
}
"""The loops that are not run as they are written, a thread for each cell."""


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
        """The device's, made once."""
        if width not in self._instructions:
            self._instructions[width] = self._device.instructions(width)
        return self._instructions[width]

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """A new array in managed memory.

        Raises:
            MemoryError: There is no room for it.
        """
        return self._memory.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """The array, in managed memory."""
        return array if self._reaches(array) else self._memory.to_device(array)

    def empty_host_visible(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """A new array in mapped memory of the host. Programs read it once a stretch."""
        return self._exchange.empty(shape, dtype)

    @property
    def host(self) -> Target:
        """The target whose words these kernels are written with."""
        return self._words

    def _reaches(self, array: Array) -> bool:
        """Whether kernels can be launched on an array."""
        return self._memory.has(array) or self._exchange.has(array)

    def form(self, loop: Loop, table: Table) -> LaunchConfig:
        """What is compiled of a loop, and how it is launched."""
        return _TWINS.get(loop, cells)(loop, table, self._device)

    def ptx(
        self,
        loop: Loop,
        table: Table,
        arrays: Sequence[Array],
        capabilities: Sequence[tuple[int, int]],
    ) -> list[str]:
        """The code of a kernel for arrays like these, on GPUs of each of some compute capabilities.

        What numba makes of a loop's body and of routines it keeps, for all of them.
        """
        from numba.cuda import types

        form = self.form(loop, table)
        signature = types.void(*argument_types(form.rank, arrays))
        return [
            cuda.compile_ptx(form.kernel, signature, cc=capability, launch_bounds=form.bounds)[0]
            for capability in capabilities
        ]

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Compile a loop for the arrays it is called with. Each launch waits for its end."""

        def launch(domain: tuple[int, ...], *arrays: Array) -> None:
            there = [self.to_device(array) for array in arrays]
            for launcher in self._launchers(loop, table, domain, there):
                launcher(0)
            self._device.synchronise()
            for array, own in zip(arrays[-loop.outputs :], there[-loop.outputs :], strict=True):
                if own is not array:
                    array[...] = own

        return launch

    def _launchers(
        self, loop: Loop, table: Table, domain: tuple[int, ...], arrays: Sequence[Array]
    ) -> Iterator[Launcher]:
        """What launches a loop."""
        if 0 in domain:
            return
        if (loop, table) not in self._compiled:
            form = self.form(loop, table)
            compiled = self._device.compiled(form, f"cuda {loop.name} {table.key}")
            self._compiled[loop, table] = form, compiled
        form, compiled = self._compiled[loop, table]
        for grid in form.grids(tuple(map(int, domain)), arrays):
            yield self._device.launcher(compiled, grid, arrays, loop.outputs)

    def copy_into(self, x: Array, z: Array) -> None:
        """Write elements into a view: on the device if both are there."""
        if self._reaches(x) and self._reaches(z):
            for launch in self._moves(x, z):
                launch(0)
            self._device.synchronise()
        else:
            z[...] = x

    def compile(self, operations: Sequence[ProgramStep]) -> Callable[[], None]:
        """As few launches as can be: one for each stretch of kernels.

        What no kernel does, and depends on none, is done first; for what does depend on kernels
        those before it are waited for, as they are at the end.
        """
        twins = self._twins(operations)
        first, rest = _ahead(operations)
        steps: list[Callable[[], None]] = [operation.bound(self) for operation in first]
        stretch: list[Launcher] = []
        near = StagingCopies(self._exchange, self.empty)
        for operation in rest:
            there = [
                twins[id(x)].there if id(x) in twins else x
                for x in (*operation.read, *operation.written)
            ]
            if isinstance(operation, HostCall) or not all(map(self._reaches, there)):
                steps += self._stretch(stretch)
                steps.append(operation.bound(self))
                stretch = []
                near.are_stale()
                continue
            read = len(operation.read)
            for x, copy in near.to_be_copied(there[:read]):
                stretch += self._moves(x, copy)
            there[:read] = map(near.copy_of, there[:read])
            if isinstance(operation, CopyCall):
                stretch += self._moves(*there)
            else:
                loop, table, domain = operation.loop, operation.table, operation.domain
                stretch += self._launchers(loop, table, domain, there)
            near.are_written(operation.written)
        steps += self._stretch(stretch)

        def run() -> None:
            for twin in twins.values():
                twin.refresh()
            for step in steps:
                step()

        return run

    def _stretch(self, launchers: Sequence[Launcher]) -> Iterator[Callable[[], None]]:
        """What launches kernels and waits for them."""
        if launchers:
            yield self._device.together(launchers)
            yield self._device.synchronise

    def _twins(self, operations: Sequence[ProgramStep]) -> dict[int, DeviceMirror]:
        """For arrays from elsewhere that are only read, by their ids."""
        written = {memory_of(array) for one in operations for array in one.written}
        read = [x for one in operations if not isinstance(one, HostCall) for x in one.read]
        elsewhere = (x for x in read if not self._reaches(x) and memory_of(x) not in written)
        return {
            key: DeviceMirror(x, self.to_device(x))
            for key, x in {id(x): x for x in elsewhere}.items()
        }

    def _moves(self, x: Array, z: Array) -> Iterator[Launcher]:
        """Launches that write elements into a view."""
        if x.size and np.may_share_memory(x, z):
            # Threads write while others read.
            copy = self.empty(x.shape, x.dtype)
            yield from self._moves(x, copy)
            yield from self._moves(copy, z)
        elif x.size:
            for source, destination in within_axes(x, z):
                extents, *strides = zip(*padded(source, destination), strict=True)
                pair = [
                    _strided(array, extents, own)
                    for array, own in zip((source, destination), strides, strict=True)
                ]
                yield from self._launchers(MOVE, NO_ROUTINES, extents, pair)


def _ahead(operations: Sequence[ProgramStep]) -> tuple[list[HostCall], list[ProgramStep]]:
    """Calls that can as well be made before all else, and the rest; each in their order."""
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
    """A view's elements as unsigned integers, along other axes; it may be only read."""
    element = np.dtype(f"u{array.itemsize}")
    start = as_strided(array, (1,), (array.itemsize,)).view(element)
    return as_strided(start, extents, tuple(s * array.itemsize for s in strides))
