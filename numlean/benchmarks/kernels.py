"""Plain kernels, fast kernels with the same bits, and numpy, which does not specify bits.

Of formats with at most eight bits, plain kernels compute, and fast ones may look results up.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.benchmarks.operations import ELEMENTS, operands
from numlean.benchmarks.timing import best_seconds
from numlean.errors import UnavailableError
from numlean.scalar.contract import reset_stream
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Contraction, Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.verification import Mismatch
from numlean_kernels.formats import BFLOAT16, BINARY16, BINARY32, BINARY64, E4M3, E5M2, Format

FROM_FLOAT: Final = "from_float"
"""The operation that rounds binary64 numbers."""

OPERATIONS: Final = (
    *("matmul", "add", "mul", "div", "sqrt", "fma", "exp", "tanh", "sum"),
    FROM_FLOAT,
)
"""The operations that can be measured."""

SIZES: Final = (256, 512)
"""The default numbers of rows and columns of matrices."""

_NUMPY: Final = {"mul": "multiply", "div": "divide"}
_NUMPY_DTYPES: Final[dict[Format, Any]] = {
    BINARY32: np.float32,
    BINARY64: np.float64,
    BINARY16: np.float16,
}
_ML_DTYPES: Final = {BFLOAT16: "bfloat16", E4M3: "float8_e4m3fn", E5M2: "float8_e5m2"}
"""The names of formats in ml_dtypes."""


@dataclass(frozen=True)
class KernelCase:
    """An operation to measure.

    Attributes:
        operation: One of ``OPERATIONS``.
        size: The elements of an array, always ``ELEMENTS``; of a matrix, its rows and columns.
        contraction: The contraction of a matrix product; None for other operations.
    """

    operation: str
    size: int
    contraction: Contraction | None = None

    @property
    def name(self) -> str:
        """The name in tables."""
        if self.contraction is None:
            return self.operation
        return f"{self.operation} {self.size}{', fma' if self.contraction == 'fma' else ''}"

    @property
    def count(self) -> int:
        """The number of elementary operations; a term of a matrix product counts as two."""
        return self.size if self.contraction is None else 2 * self.size**3

    def operands(self, encode: Callable[[Any], Storage]) -> list[Storage]:
        """Return the operands: the same numbers in every arithmetic, each rounded once."""
        return operands(self.operation, encode, self.size)

    def call(self, scalar: Scalar) -> Callable[[], Storage]:
        """Return a call of the operation in an arithmetic."""
        if self.operation == FROM_FLOAT:
            return partial(scalar.from_float, *self.operands(np.asarray))
        keywords = {} if self.contraction is None else {"contraction": self.contraction}
        return partial(
            getattr(scalar, self.operation), *self.operands(scalar.from_float), **keywords
        )

    def numpy_call(self, dtype: Any) -> Callable[[], object] | None:
        """Return a call of numpy, in its own order; None if numpy lacks the operation."""
        if self.operation == FROM_FLOAT:
            (values,) = self.operands(np.asarray)
            return partial(values.astype, dtype)
        if self.contraction is not None and np.dtype(dtype).itemsize < np.dtype("f4").itemsize:
            return None  # numpy's loop, not its BLAS
        call = getattr(np, _NUMPY.get(self.operation, self.operation), None)
        return call and partial(call, *self.operands(lambda values: values.astype(dtype)))


@dataclass(frozen=True)
class Times:
    """Seconds for each elementary operation in one dtype.

    Attributes:
        dtype: The arithmetic.
        plain: The time with the kernels that every table of routines has.
        fast: The time with the fast kernels.
        numpy: The time of numpy or ml_dtypes on the same numbers; None if they lack them.
        numpy_dtype: The name of their dtype; "" if they lack it.
    """

    dtype: str
    plain: float
    fast: float
    numpy: float | None
    numpy_dtype: str = ""


def cases(operation: str, sizes: tuple[int, ...] = SIZES) -> list[KernelCase]:
    """Return the cases of an operation: for matrices, each size and contraction."""
    if operation != "matmul":
        return [KernelCase(operation, ELEMENTS)]
    contractions: tuple[Contraction, ...] = ("separate", "fma")
    return [
        KernelCase(operation, size, contraction) for contraction in contractions for size in sizes
    ]


def plain_and_fast(dtype: str) -> tuple[Scalar, Scalar]:
    """Return an arithmetic with plain kernels and with fast ones, both at the start of a stream.

    Raises:
        UnavailableError: The dtype has no fast kernels.
    """
    scalar = get_scalar(dtype)
    if isinstance(scalar, KernelScalar) and scalar.storage_dtype == np.uint8:
        return replace(scalar, uses_code_tables=False), _fast_or_looked_up(scalar)
    return reset_stream(scalar), reset_stream(get_scalar(dtype, fast_kernels=True))


def _fast_or_looked_up(scalar: Scalar) -> Scalar:
    try:
        return get_scalar(scalar.name, fast_kernels=True)
    except UnavailableError:
        return scalar


def _numpy_dtype(format: Format | None) -> Any:
    """Return the dtype of numpy or of ml_dtypes with the numbers of a format; None if none has."""
    if format in _NUMPY_DTYPES:
        return _NUMPY_DTYPES[format]
    if format not in _ML_DTYPES:
        return None
    try:
        import ml_dtypes  # an optional package
    except ImportError:
        return None
    return getattr(ml_dtypes, _ML_DTYPES[format], None)


def first_difference(case: KernelCase, dtype: str) -> tuple[tuple[int, ...], Mismatch] | None:
    """Return the first index where fast and plain kernels differ, with their bits."""
    plain, fast = plain_and_fast(dtype)
    expected, actual = (scalar.to_bits(case.call(scalar)()) for scalar in (plain, fast))
    places = np.argwhere(expected != actual)
    if not len(places):
        return None
    place = tuple(map(int, places[0]))
    elementwise = case.operation not in ("matmul", "sum", FROM_FLOAT)
    x = case.operands(plain.from_float) if elementwise else []
    bits = tuple(int(plain.to_bits(a)[place]) for a in x)
    return place, Mismatch(bits, int(expected[place]), int(actual[place]), None, 0)


def times(case: KernelCase, dtypes: list[str], rounds: int) -> list[Times]:
    """Measure a case in each dtype, and in numpy, all in alternating rounds."""
    timed: dict[Hashable, Callable[[], object]] = {}
    formats = {dtype: get_scalar(dtype).format for dtype in dtypes}
    for dtype in dtypes:
        for kind, scalar in zip(("plain", "fast"), plain_and_fast(dtype), strict=True):
            timed[dtype, kind] = case.call(scalar)
    for format in {*formats.values()}:
        dtype = _numpy_dtype(format)
        if dtype is not None and (numpy_call := case.numpy_call(dtype)):
            timed[format] = numpy_call
    with np.errstate(all="ignore"):  # numpy warns of 1 / 0, which narrow formats have
        best = best_seconds(timed, rounds)
    each = {key: seconds / case.count for key, seconds in best.items()}
    return [
        Times(
            dtype,
            each[dtype, "plain"],
            each[dtype, "fast"],
            each.get(formats[dtype]),
            _name_of(_numpy_dtype(formats[dtype])),
        )
        for dtype in dtypes
    ]


def _name_of(dtype: Any) -> str:
    return "" if dtype is None else np.dtype(dtype).name
