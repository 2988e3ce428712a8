"""Plain kernels, the fast kernels that give the same bits, and numpy, which promises none."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.benchmarks.operations import ELEMENTS, operands
from numlean.benchmarks.timing import best_seconds
from numlean.scalar.protocol import Contraction, Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.verification import Mismatch
from numlean_kernels.formats import BINARY32, BINARY64, Format

OPERATIONS: Final = ("matmul", "add", "mul", "div", "sqrt", "fma", "exp", "tanh", "sum")
"""All that can be measured."""

SIZES: Final = (256, 512)
"""Rows, and columns, of the matrices, unless others are asked for."""

_NUMPY: Final = {"mul": "multiply", "div": "divide"}
_NUMPY_DTYPES: Final[dict[Format, type[np.floating[Any]]]] = {
    BINARY32: np.float32,
    BINARY64: np.float64,
}


@dataclass(frozen=True)
class Work:
    """An operation to be measured.

    Attributes:
        operation: One of ``OPERATIONS``.
        size: Elements of an array, always ``ELEMENTS``; of a matrix, its rows and its columns.
        contraction: Of a product of matrices, how terms enter sums; None of all else.
    """

    operation: str
    size: int
    contraction: Contraction | None = None

    @property
    def name(self) -> str:
        """What a table calls it."""
        if self.contraction is None:
            return self.operation
        return f"{self.operation} {self.size}{', fma' if self.contraction == 'fma' else ''}"

    @property
    def count(self) -> int:
        """How many elementary operations it is; a term of a product of matrices counts as two."""
        return self.size if self.contraction is None else 2 * self.size**3

    def operands(self, encode: Callable[[Any], Storage]) -> list[Storage]:
        """What it is done to: the same numbers for every arithmetic, each rounded once."""
        return operands(self.operation, encode, self.size)

    def by(self, scalar: Scalar) -> Callable[[], Storage]:
        """Does it in an arithmetic."""
        keywords = {} if self.contraction is None else {"contraction": self.contraction}
        return partial(
            getattr(scalar, self.operation), *self.operands(scalar.from_float), **keywords
        )

    def by_numpy(self, dtype: type[np.floating[Any]]) -> Callable[[], object] | None:
        """Does it with numpy, in an order of its own; None if numpy has no such operation."""
        call = getattr(np, _NUMPY.get(self.operation, self.operation), None)
        return call and partial(call, *self.operands(lambda values: values.astype(dtype)))


@dataclass(frozen=True)
class Times:
    """Seconds for each elementary operation of a work in one dtype.

    Attributes:
        dtype: The arithmetic.
        plain: By the kernels that any table of routines has.
        fast: By the fast kernels.
        numpy: By numpy, in the hardware format of the same numbers; None if it does not have it.
    """

    dtype: str
    plain: float
    fast: float
    numpy: float | None


def works(operation: str, sizes: tuple[int, ...] = SIZES) -> list[Work]:
    """What is measured of an operation: of matrices, each size and contraction."""
    if operation != "matmul":
        return [Work(operation, ELEMENTS)]
    contractions: tuple[Contraction, ...] = ("separate", "fma")
    return [Work(operation, size, contraction) for contraction in contractions for size in sizes]


def both(dtype: str) -> tuple[Scalar, Scalar]:
    """An arithmetic with plain kernels and with fast ones.

    Raises:
        UnavailableError: The dtype has no fast kernels.
    """
    return get_scalar(dtype), get_scalar(dtype, fast_kernels=True)


def first_difference(work: Work, dtype: str) -> tuple[tuple[int, ...], Mismatch] | None:
    """The first place where fast kernels give other bits than plain ones, and what they give."""
    plain, fast = both(dtype)
    expected, actual = (scalar.to_bits(work.by(scalar)()) for scalar in (plain, fast))
    places = np.argwhere(expected != actual)
    if not len(places):
        return None
    place = tuple(map(int, places[0]))
    elementwise = work.operation not in ("matmul", "sum")
    x = work.operands(plain.from_float) if elementwise else []
    bits = tuple(int(plain.to_bits(a)[place]) for a in x)
    return place, Mismatch(bits, int(expected[place]), int(actual[place]), None, 0)


def times(work: Work, dtypes: list[str], rounds: int) -> list[Times]:
    """Measure a work in each dtype, and by numpy, all in alternating rounds."""
    timed: dict[Hashable, Callable[[], object]] = {}
    formats = {dtype: get_scalar(dtype).format for dtype in dtypes}
    for dtype in dtypes:
        for kind, scalar in zip(("plain", "fast"), both(dtype), strict=True):
            timed[dtype, kind] = work.by(scalar)
    for format, numpy_dtype in _NUMPY_DTYPES.items():
        if format in formats.values() and (by_numpy := work.by_numpy(numpy_dtype)):
            timed[format] = by_numpy
    each = {key: best / work.count for key, best in best_seconds(timed, rounds).items()}
    return [
        Times(dtype, each[dtype, "plain"], each[dtype, "fast"], each.get(formats[dtype]))
        for dtype in dtypes
    ]
