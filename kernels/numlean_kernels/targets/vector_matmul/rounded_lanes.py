"""Lanes that carry numbers of a small format in hardware floats, rounded after each operation.

A hardware float x with 2**e <= abs(x) < 2**(e+1) is rounded to p bits by adding and subtracting
M = 1.5 * 2**(e + P - p), where P is the precision of the wide format: the last bit of x + M counts
2**(e-p+1), and the sum is rounded to nearest even once. The factor 1.5 keeps x + M between two
powers of two. 2**e is the exponent field of x alone, so M is one product.

What this cannot do becomes a NaN, which stays one in all further sums, and the table's own routines
compute such elements again: numbers beyond the range, numbers so great that M overflows, NaNs and
infinities. A number that is rounded to zero loses its sign. Where products are rounded, no element
shows that: sums start from +0, and to nearest even no sum of +0 and a number is -0.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from numlean_kernels.protocol import Carried, Routine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.machine import machine

_TEMPORARIES: Final = 4
_CHECKED: Final = 7 / 16
_FUSED: Final = 10 / 16
"""The registers that steps need: a number, or a fraction of all. LLVM interleaves long steps, so
that a tile of more sums stores some of them in memory at every term, which costs more than half of
its speed (measured on AVX-512)."""


class _Constants(NamedTuple):
    """The constants of a rounding; a tuple, of which the digest of a kernel covers the values.

    Attributes:
        width: The width of the wide format.
        field: The mask of its exponent field.
        least: The least power of two whose multiples are rounded, as an encoding.
        factor: What multiplies a power of two in M.
        limit: What multiplies the numbers within the range to finite ones, and no others; 0 if no
            number is beyond the range.
    """

    width: int
    field: int
    least: int
    factor: float
    limit: float


def _constants(carried: Carried) -> _Constants:
    small, wide = carried.format, carried.wide
    greatest = (small.max_finite & small.trailing_mask) + small.implicit_bit + 0.5
    scale = 2.0 ** (wide.emax + 1 - small.emax) / greatest
    return _Constants(
        wide.width,
        wide.infinity,
        (small.emin + wide.bias) << wide.trailing_bits,
        1.5 * 2.0 ** (wide.precision - small.precision),
        scale * small.implicit_bit if small.emax < wide.emax else 0.0,
    )


def separate_lanes(carried: Carried, enter: Routine, leave: Routine) -> LaneArithmetic:
    """Return lanes that round each product and each sum.

    Sums are multiples of the least number of the format, so those below the normal range are exact
    and need no least exponent. A product that may be inexact near half the least number is rounded
    from its two factors (:mod:`numlean_kernels.widened.conditions`: of ``tf32`` in binary32).
    """
    small, wide = carried.format, carried.wide
    constants = tuple(_constants(carried))
    is_exact = small.emin - 3 * small.precision >= wide.emin - wide.precision

    is_checked = small.emax < wide.emax
    temporaries = int(_CHECKED * machine().registers) if is_checked else _TEMPORARIES

    def step(builder: Any, total: Any, a: Any, b: Any) -> Any:
        product = builder.fmul(a, b)
        if is_exact:
            product = _emit_rounded(builder, constants, product, True)
        else:
            anchor = _emit_anchor(builder, constants, product)
            product = builder.fsub(_emit_fma(builder, a, b, anchor), anchor)
        product = _emit_checked(builder, constants, product)
        total = _emit_rounded(builder, constants, builder.fadd(total, product), False)
        return _emit_checked(builder, constants, total)

    return _lanes(carried, step, enter, leave, temporaries)


def fused_lanes(carried: Carried, enter: Routine, leave: Routine) -> LaneArithmetic:
    """Return lanes that round each product and sum once: the product is exact, the sum odd.

    See :func:`numlean_kernels.widened.sums.make_odd_sum`. A sum may be rounded to -0.
    """
    constants = tuple(_constants(carried))

    def step(builder: Any, total: Any, a: Any, b: Any) -> Any:
        total = _emit_odd_sum(builder, constants, builder.fmul(a, b), total)
        rounded = _emit_rounded(builder, constants, total, True)
        rounded = _emit_checked(builder, constants, rounded)
        return _emit_with_sign(builder, constants, rounded, total)

    return _lanes(carried, step, enter, leave, int(_FUSED * machine().registers))


def _lanes(
    carried: Carried, step: Any, enter: Routine, leave: Routine, temporaries: int
) -> LaneArithmetic:
    return LaneArithmetic(
        dtype=np.dtype(f"float{carried.wide.width}"),
        step=step,
        is_final=_emit_is_number,
        enter=enter,
        leave=leave,
        temporaries=temporaries,
        terms_of_pass=1,
    )


def _emit_is_number(builder: Any, total: Any) -> Any:
    return builder.fcmp_ordered("ord", total, total)


def _emit_rounded(builder: Any, constants: Any, x: Any, has_least: bool) -> Any:
    """Round to the precision, and with ``has_least`` not below the least number."""
    factor = _Constants(*constants).factor
    power = _emit_power(builder, constants, x, has_least)
    total = _emit_fma(builder, power, _spread(x.type, factor), x)
    return _emit_fma(builder, power, _spread(x.type, -factor), total)


def _emit_anchor(builder: Any, constants: Any, x: Any) -> Any:
    """Return M, which rounds numbers next to x."""
    power = _emit_power(builder, constants, x, True)
    return builder.fmul(power, _spread(x.type, _Constants(*constants).factor))


def _emit_power(builder: Any, constants: Any, x: Any, has_least: bool) -> Any:
    width, mask, least, *_ = constants
    words = ir.VectorType(ir.IntType(width), x.type.count)
    field = builder.and_(builder.bitcast(x, words), _spread(words, mask))
    if has_least:
        end = _spread(words, least)
        field = builder.select(builder.icmp_unsigned(">", field, end), field, end)
    return builder.bitcast(field, x.type)


def _emit_checked(builder: Any, constants: Any, x: Any) -> Any:
    """Return a NaN in the place of a number beyond the range.

    A product with the limit overflows exactly if x is beyond the range; infinity times 0 is a NaN.
    """
    limit = _Constants(*constants).limit
    if limit == 0:
        return x
    scaled = builder.fmul(x, _spread(x.type, limit))
    return _emit_fma(builder, scaled, _spread(x.type, 0.0), x)


def _emit_odd_sum(builder: Any, constants: Any, x: Any, y: Any) -> Any:
    """Return a sum rounded to odd."""
    width = _Constants(*constants).width
    nearest = builder.fadd(x, y)
    of_y = builder.fsub(nearest, x)
    of_x = builder.fsub(nearest, of_y)
    error = builder.fadd(builder.fsub(x, of_x), builder.fsub(y, of_y))
    words = ir.VectorType(ir.IntType(width), x.type.count)
    bits, other = builder.bitcast(nearest, words), builder.bitcast(error, words)
    is_beyond = builder.lshr(builder.xor(bits, other), _spread(words, width - 1))
    odd = builder.or_(builder.sub(bits, is_beyond), _spread(words, 1))
    is_inexact = builder.fcmp_ordered("one", error, _spread(x.type, 0.0))
    return builder.select(is_inexact, builder.bitcast(odd, x.type), nearest)


def _emit_with_sign(builder: Any, constants: Any, x: Any, y: Any) -> Any:
    """Return x, which is +0 or has the sign of y, with the sign of y."""
    width = _Constants(*constants).width
    words = ir.VectorType(ir.IntType(width), x.type.count)
    sign = builder.and_(builder.bitcast(y, words), _spread(words, 1 << (width - 1)))
    return builder.bitcast(builder.or_(builder.bitcast(x, words), sign), x.type)


def _emit_fma(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z, rounded once."""
    vector = x.type
    width = 32 if vector.element == ir.FloatType() else 64
    kind = ir.FunctionType(vector, [vector] * 3)
    name = f"llvm.fma.v{vector.count}f{width}"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [x, y, z])


def _spread(vector: Any, value: Any) -> Any:
    return ir.Constant(vector, [value] * vector.count)
