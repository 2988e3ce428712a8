"""Memory and arrays as kernels of products use them: by address."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numlean_kernels.targets.vector_matmul.emission import WORD

LINE = 64
"""The bytes of a line of a cache. A vector across two lines takes two accesses."""


@intrinsic  # type: ignore[untyped-decorator]
def allocate(typing_context: Any, size: Any) -> Any:
    """Return the address of new memory of some bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(context.nrt.allocate(builder, arguments[0]), WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def free(typing_context: Any, address: Any) -> Any:
    """Free memory that ``allocate`` returned."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        context.nrt.free(builder, pointer)
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def address_of(typing_context: Any, x: Any, m: Any) -> Any:
    """Return the address of matrix m of a batch."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        first = cgutils.unpack_tuple(builder, array.strides)[0]
        start = builder.ptrtoint(array.data, WORD)
        return builder.add(start, builder.mul(first, arguments[1]))

    return types.int64(x, types.int64), generate
