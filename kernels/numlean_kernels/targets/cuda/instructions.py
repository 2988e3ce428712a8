"""Hardware arithmetic on a GPU, written so that the compiler does not change it.

NVVM contracts a product and a sum into one instruction, and no option disables that. It does not
contract these functions of libdevice, which round to nearest.
"""

from __future__ import annotations

from typing import Any, Final

from numba import cuda

from numlean_kernels.protocol import Routine


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
    # libdevice has no dsub_rn; adding the negated number is the same, including signs of zeros.
    return cuda.libdevice.dadd_rn(a, -b)


def _mul64(a: Any, b: Any) -> Any:
    return cuda.libdevice.dmul_rn(a, b)


def _div64(a: Any, b: Any) -> Any:
    return cuda.libdevice.ddiv_rn(a, b)


def _sqrt64(a: Any) -> Any:
    return cuda.libdevice.dsqrt_rn(a)


def _fma64(a: Any, b: Any, c: Any) -> Any:
    return cuda.libdevice.fma_rn(a, b, c)


ROUNDED_ONCE: Final[dict[int, tuple[Routine, ...]]] = {
    32: (_add32, _sub32, _mul32, _div32, _sqrt32, _fma32),
    64: (_add64, _sub64, _mul64, _div64, _sqrt64, _fma64),
}
"""By the width of the floats: sum, difference, product, quotient, square root, fused multiply-add.
"""
