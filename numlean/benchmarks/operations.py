"""Operations on arrays: ours, and SoftFloat's in a compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar import operations as table
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.operations import Kind, operations
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.verification.encoding import round_to_even
from numlean.verification.softfloat import softfloat_loop, softfloat_matmul
from numlean_kernels.formats import Format

ELEMENTS: Final = 16384

_COMPILED_MATRIX: Final = 256
_ELEMENTWISE_KINDS: Final = (
    *(Kind.ARITHMETIC, Kind.INTEGRAL, Kind.SIGN, Kind.EXTREMUM, Kind.EXPONENT, Kind.NEIGHBOUR),
    *(Kind.RELATION, Kind.CLASSIFICATION),
)
EXACT: Final = "exact_product"
"""The exact product of matrices of one Scalar's numbers."""
PRODUCTS: Final = ("matmul", EXACT)
"""Operations on matrices, of whose terms each counts as two operations."""

_NUMPY_DTYPES: Final = ("float32", "float64")
_NUMPY: Final[dict[str, Callable[..., object]]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "sqrt": np.sqrt,
    "neg": np.negative,
    "abs": np.abs,
    "sum": np.sum,
}
"""numpy's functions of the same results but for NaNs, and its sum."""

OPERATIONS: Final = (
    *operations(kind=_ELEMENTWISE_KINDS),
    *("to_float", "to_int", "from_float", "sum", "matmul", EXACT),
)
"""The operations that can be measured."""

USUAL: Final = ("add", "sub", "mul", "div", "sqrt", "fma", "sum", "matmul")
"""The operations that are measured by default."""


@dataclass(frozen=True)
class BenchmarkEntry:
    """An operation in one arithmetic, ready to run.

    Attributes:
        name: The dtype, or the name of SoftFloat.
        run: Runs it once.
        count: The number of elementary operations.
        format: The format of the encodings, if any.
        is_softfloat: Whether others of the format are compared with it.
    """

    name: str
    run: Callable[[], object]
    count: int
    format: Format | None
    is_softfloat: bool = False


def entries(operation: str, dtypes: list[str], *, flags: bool = False) -> Iterator[BenchmarkEntry]:
    """Yield the operation in each dtype that has it, numpy's, and SoftFloat's for their formats.

    Args:
        operation: One of ``OPERATIONS``.
        dtypes: The dtypes to measure.
        flags: Whether to measure each also with flags counted.

    Raises:
        NumleanError: A dtype is unknown, or not installed.
    """
    formats: dict[Format, None] = {}
    for dtype in dtypes:
        scalar = get_scalar(dtype)
        if scalar.format is not None:
            formats[scalar.format] = None
        yield from _ours(operation, dtype, scalar, flags=flags)
        yield from _numpy(operation, dtype, scalar)
    for format in formats:
        yield from _softfloat(operation, format)


def _ours(operation: str, dtype: str, scalar: Scalar, *, flags: bool) -> Iterator[BenchmarkEntry]:
    size = _matrix_size(scalar)
    x = operands(operation, scalar.from_float, size)
    run = partial(_method(scalar, operation), *x)
    if not _is_available(run, x):
        return
    count = 2 * size**3 if operation in PRODUCTS else ELEMENTS
    yield BenchmarkEntry(dtype, run, count, scalar.format)
    if operation == "sum":
        pairwise = partial(run, reduction="pairwise")
        yield BenchmarkEntry(f"{dtype}, pairwise", pairwise, count, scalar.format)
    if flags and table.OPERATIONS[operation].flags and isinstance(scalar, KernelScalar):
        counted = partial(run, flags=Flags())
        if _is_available(counted, x):
            yield BenchmarkEntry(f"{dtype}, flags", counted, count, scalar.format)


def _numpy(operation: str, dtype: str, scalar: Scalar) -> Iterator[BenchmarkEntry]:
    """Yield numpy's function on arrays of a dtype that it has; its sum is pairwise."""
    if dtype in _NUMPY_DTYPES and operation in _NUMPY:
        run = partial(_NUMPY[operation], *operands(operation, scalar.from_float, 0))
        yield BenchmarkEntry(f"numpy, {dtype}", run, ELEMENTS, None)


def _method(scalar: Scalar, operation: str) -> Callable[..., object]:
    """Return an operation of a Scalar on arrays of its own numbers."""
    if operation != EXACT:
        method: Callable[..., object] = getattr(scalar, operation)
        return method
    return lambda a, b, **options: scalar.exact_product(scalar, a, scalar, b, **options)


def _is_available(run: partial[object], x: list[Any]) -> bool:
    """Return whether an arithmetic has an operation, by trying it on a corner of the operands."""
    corner = [a[:1, :1] if a.ndim == 2 else a[:1] for a in x]
    try:
        run.func(*corner, **run.keywords)
    except UnavailableError:
        return False
    return True


def operands(operation: str, encode: Callable[[Any], Storage], size: int) -> list[Any]:
    """Return normal deviates and other operands, in arrays of ``ELEMENTS`` elements.

    Args:
        operation: One of ``OPERATIONS``, or an elementary function of one operand.
        encode: Rounds binary64 numbers.
        size: The rows and columns of matrices.
    """
    rng = np.random.Generator(np.random.Philox(0))
    if operation in PRODUCTS:
        return [encode(rng.standard_normal((size, size))) for _ in range(2)]
    values = rng.standard_normal((3, ELEMENTS))
    if operation == "sqrt":
        values = np.abs(values)
    if operation == "from_float":
        return [values[0]]
    if operation == "scaleb":
        return [encode(values[0]), rng.integers(-20, 20, ELEMENTS)]
    return [encode(row) for row in values[: table.OPERATIONS[operation].arity]]


def _softfloat(operation: str, format: Format) -> Iterator[BenchmarkEntry]:
    """Yield SoftFloat's function in a compiled loop, if it is installed and has it."""
    if operation == EXACT:
        return
    size = _COMPILED_MATRIX
    x = operands(operation, partial(round_to_even, format), size)
    z = np.empty_like(x[0])
    try:
        if operation == "matmul":
            loop, count = softfloat_matmul(format, size), 2 * size**3
        else:
            loop, count = softfloat_loop(format, operation, len(x)), ELEMENTS
    except UnavailableError:
        return
    yield BenchmarkEntry(f"SoftFloat {format.name}", partial(loop, *x, z), count, format, True)


def _matrix_size(scalar: Scalar) -> int:
    # The interpreter takes minutes where compiled kernels take milliseconds.
    is_interpreted = scalar.device == "python" or scalar.storage_dtype.hasobject
    return 16 if is_interpreted else _COMPILED_MATRIX
