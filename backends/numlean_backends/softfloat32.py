"""binary32 by Berkeley SoftFloat, through the ``softfloat`` package: an oracle, one call a number.

SoftFloat follows the NaN rule of x86 SSE. Operations that only move bits are ours. So is the square
root: version 0.1.4.1 of the package computes a wrong one (0.77 for 1), because it keeps 64 bits of
an intermediate that should have 16.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, Final

from numlean.errors import UnavailableError
from numlean.scalar.dtype import Dtype
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.registry import ScalarBackend
from numlean_backends.codecs import EncodingCodec
from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.protocol import Routine, Table
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets.python import PYTHON

_NEAR_EVEN: Final = 0
_SOFTFLOAT_NAMES: Final = {
    "add": "f32_add",
    "mul": "f32_mul",
    "div": "f32_div",
    "fma": "f32_mulAdd",
    "eq": "f32_eq",
    "lt": "f32_lt_quiet",
    "le": "f32_le_quiet",
}


def _softfloat() -> ModuleType:
    try:
        import softfloat
    except ImportError as error:
        raise UnavailableError(
            "softfloat32 needs the package softfloat, which compiles C: pip install"
            f" 'numlean[oracle]', or tools/install_softfloat in a checkout ({error})"
        ) from error
    return softfloat  # type: ignore[no-any-return]


@cache
def softfloat_table() -> Table:
    """Return SoftFloat's routines on binary32 encodings, ties to even."""
    library = _softfloat()
    emulated = ieee_table(Arithmetic(BINARY32), PYTHON)

    def make(name: str) -> Routine:
        if name in _SOFTFLOAT_NAMES:
            return _call(library, getattr(library, _SOFTFLOAT_NAMES[name]))
        if name == "sub":
            return _sub(library, emulated["neg"])
        if name in ("from_binary64", cast_name(BINARY64)):
            return _from_binary64(library)
        return emulated[name]

    return Table(key="softfloat/binary32", zero=0, make=make)


def _call(library: ModuleType, function: Callable[..., Any]) -> Routine:
    def routine(*encodings: int) -> Any:
        library.cvar.softfloat_roundingMode = _NEAR_EVEN
        result = function(*(_float32(library, a) for a in encodings))
        return result if isinstance(result, bool) else result.v

    return routine


def _sub(library: ModuleType, neg: Routine) -> Routine:
    """Return SoftFloat's subtraction; a NaN on the right is negated as in every Scalar."""
    add, subtract = _call(library, library.f32_add), _call(library, library.f32_sub)

    def sub(a: int, b: int) -> Any:
        is_nan = b & BINARY32.magnitude_mask > BINARY32.infinity
        return add(a, neg(b)) if is_nan else subtract(a, b)

    return sub


def _from_binary64(library: ModuleType) -> Routine:
    def from_binary64(encoding: int) -> int:
        library.cvar.softfloat_roundingMode = _NEAR_EVEN
        operand = library.float64_t()
        operand.v = encoding
        result = int(library.f64_to_f32(operand).v)
        is_nan = result & BINARY32.magnitude_mask > BINARY32.infinity
        return BINARY32.default_nan if is_nan else result

    return from_binary64


def _float32(library: ModuleType, encoding: int) -> Any:
    operand = library.float32_t()
    operand.v = encoding
    return operand


def _make(spec: Dtype, device: str) -> KernelScalar:
    table = softfloat_table()
    return KernelScalar(
        name=spec.text,
        summary="binary32 by Berkeley SoftFloat 3",
        table=table,
        target=PYTHON,
        codec=EncodingCodec(table, PYTHON, Arithmetic(BINARY32)),
    )


scalar = ScalarBackend(
    pattern="softfloat32",
    summary="binary32 by Berkeley SoftFloat, the oracle (extra: oracle)",
    devices=("python",),
    make=_make,
    format=BINARY32,
)
