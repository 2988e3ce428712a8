"""Elementary functions compared with those of the C library, numpy, MPFR and mpmath."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.benchmarks.operations import ELEMENTS, BenchmarkEntry
from numlean.scalar.codec import CodesCodec
from numlean.scalar.correct_rounding import compute
from numlean.scalar.elementary import ARITIES
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Storage
from numlean.scalar.registry import get_scalar

USUAL: Final = ("exp", "log", "tanh", "sin", "erf", "pow")
"""The functions that are measured by default."""

C_LIBRARY: Final = "C library, binary32"
"""The name of the entry that others are compared with."""

ENCLOSURES: Final = ", enclosures"
"""The end of the name of an entry whose elements are each computed by an enclosure."""

_SLOW_ELEMENTS: Final = 256
"""The number of elements where each is a call from Python."""
_PRECISION: Final = 24
_POSITIVE: Final = frozenset(("log", "log2", "log10", "rsqrt", "pow"))
_NUMPY: Final = {
    **{name: name for name in ARITIES},
    "pow": "power",
    "atan2": "arctan2",
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}


def entries(name: str, dtypes: list[str]) -> Iterator[BenchmarkEntry]:
    """Yield the function in each dtype, and in every library that has it.

    Dtypes whose results are kept, or decided by another one, have a second entry, by enclosures.
    """
    values = _operands(name)
    for dtype in dtypes:
        scalar = get_scalar(dtype)
        is_compiled = scalar.device == "cpu" and not scalar.storage_dtype.hasobject
        count = ELEMENTS if is_compiled else _SLOW_ELEMENTS
        x = [scalar.from_float(row[:count]) for row in values]
        yield BenchmarkEntry(dtype, partial(getattr(scalar, name), *x), count, scalar.format)
        if isinstance(scalar, KernelScalar) and isinstance(scalar.codec, CodesCodec):
            few = tuple(row[:_SLOW_ELEMENTS] for row in x)
            plain = partial(compute, scalar, scalar.codec, name, few, by_enclosures=True)
            yield BenchmarkEntry(dtype + ENCLOSURES, plain, len(few[0]), None)
    floats = [row.astype(np.float32) for row in values]
    loop = _c_loop(name, len(floats))
    if loop is not None:
        z = np.empty_like(floats[0])
        yield BenchmarkEntry(C_LIBRARY, partial(loop, *floats, z), ELEMENTS, None)
    ufunc = getattr(np, _NUMPY[name], None)
    if ufunc is not None:
        yield BenchmarkEntry("numpy, float32", partial(ufunc, *floats), ELEMENTS, None)
        yield BenchmarkEntry("numpy, float64", partial(ufunc, *values), ELEMENTS, None)
    for library in (_mpfr, _mpmath):
        call = library(name, [row[:_SLOW_ELEMENTS] for row in floats])
        if call is not None:
            yield BenchmarkEntry(library.__name__[1:], call, _SLOW_ELEMENTS, None)


def _operands(name: str) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Return normal deviates, positive or within the function's domain where necessary."""
    rng = np.random.Generator(np.random.Philox(0))
    values = rng.standard_normal((ARITIES[name], ELEMENTS))
    if name in _POSITIVE:
        values[0] = np.abs(values[0])
    if name in ("asin", "acos", "atanh", "log1p"):
        values = np.tanh(values)
    return list(np.cosh(values) if name == "acosh" else values)


def _c_loop(name: str, arity: int) -> Callable[..., None] | None:
    """Return a compiled loop that calls the C library's function on each element."""
    import numba

    library = ctypes.CDLL(ctypes.util.find_library("m"))
    function = getattr(library, f"{name}f", None)
    if function is None:
        return None
    function.argtypes, function.restype = [ctypes.c_float] * arity, ctypes.c_float

    def unary(a: Storage, z: Storage) -> None:
        for i in range(len(z)):
            z[i] = function(a[i])

    def binary(a: Storage, b: Storage, z: Storage) -> None:
        for i in range(len(z)):
            z[i] = function(a[i], b[i])

    loop: Callable[..., None] = numba.njit(unary if arity == 1 else binary)
    return loop


def _mpfr(name: str, floats: list[Any]) -> Callable[[], object] | None:
    """Return a call of MPFR at 24 bits, through gmpy2."""
    try:
        import gmpy2
    except ImportError:
        return None
    context = gmpy2.context(precision=_PRECISION)
    function = getattr(context, {"rsqrt": "rec_sqrt"}.get(name, name), None)
    if function is None:
        return None
    rows = [[gmpy2.mpfr(value) for value in row.tolist()] for row in floats]
    return lambda: list(map(function, *rows))


def _mpmath(name: str, floats: list[Any]) -> Callable[[], object] | None:
    """Return a call of mpmath at 24 bits."""
    from mpmath import MPContext

    context = MPContext()
    context.prec = _PRECISION
    function = getattr(context, {"pow": "power"}.get(name, name), None)
    if function is None:
        return None
    rows = [[context.mpf(value) for value in row.tolist()] for row in floats]
    return lambda: list(map(function, *rows))
