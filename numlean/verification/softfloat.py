"""Berkeley SoftFloat 3, from the library in the ``softfloat`` package, in compiled loops.

A call through the package's Python interface takes microseconds. Here the library's functions are
called by address, as a C program calls them: one indirect call for each element.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.verification.encoding import is_signalling
from numlean.verification.nan_rules import PRODUCT_RULES, is_open_product
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.flags import INVALID
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64, Format

_ROUNDINGS: Final = {
    "ties_to_even": 0,
    "toward_zero": 1,
    "toward_negative": 2,
    "toward_positive": 3,
    "ties_to_away": 4,
}
_TININESS: Final = {"before": 0, "after": 1}
_WORDS: Final = {
    BINARY16: (ctypes.c_uint16, "f16"),
    BINARY32: (ctypes.c_uint32, "f32"),
    BINARY64: (ctypes.c_uint64, "f64"),
}
_FUNCTIONS: Final = {"fma": "mulAdd"}

Loop = Callable[..., None]


@cache
def library() -> ctypes.CDLL:
    """Return SoftFloat's shared library.

    Raises:
        UnavailableError: It is not installed.
    """
    found = find_spec("_softfloat")
    if found is None or found.origin is None:
        raise UnavailableError(
            "SoftFloat is not installed; run tools/install_softfloat in a checkout"
        )
    return ctypes.CDLL(found.origin)


@cache
def softfloat_loop(format: Format, operation: str, arity: int) -> Loop:
    """Return ``loop(*operands, z)``, which calls SoftFloat's function for each element.

    Raises:
        UnavailableError: SoftFloat has no such function, or is not installed.
    """
    import numba

    function = _function(format, operation, arity)

    def unary(a: Any, z: Any) -> None:
        for i in range(len(z)):
            z[i] = function(a[i])

    def binary(a: Any, b: Any, z: Any) -> None:
        for i in range(len(z)):
            z[i] = function(a[i], b[i])

    def ternary(a: Any, b: Any, c: Any, z: Any) -> None:
        for i in range(len(z)):
            z[i] = function(a[i], b[i], c[i])

    loop: Loop = numba.njit((unary, binary, ternary)[arity - 1])
    return loop


@cache
def _flagged_loop(format: Format, operation: str, arity: int) -> Loop:
    """Return ``loop(*operands, flags, z, raised)``; ``flags`` is the library's own variable."""
    import numba

    function = _function(format, operation, arity)

    def unary(a: Any, flags: Any, z: Any, raised: Any) -> None:
        for i in range(len(z)):
            flags[0] = 0
            z[i] = function(a[i])
            raised[i] = flags[0]

    def binary(a: Any, b: Any, flags: Any, z: Any, raised: Any) -> None:
        for i in range(len(z)):
            flags[0] = 0
            z[i] = function(a[i], b[i])
            raised[i] = flags[0]

    def ternary(a: Any, b: Any, c: Any, flags: Any, z: Any, raised: Any) -> None:
        for i in range(len(z)):
            flags[0] = 0
            z[i] = function(a[i], b[i], c[i])
            raised[i] = flags[0]

    loop: Loop = numba.njit((unary, binary, ternary)[arity - 1])
    return loop


@cache
def softfloat_matmul(format: Format, n: int) -> Loop:
    """Return ``loop(a, b, c)``: the triple loop of SoftFloat's products and sums, n x n."""
    import numba

    add, mul = (_function(format, name, 2) for name in ("add", "mul"))
    zero = format.storage_dtype.type(0)

    def matmul(a: Any, b: Any, c: Any) -> None:
        for i in range(n):
            for j in range(n):
                total = zero
                for k in range(n):
                    total = add(total, mul(a[i, k], b[k, j]))
                c[i, j] = total

    loop: Loop = numba.njit(matmul)
    return loop


def _function(format: Format, operation: str, arity: int) -> Any:
    word, prefix = _WORDS.get(format, (None, ""))
    function = getattr(library(), f"{prefix}_{_FUNCTIONS.get(operation, operation)}", None)
    if function is None:
        raise UnavailableError(f"SoftFloat has no {operation} for {format.name}")
    # A struct of one integer is passed like the integer.
    function.argtypes, function.restype = [word] * arity, word
    return function


class SoftFloat:
    """See :class:`numlean.verification.reference.ArithmeticReference`.

    Version 0.1.4.1 of the package has errors, so these operations are left out: square roots, which
    are wrong (sqrt(1) = 0.77); the remainder of binary16, which kills the process (SIGFPE); and
    sums of binary16 toward negative, which become -infinity without raising overflow (a = 0xfbff,
    b = 0x8020; MPFR agrees with ours).
    """

    def __init__(self, format: Format, choices: Choices) -> None:
        kept = choices.subnormal == "keep" and choices.overflow == "infinite"
        if format not in _WORDS or choices.rounding not in _ROUNDINGS or not kept:
            raise UnavailableError(
                f"SoftFloat computes binary16, binary32 and binary64, rounds"
                f" {', '.join(_ROUNDINGS)}, and keeps subnormals and infinities"
            )
        self.format, self.choices = format, choices
        self.operations = {"add": 2, "sub": 2, "mul": 2, "div": 2, "rem": 2, "fma": 3}
        if format is BINARY16:
            del self.operations["rem"]
            if choices.rounding == "toward_negative":
                del self.operations["add"], self.operations["sub"]
        self.has_nan_bits = choices.nan == "x86"
        self._rounding = _ROUNDINGS[choices.rounding]
        self._tininess = _TININESS[choices.tininess]
        library()

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings and flags."""
        _variable("softfloat_roundingMode")[0] = self._rounding
        _variable("softfloat_detectTininess")[0] = self._tininess
        loop = _flagged_loop(self.format, operation, len(x))
        z, raised = np.empty_like(x[0]), np.empty(len(x[0]), np.uint8)
        loop(*x, _variable("softfloat_exceptionFlags"), z, raised)
        _variable("softfloat_roundingMode")[0] = 0
        if operation == "fma" and self.choices.nan not in PRODUCT_RULES:
            self._leave_open(x, z, raised)
        return z, raised

    def _leave_open(self, x: list[Bits], z: Bits, raised: Raised) -> None:
        """Replace the result of 0 * infinity plus a NaN, which SoftFloat always makes invalid.

        Clause 7.2 leaves open whether it is; under these rules only a signalling NaN is invalid.
        """
        f, open_case = self.format, is_open_product(self.format, self.choices, x)
        z[open_case] = x[2][open_case] | f.storage_dtype.type(f.quiet_bit)
        raised[open_case] = INVALID * is_signalling(f, x[2])[open_case]


def _variable(name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a variable of the library, of one byte, as an array."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * 1).in_dll(library(), name))
