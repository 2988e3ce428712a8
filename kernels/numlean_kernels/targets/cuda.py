"""CUDA: the CPU's loops and routines, compiled for a GPU, where each thread computes a cell.

All code that knows how kernels are launched is here. Arrays are numpy's, in managed memory, which
has one address on both sides, so that views made by numpy are views on the device, too. Arrays from
elsewhere are brought there and back by each launch.

NVVM makes one instruction of a product and a sum wherever it sees both, and nothing turns that off;
so hardware arithmetic is spelled in functions of libdevice, which it leaves as they are.

With ``NUMBA_ENABLE_CUDASIM=1`` there is no device. Threads are Python's then, and routines are the
plain Python they are written in; launches, memory and programs are the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from math import prod
from typing import Any, Final, TypeAlias, final

import numpy as np
from numba import cuda
from numba.core import config
from numpy.lib.stride_tricks import as_strided

from numlean_kernels.loops.count import NO_ROUTINES
from numlean_kernels.loops.place import MOVE
from numlean_kernels.targets.axes import padded, within_axes
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.protocol import (
    Array,
    Called,
    DeviceMissingError,
    Instructions,
    Launch,
    Loop,
    Moved,
    Operation,
    Routine,
    Table,
    Target,
)
from numlean_kernels.targets.pruning import memory_of
from numlean_kernels.targets.python import PYTHON, as_python_numbers
from numlean_kernels.targets.shared_memory import SharedMemory
from numlean_kernels.targets.tiled_matmul import FUSED, blocks_of, tiled_twin

_OUT_OF_MEMORY: Final = 2
"""The driver's code CUDA_ERROR_OUT_OF_MEMORY."""

_INSTALL: Final = "install it with `pip install 'numlean[cuda]'`"


_Grid: TypeAlias = Callable[[tuple[int, ...]], tuple[int, int | tuple[int, int]]]
"""How many blocks a launch over a domain has, and of how many threads each."""


@dataclass(frozen=True)
class _Kernel:
    """A kernel and its grids.

    Attributes:
        run: Numba's dispatcher.
        grid: The grid over a domain.
    """

    run: Any
    grid: _Grid


class _Device(ABC):
    """What differs between a GPU and its simulation.

    Attributes:
        words: The target that has the integers routines compute with.
        threads: Threads of a block. Each computes one cell: a loop over several would be unrolled,
            and emulated arithmetic be as many times as long.
        side: Rows, and columns, of threads of a block that computes a tile of a product.
        reach: Rows, and columns, of a tile that a thread computes, as many as its registers hold:
            by the width of hardware floats, for emulated ones at 0.
    """

    words: Target
    threads: int
    side: int
    reach: Mapping[int, int]

    @abstractmethod
    def instructions(self, width: int) -> Instructions:
        """What the hardware does with floats of that width."""

    @abstractmethod
    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """A function as kernels call it."""

    @abstractmethod
    def bound(self, value: Any) -> Any:
        """A bound of a box, as loops take it. Called in kernels."""

    @abstractmethod
    def allocate(self, size: int) -> Array:
        """So many bytes that kernels and the host reach.

        Raises:
            MemoryError: There are not so many; the message is one line.
        """

    @abstractmethod
    def prepared(
        self, kernel: _Kernel, domain: tuple[int, ...], arrays: Sequence[Array], outputs: int
    ) -> Callable[[], None]:
        """What launches a kernel, as often as it is called; the last arrays are written."""

    @abstractmethod
    def synchronise(self) -> None:
        """Wait for all that was launched."""


@final
class _Gpu(_Device):
    words = CPU
    threads = 256
    side = 16
    reach: Mapping[int, int] = {0: 1, 32: 8, 64: 4}
    bound = np.uint64  # type: ignore[assignment]

    def instructions(self, width: int) -> Instructions:
        several: tuple[Routine, ...] = (_add32, _sub32, _mul32, _div32, _sqrt32, _fma32)
        if width == 64:
            several = (_add64, _sub64, _mul64, _div64, _sqrt64, _fma64)
        return Instructions(*map(self.words.routine, several))

    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        return cuda.jit(device=True)(cell)  # type: ignore[no-any-return]

    def allocate(self, size: int) -> Array:
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

    def prepared(
        self, kernel: _Kernel, domain: tuple[int, ...], arrays: Sequence[Array], outputs: int
    ) -> Callable[[], None]:
        arguments = domain, tuple(map(self._argument, arrays))
        # Else numba would look at the types of all arguments at each launch.
        run = kernel.run.specialize(*arguments)
        return partial(run[kernel.grid(domain)], *arguments)

    def synchronise(self) -> None:
        cuda.synchronize()

    def _argument(self, array: Array) -> Any:
        """The array at the same address, as numba's kernels take it."""
        described = {
            "shape": array.shape,
            "strides": None if array.flags.c_contiguous else array.strides,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "version": 3,
        }
        return cuda.from_cuda_array_interface(described, owner=array)


@final
class _Simulation(_Device):
    words = PYTHON
    threads = 3  # so few that small domains have several blocks
    side = 2
    reach: Mapping[int, int] = {0: 1, 32: 2, 64: 2}
    bound = int  # type: ignore[assignment]

    def instructions(self, width: int) -> Instructions:
        return self.words.instructions(width)

    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        def quiet(*arguments: Any) -> Any:
            # Each thread has numpy's default answer to overflow.
            with np.errstate(all="ignore"):
                return cell(*arguments)

        return quiet

    def allocate(self, size: int) -> Array:
        return np.empty(size, np.uint8)

    def prepared(
        self, kernel: _Kernel, domain: tuple[int, ...], arrays: Sequence[Array], outputs: int
    ) -> Callable[[], None]:
        def launch() -> None:
            cells = tuple(map(as_python_numbers, arrays))
            kernel.run[kernel.grid(domain)](domain, cells)
            for array, cell in zip(arrays[-outputs:], cells[-outputs:], strict=True):
                array[...] = cell

        return launch

    def synchronise(self) -> None:
        pass


@final
class CudaTarget(Target):
    """Runs kernels on a GPU, or in numba's simulation of one."""

    name = "cuda"

    def __init__(self, *, simulated: bool) -> None:
        super().__init__()
        self._device: _Device = _Simulation() if simulated else _Gpu()
        self._words = self._device.words
        self._memory = SharedMemory(self._device.allocate)
        self._instructions: dict[int, Instructions] = {}
        self._compiled: dict[tuple[Loop, Table], _Kernel] = {}

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Numpy's unsigned integer of that width, which numba knows."""
        return self._words.unsigned(bits)

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Numpy's signed integer of that width, which numba knows."""
        return self._words.signed(bits)

    def clz(self, bits: int) -> Routine:
        """LLVM's ctlz, which becomes the GPU's clz."""
        return self._words.clz(bits)

    def high_product(self, bits: int) -> Routine:
        """LLVM's product of integers of twice the width, which becomes the GPU's mul.hi."""
        return self._words.high_product(bits)

    def encoding_of(self, width: int) -> Routine:
        """LLVM's bitcast."""
        return self._words.encoding_of(width)

    def real_of(self, width: int) -> Routine:
        """LLVM's bitcast."""
        return self._words.real_of(width)

    def instructions(self, width: int) -> Instructions:
        """Libdevice's functions that round to nearest, which are never contracted."""
        if width not in self._instructions:
            self._instructions[width] = self._device.instructions(width)
        return self._instructions[width]

    def routine(self, function: Routine) -> Routine:
        """A routine for numba, which compiles it anew for the device."""
        return self._words.routine(function)

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """A new array in managed memory.

        Raises:
            MemoryError: There is no room for it.
        """
        return self._memory.empty(shape, dtype)

    def held(self, array: Array) -> Array:
        """The array, in managed memory."""
        return self._memory.held(array)

    def source(self, loop: Loop, table: Table) -> Callable[..., None]:
        """What is compiled of a loop: ``kernel(domain, arrays)``."""
        if loop in FUSED:
            return self._tiled(loop, table)
        cell = self._device.function(loop.make(table))
        return _KERNELS[loop.rank - 1](cell, self._device.bound)

    def _tiled(self, loop: Loop, table: Table) -> Callable[..., None]:
        """A product's twin that computes tiles."""
        width = _hardware_width(table)
        return tiled_twin(
            loop,
            table,
            self.instructions(width) if width else None,
            self._device.function,
            side=self._device.side,
            reach=self._device.reach[width],
        )

    def compiled(self, loop: Loop, table: Table) -> _Kernel:
        """A kernel, made once: compiled for the arrays it is called with."""
        if (loop, table) not in self._compiled:
            grid = self._tiles(table) if loop in FUSED else self._cells
            self._compiled[loop, table] = _Kernel(cuda.jit(self.source(loop, table)), grid)
        return self._compiled[loop, table]

    def _cells(self, domain: tuple[int, ...]) -> tuple[int, int]:
        """The grid with a thread for each cell."""
        threads = self._device.threads
        return -(-prod(domain) // threads), threads

    def _tiles(self, table: Table) -> _Grid:
        """The grid with a block for each tile of a product."""
        side = self._device.side
        extent = side * self._device.reach[_hardware_width(table)]
        return lambda domain: (blocks_of(domain, extent), (side, side))

    def ptx(
        self, loop: Loop, table: Table, arrays: Sequence[Array], capability: tuple[int, int]
    ) -> str:
        """The code of a kernel for arrays like these, on GPUs of a compute capability."""
        from numba.cuda import types
        from numba.cuda.typing.typeof import typeof

        domain = types.UniTuple(types.int64, loop.rank)
        taken = types.BaseTuple.from_types([typeof(array) for array in arrays])
        text, _ = cuda.compile_ptx(
            self.source(loop, table), types.void(domain, taken), cc=capability
        )
        return str(text)

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Compile a loop for the arrays it is called with. Each launch waits for its end."""
        run = self.compiled(loop, table)

        def launch(domain: tuple[int, ...], *arrays: Array) -> None:
            if 0 in domain:
                return
            there = [self.held(array) for array in arrays]
            self._device.prepared(run, _whole(domain), there, loop.outputs)()
            self._device.synchronise()
            for array, own in zip(arrays[-loop.outputs :], there[-loop.outputs :], strict=True):
                if own is not array:
                    array[...] = own

        return launch

    def move(self, x: Array, z: Array) -> None:
        """Write elements into a view: on the device if both are there."""
        if self._memory.has(x) and self._memory.has(z):
            for launch in self._moves(x, z):
                launch()
            self._device.synchronise()
        else:
            z[...] = x

    def program(self, operations: Sequence[Operation]) -> Callable[[], None]:
        """Launches with arguments made once; one wait at the end, and one before what is no kernel.

        The launches could as well be captured into a CUDA graph, stretch by stretch between waits.
        """
        twins = self._twins(operations)
        steps = [step for operation in operations for step in self._steps(operation, twins)]

        def run() -> None:
            for twin in twins.values():
                twin.refresh()
            for step in steps:
                step()
            self._device.synchronise()

        return run

    def _twins(self, operations: Sequence[Operation]) -> dict[int, _Twin]:
        """For arrays from elsewhere that are only read, by their ids."""
        written = {memory_of(array) for one in operations for array in one.written}
        read = [x for one in operations if not isinstance(one, Called) for x in one.read]
        elsewhere = [x for x in read if not self._memory.has(x) and memory_of(x) not in written]
        return {id(x): _Twin(x, self.held(x)) for x in elsewhere}

    def _steps(
        self, operation: Operation, twins: Mapping[int, _Twin]
    ) -> Iterator[Callable[[], None]]:
        """Launches; or a wait for those before, and what the host has to do."""
        arrays = [*operation.read, *operation.written]
        there = [twins[id(x)].there if id(x) in twins else x for x in arrays]
        if isinstance(operation, Called) or not all(map(self._memory.has, there)):
            yield self._device.synchronise
            yield operation.bound(self)
        elif isinstance(operation, Moved):
            yield from self._moves(*there)
        elif 0 not in operation.domain:
            run = self.compiled(operation.loop, operation.table)
            outputs = operation.loop.outputs
            yield self._device.prepared(run, _whole(operation.domain), there, outputs)

    def _moves(self, x: Array, z: Array) -> Iterator[Callable[[], None]]:
        """Launches that write elements into a view."""
        if x.size:
            run = self.compiled(MOVE, NO_ROUTINES)
            for source, destination in within_axes(x, z):
                extents, *strides = zip(*padded(source, destination), strict=True)
                pair = [
                    _strided(array, extents, own)
                    for array, own in zip((source, destination), strides, strict=True)
                ]
                yield self._device.prepared(run, extents, pair, MOVE.outputs)


class _Twin:
    """A copy, where kernels reach it, of an array that the host may change between replays."""

    def __init__(self, array: Array, there: Array) -> None:
        self.there = there
        self._array = array
        self._known = array.copy()

    def refresh(self) -> None:
        """Copy it anew, if it has changed. Compared on the host, lest the copy be fetched."""
        if not np.array_equal(self._array, self._known):
            self._known[...] = self._array
            self.there[...] = self._array


def _hardware_width(table: Table) -> int:
    """The width of the hardware floats that a table computes with; 0 if it does not."""
    return 8 * table.zero.itemsize if isinstance(table.zero, np.floating) else 0


def _whole(domain: tuple[int, ...]) -> tuple[int, ...]:
    """Extents as Python's integers: one signature for all."""
    return tuple(map(int, domain))


def _strided(array: Array, extents: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A view's elements as unsigned integers, along other axes; it may be only read."""
    element = np.dtype(f"u{array.itemsize}")
    start = as_strided(array, (1,), (array.itemsize,)).view(element)
    return as_strided(start, extents, tuple(s * array.itemsize for s in strides))


# Kernels by the rank of their domain. The last axis is the fastest, so that neighbouring threads
# have neighbouring cells.


def _over_1(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        i = cuda.grid(1)
        if i < domain[0]:
            cell(bound(i), bound(i + 1), *arrays)

    return kernel


def _over_2(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        place = cuda.grid(1)
        if place < domain[0] * domain[1]:
            i = place // domain[1]
            j = place - i * domain[1]
            cell(bound(i), bound(i + 1), bound(j), bound(j + 1), *arrays)

    return kernel


def _over_3(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        place = cuda.grid(1)
        if place < domain[0] * domain[1] * domain[2]:
            rest = place // domain[2]
            k = place - rest * domain[2]
            i = rest // domain[1]
            j = rest - i * domain[1]
            cell(bound(i), bound(i + 1), bound(j), bound(j + 1), bound(k), bound(k + 1), *arrays)

    return kernel


def _over_4(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        place = cuda.grid(1)
        if place < domain[0] * domain[1] * domain[2] * domain[3]:
            rest = place // domain[3]
            m = place - rest * domain[3]
            upper = rest // domain[2]
            k = rest - upper * domain[2]
            i = upper // domain[1]
            j = upper - i * domain[1]
            cell(
                bound(i),
                bound(i + 1),
                bound(j),
                bound(j + 1),
                bound(k),
                bound(k + 1),
                bound(m),
                bound(m + 1),
                *arrays,
            )

    return kernel


_KERNELS: Final = (_over_1, _over_2, _over_3, _over_4)


def _add32(a: Any, b: Any) -> Any:
    return cuda.libdevice.fadd_rn(a, b)


def _sub32(a: Any, b: Any) -> Any:
    return cuda.libdevice.fsub_rn(a, b)


def _mul32(a: Any, b: Any) -> Any:
    return cuda.libdevice.fmul_rn(a, b)


def _div32(a: Any, b: Any) -> Any:
    return cuda.libdevice.fdiv_rn(a, b)


def _sqrt32(a: Any) -> Any:
    return cuda.libdevice.fsqrt_rn(a)


def _fma32(a: Any, b: Any, c: Any) -> Any:
    return cuda.libdevice.fmaf_rn(a, b, c)


def _add64(a: Any, b: Any) -> Any:
    return cuda.libdevice.dadd_rn(a, b)


def _sub64(a: Any, b: Any) -> Any:
    # libdevice has no dsub_rn; the sum with the negated number is the same, and so are its zeros.
    return cuda.libdevice.dadd_rn(a, -b)


def _mul64(a: Any, b: Any) -> Any:
    return cuda.libdevice.dmul_rn(a, b)


def _div64(a: Any, b: Any) -> Any:
    return cuda.libdevice.ddiv_rn(a, b)


def _sqrt64(a: Any) -> Any:
    return cuda.libdevice.dsqrt_rn(a)


def _fma64(a: Any, b: Any, c: Any) -> Any:
    return cuda.libdevice.fma_rn(a, b, c)


def cuda_target() -> CudaTarget:
    """The target of the machine's GPU, or of a simulation if ``NUMBA_ENABLE_CUDASIM`` asks for it.

    Raises:
        DeviceMissingError: There is none, or something it needs is not installed.
    """
    if config.ENABLE_CUDASIM:
        return CudaTarget(simulated=True)
    missing = _missing()
    if missing:
        raise DeviceMissingError(f"device cuda: {missing}")
    from numba.cuda.core import config as cuda_config

    # A training step has kernels on few cells; that they fill no GPU is no news.
    cuda_config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    return CudaTarget(simulated=False)


def _missing() -> str:
    """What was looked for in vain, and the way out; empty if nothing."""
    if find_spec("numba_cuda") is None:
        return f"looked for the package numba-cuda, which is not installed; {_INSTALL}"
    from numba.cuda.cudadrv import nvvm
    from numba.cuda.cudadrv.driver import driver

    if not driver.is_available:
        reason = " ".join(str(driver.initialization_error).split("\n", 2)[:2]).strip(" .")
        return (
            f"looked for NVIDIA's driver, libcuda, in vain ({reason}); install it on a machine with"
            " a GPU, or take --device cpu"
        )
    if not nvvm.is_available():
        return f"looked for the compiler library NVVM, a wheel of CUDA, in vain; {_INSTALL}"
    try:
        count = len(cuda.gpus)
    except Exception as error:  # whatever the driver says
        return f"looked for a GPU, and the driver says: {error}; see `nvidia-smi`"
    if not count:
        return "looked for a GPU; the driver sees none; see CUDA_VISIBLE_DEVICES and `nvidia-smi`"
    return ""


def described() -> dict[str, str]:
    """The versions of CUDA's runtime and driver, and the GPUs; what is not there is left out."""
    from numba.cuda.cudadrv.driver import driver

    facts = {"CUDA runtime": ".".join(map(str, cuda.runtime.get_version()))}
    if driver.is_available:
        facts["CUDA of the driver"] = ".".join(map(str, driver.get_version()))
        for k, gpu in enumerate(cuda.gpus):
            major, minor = gpu.compute_capability
            facts[f"GPU {k}"] = f"{gpu.name}, compute capability {major}.{minor}"
    return facts
