"""The CPU: routines and loops compiled by numba, with kernels cached on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, final

import numpy as np

from numlean_kernels.protocol import (
    Array,
    Instructions,
    Launch,
    Loop,
    ProgramStep,
    Routine,
    Table,
    Target,
)
from numlean_kernels.targets import float_ops
from numlean_kernels.targets.direct_calls import DIRECT_CALLS, DIRECT_SUMS
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.intrinsics import (
    ENCODING_OF,
    REAL_OF,
    SIGNED,
    UNSIGNED,
    count_leading_zeros,
    fused_multiply_add,
    half_to_single,
    high_product,
    shift_left,
    single_to_half,
)
from numlean_kernels.targets.kernel_compiler import compiled_kernel
from numlean_kernels.targets.native_calls import entry_point
from numlean_kernels.targets.parallel.launch import ParallelLaunch

Kind = TypeVar("Kind")


@final
class CpuTarget(Target):
    """Runs kernels on the CPU."""

    name = "cpu"
    looks_up_codes = True
    computes_rows = True
    has_float_phases = True
    multiplies_views = True

    def __init__(self) -> None:
        super().__init__()
        self._instructions = Instructions(
            self.routine(float_ops.add),
            self.routine(float_ops.sub),
            self.routine(float_ops.mul),
            self.routine(float_ops.div),
            self.routine(float_ops.sqrt),
            fused_multiply_add,
        )
        self._compiled: dict[tuple[Loop, Table], Any] = {}

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Return numpy's unsigned integer of that width, which numba compiles."""
        return _of_width(UNSIGNED, bits)

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Return numpy's signed integer of that width, which numba compiles."""
        return _of_width(SIGNED, bits)

    def clz(self, bits: int) -> Routine:
        """Return LLVM's ctlz."""
        return count_leading_zeros  # type: ignore[no-any-return]

    def high_product(self, bits: int) -> Routine:
        """Return LLVM's product of integers of twice the width, shifted: one instruction."""
        return high_product  # type: ignore[no-any-return]

    def shift_left(self, bits: int) -> Routine:
        """Return LLVM's shift, with a selection that vectors of x86 do not need."""
        return shift_left  # type: ignore[no-any-return]

    def encoding_of(self, width: int) -> Routine:
        """Return LLVM's bitcast."""
        return _of_width(ENCODING_OF, width)

    def real_of(self, width: int) -> Routine:
        """Return LLVM's bitcast."""
        return _of_width(REAL_OF, width)

    def instructions(self, width: int) -> Instructions:
        """Return LLVM's instructions, which are the processor's: numba contracts nothing."""
        return self._instructions

    @property
    def half_conversions(self) -> tuple[Routine, Routine] | None:
        """LLVM's fpext and fptrunc, if they are instructions."""
        from numlean_kernels.targets.vector_matmul.machine import converts_halves

        return (half_to_single, single_to_half) if converts_halves() else None

    def routine(self, function: Routine) -> Routine:
        """Compile a routine, which is always inlined."""
        return InlinedRoutine(function)

    def compiled(self, loop: Loop, table: Table) -> Any:
        """Return numba's dispatcher of a loop, made once; it compiles for the arrays it gets."""
        loop = loop.source
        if (loop, table) not in self._compiled:
            make, kind = _source(loop, table)
            key = f"{kind}{loop.name} {table.key}"
            self._compiled[loop, table] = compiled_kernel(make(table), key)
        return self._compiled[loop, table]

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Compile a loop for the arrays it is called with, or load it from the cache."""
        if table.kernels is not None:
            return table.kernels(loop)
        return ParallelLaunch(self.compiled, loop, table)

    def direct(
        self, loop: Loop, table: Table, arity: int, dtype: np.dtype[Any]
    ) -> Callable[..., Array | None] | None:
        """Return the compiled loop with as little Python around it as possible."""
        make = DIRECT_CALLS.get(arity)
        if make is None or table.kernels is not None:
            return None
        run = entry_point(self.compiled, loop, table, ((dtype, 1),) * (arity + 1))
        return make(run, dtype, ParallelLaunch(self.compiled, loop, table))

    def direct_sum(
        self, loop: Loop, table: Table, dtype: np.dtype[Any]
    ) -> Callable[..., Array | None] | None:
        """Return the compiled loop with as little Python around it as possible."""
        make = DIRECT_SUMS.get(loop)
        if make is None or table.kernels is not None:
            return None
        rows, sums = (dtype, 2), (dtype, 1)
        layouts = (rows, *(rows,) * (loop.outputs - 1), sums)
        return make(entry_point(self.compiled, loop, table, layouts), dtype)

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Array] | None = None
    ) -> Callable[[], None]:
        """Return native code that calls the kernels one after the other."""
        from numlean_kernels.targets.native_program import native_program

        return native_program(operations, self.compiled, lambda step: step.bind(self), results)

    def copy_into(self, x: Array, z: Array) -> None:
        """Write the elements of one view into another of the same shape and dtype."""
        if x.dtype.kind == "V":  # numpy copies the fields of elements one by one
            whole = np.dtype((np.void, x.itemsize))
            x, z = x.view(whole), z.view(whole)
        z[...] = x


def _of_width(kinds: Mapping[int, Kind], bits: int) -> Kind:
    """Return what there is for words of that width.

    Raises:
        ValueError: The processor has no such words. (A KeyError would say that a table lacks a
            routine.)
    """
    if bits not in kinds:
        known = ", ".join(map(str, kinds))
        raise ValueError(f"the CPU has words of {known} bits, not {bits}")
    return kinds[bits]


def _source(loop: Loop, table: Table) -> tuple[Callable[[Table], Callable[..., None]], str]:
    """Return the maker of a kernel and its kind: a vector kernel if the table allows one."""
    if any(table.multiplies_in_vectors(fused=fused) for fused in (False, True)):
        from numlean_kernels.targets.vector_matmul.product import vector_kernel

        make = vector_kernel(loop, table)
        if make is not None:
            return make, "vector "
    return loop.make, ""


CPU = CpuTarget()
