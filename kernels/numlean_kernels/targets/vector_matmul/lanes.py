"""How the lanes of vectors add the terms of a matrix product: one step of an element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias, final

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from numlean_kernels.protocol import Routine

EmitStep: TypeAlias = Callable[[Any, Any, Any, Any], Any]
"""``step(builder, total, a, b)``: emit LLVM code for one term; return the new sums.

``total``, ``a`` and ``b`` are vectors of one type; ``a`` has one number in all lanes."""

EmitTest: TypeAlias = Callable[[Any, Any], Any]
"""``test(builder, total)``: emit LLVM code; return a vector of one bit for each lane."""

_LLVM: Final[dict[str, Any]] = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "uint16": ir.IntType(16),
    "uint32": ir.IntType(32),
    "uint64": ir.IntType(64),
}


@final
@dataclass(frozen=True, eq=False)
class LaneArithmetic:
    """How lanes hold numbers and add terms.

    Attributes:
        dtype: The numpy dtype of a lane, in panels of operands and in sums. Zero bits are +0, from
            which sums start.
        step: Emits the code that adds a term to the sums in a vector.
        is_final: Emits the test whether a sum, after the last term, gives the bits of the plain
            loop. Other elements are computed again by the table's own routines.
        enter: A routine from a number as stored to a lane; None if the bits are the same.
        leave: A routine from a final sum to a number as stored; None if ``enter`` is.
        temporaries: The number of registers that a step needs besides its sums and operands.
        terms_of_pass: The terms of one pass through the loop, whose counters cost instructions;
            long steps need no more than one.
    """

    dtype: np.dtype[Any]
    step: EmitStep
    is_final: EmitTest
    enter: Routine | None = None
    leave: Routine | None = None
    temporaries: int = 0
    terms_of_pass: int = 4

    @property
    def llvm_type(self) -> Any:
        """LLVM's type of a lane."""
        return _LLVM[self.dtype.name]

    @property
    def in_place(self) -> bool:
        """Whether operands are read, and sums stored, as numbers in the memory of arrays."""
        return self.enter is None

    @property
    def bits(self) -> int:
        """The number of bits of a lane."""
        return 8 * self.dtype.itemsize


@cache
def hardware_lanes(width: int, *, fused: bool) -> LaneArithmetic:
    """Return the processor's arithmetic on binary32 or binary64 numbers.

    Processors choose NaNs differently, but a sum that becomes a NaN stays one. So all other sums
    are final.
    """
    return LaneArithmetic(
        dtype=np.dtype(f"float{width}"),
        step=_emit_fma if fused else _emit_product_and_sum,
        is_final=_emit_is_number,
        temporaries=0 if fused else 1,
    )


def _emit_is_number(builder: Any, total: Any) -> Any:
    return builder.fcmp_ordered("ord", total, total)


def _emit_product_and_sum(builder: Any, total: Any, a: Any, b: Any) -> Any:
    return builder.fadd(total, builder.fmul(a, b))


def _emit_fma(builder: Any, total: Any, a: Any, b: Any) -> Any:
    vector = total.type
    width = 32 if vector.element == ir.FloatType() else 64
    kind = ir.FunctionType(vector, [vector] * 3)
    name = f"llvm.fma.v{vector.count}f{width}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, total])
