"""Plain kernels, fast kernels with the same bits, and numpy, which does not specify bits.

Of formats with at most eight bits, fast kernels look results up that plain ones compute.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.benchmarks.operations import ELEMENTS, operands
from numlean.benchmarks.timing import best_seconds
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Contraction, Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.verification import Mismatch
from numlean_kernels.formats import BINARY32, BINARY64, Format

OPERATIONS: Final = ("matmul", "add", "mul", "div", "sqrt", "fma", "exp", "tanh", "sum")
"""The operations that can be measured."""

SIZES: Final = (256, 512)
"""The default numbers of rows and columns of matrices."""

_NUMPY: Final = {"mul": "multiply", "div": "divide"}
_NUMPY_DTYPES: Final[dict[Format, type[np.floating[Any]]]] = {
    BINARY32: np.float32,
    BINARY64: np.float64,
}


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
        keywords = {} if self.contraction is None else {"contraction": self.contraction}
        return partial(
            getattr(scalar, self.operation), *self.operands(scalar.from_float), **keywords
        )

    def numpy_call(self, dtype: type[np.floating[Any]]) -> Callable[[], object] | None:
        """Return a call of numpy, in its own order; None if numpy lacks the operation."""
        call = getattr(np, _NUMPY.get(self.operation, self.operation), None)
        return call and partial(call, *self.operands(lambda values: values.astype(dtype)))


@dataclass(frozen=True)
class Times:
    """Seconds for each elementary operation in one dtype.

    Attributes:
        dtype: The arithmetic.
        plain: The time with the kernels that every table of routines has.
        fast: The time with the fast kernels.
        numpy: The time of numpy, in the hardware format of the same numbers; None if it has none.
    """

    dtype: str
    plain: float
    fast: float
    numpy: float | None


def cases(operation: str, sizes: tuple[int, ...] = SIZES) -> list[KernelCase]:
    """Return the cases of an operation: for matrices, each size and contraction."""
    if operation != "matmul":
        return [KernelCase(operation, ELEMENTS)]
    contractions: tuple[Contraction, ...] = ("separate", "fma")
    return [
        KernelCase(operation, size, contraction) for contraction in contractions for size in sizes
    ]


def plain_and_fast(dtype: str) -> tuple[Scalar, Scalar]:
    """Return an arithmetic with plain kernels and with fast ones.

    Raises:
        UnavailableError: The dtype has no fast kernels.
    """
    scalar = get_scalar(dtype)
    if isinstance(scalar, KernelScalar) and scalar.storage_dtype == np.uint8:
        return replace(scalar, uses_code_tables=False), scalar
    return get_scalar(dtype), get_scalar(dtype, fast_kernels=True)


def first_difference(case: KernelCase, dtype: str) -> tuple[tuple[int, ...], Mismatch] | None:
    """Return the first index where fast and plain kernels differ, with their bits."""
    plain, fast = plain_and_fast(dtype)
    expected, actual = (scalar.to_bits(case.call(scalar)()) for scalar in (plain, fast))
    places = np.argwhere(expected != actual)
    if not len(places):
        return None
    place = tuple(map(int, places[0]))
    elementwise = case.operation not in ("matmul", "sum")
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
    for format, numpy_dtype in _NUMPY_DTYPES.items():
        if format in formats.values() and (numpy_call := case.numpy_call(numpy_dtype)):
            timed[format] = numpy_call
    each = {key: best / case.count for key, best in best_seconds(timed, rounds).items()}
    return [
        Times(dtype, each[dtype, "plain"], each[dtype, "fast"], each.get(formats[dtype]))
        for dtype in dtypes
    ]
