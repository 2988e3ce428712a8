"""The Scalar protocol: the numbers of an arithmetic, and the operations on arrays of them.

A Scalar owns a *storage dtype* and operations on *storage arrays*, numpy arrays of that dtype. All
else in numlean is written against this protocol and knows neither encodings nor devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.scalar.elementary import ElementaryFunctions
from numlean.scalar.flags import Flags
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import Unit
from numlean_kernels.protocol import ProgramStep

Storage: TypeAlias = np.ndarray[Any, Any]
"""An array of a Scalar's storage dtype."""

Contraction: TypeAlias = Literal["separate", "fma"]
"""The treatment of a product in a sum: rounded separately first, or fused."""

Order: TypeAlias = Literal["ordered", "pairwise"]
"""The association of a sum: left to right from +0, or by a balanced tree."""

Axis: TypeAlias = int | tuple[int, ...] | None

Indices: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
"""Indices of elements of an array."""


class Scalar(ElementaryFunctions, Protocol):
    """An arithmetic on one device.

    If you implement one: operations never raise for results that arithmetic defines (division by
    zero, overflow and invalid operations have values), and always raise for other errors (an array
    that is not yours, shapes that do not broadcast). Two Scalars that are equal compute equal bits
    and may be mixed; others may not. ``numlean.scalar.kernel_scalar.KernelScalar`` builds all of
    this from a table of routines. An operation that the arithmetic does not have (an encoding, a
    neighbour) raises ``UnavailableError``.

    Attributes:
        name: The name under which users ask for it, options included: ``mp:200``.
        format: The format of its encodings; None if numbers have no encoding of fixed width.
        storage_dtype: The dtype of its arrays.
        rounding: The rounding of every operation, such as ``ties_to_even``; ``unstated`` where
            another library determines the results.
        is_deterministic: Whether the same operands always give the same bits. False if rounding
            draws random bits.
        reference_dtype: The dtype that defines the correct results: its own name, but for a Scalar
            whose operations are those of another library.
        device: The device that runs its operations.
        recorder: The list that ``with_recorder`` was given; None if operations are not recorded.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def format(self) -> Format | None: ...  # noqa: D102
    @property
    def storage_dtype(self) -> np.dtype[Any]: ...  # noqa: D102
    @property
    def rounding(self) -> str: ...  # noqa: D102
    @property
    def is_deterministic(self) -> bool: ...  # noqa: D102
    @property
    def reference_dtype(self) -> str: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def recorder(self) -> list[ProgramStep] | None: ...  # noqa: D102

    def describe(self) -> str:
        """Return one line for people: the numbers and the device."""

    def with_reset_stream(self) -> Scalar:
        """Return a copy with its random stream reset, or self if nothing draws from one."""

    def start_step(self, step: int) -> None:
        """Seed the random stream for this step. The run calls this before each step."""

    def with_recorder(self, operations: list[ProgramStep]) -> Scalar:
        """Return the same arithmetic, which also appends its operations to a list for replay.

        Conversions of numbers that are not a Scalar's are not recorded: their results count as
        constants, unless they draw random bits.

        Raises:
            UnavailableError: A record cannot reproduce the Scalar's operations.
        """

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Storage] | None = None
    ) -> Callable[[], None]:
        """Return a function that carries out recorded operations again, on the same arrays.

        Args:
            operations: The operations.
            results: The arrays that are read afterwards: others need not be written. None for all.
        """

    def from_float(
        self, values: ArrayLike, *, rounding: str | None = None, overflow: str | None = None
    ) -> Storage:
        """Round real numbers once; a NaN gives the default NaN.

        They are floats of any width, integers of any size, fractions, decimals and ``mpf``, alone,
        in nested lists or in arrays. An arithmetic may refuse those that are not binary64. A Scalar
        that rounds at random draws from its stream if one of the numbers has to be rounded;
        ``numlean.scalar.entering`` is for constants of programs, which are never random.

        Args:
            values: The numbers.
            rounding: The rounding, in place of the Scalar's: see ``cast_from``.
            overflow: What stands for a result beyond the range, in place of the Scalar's choice.

        Raises:
            NumleanError: A value is not a real number, or the Scalar lacks a choice.
        """

    def to_float(self, x: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the values as binary64: exact if that contains the format, else rounded once."""

    def from_int(self, values: ArrayLike) -> Storage:
        """Round integers within int64 once."""

    def to_int(
        self,
        x: Storage,
        rounding: str = "toward_zero",
        *,
        width: int = 64,
        saturate: bool = False,
        flags: Flags | None = None,
    ) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
        """Round the values to integers of 32 or 64 bits, in a direction (clause 5.8).

        With ``saturate``, values beyond the range become its nearest end and NaNs become 0; both
        raise the flag invalid.

        Raises:
            NumleanError: A value is a NaN, infinite, or beyond the range, and ``saturate`` is off.
        """

    def from_bits(self, bits: ArrayLike) -> Storage:
        """Take encodings, unsigned integers, as they are.

        Raises:
            UnavailableError: The Scalar has no encoding.
        """

    def to_bits(self, x: Storage) -> np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]:
        """Return the encodings.

        Raises:
            UnavailableError: The Scalar has no encoding.
        """

    def from_exact(self, values: ArrayLike) -> Storage:
        """Round exact values once: ``mpmath.mpf`` of any precision, or Python integers."""

    def to_exact(self, x: Storage) -> Storage:
        """Return the exact values, as an object array of ``mpmath.mpf``; -0 becomes 0."""

    def cast_from(
        self,
        source: Scalar,
        x: Storage,
        *,
        rounding: str | None = None,
        overflow: str | None = None,
        seed: int | None = None,
        flags: Flags | None = None,
    ) -> Storage:
        """Round numbers of another Scalar once, from their exact values.

        A NaN gives the default NaN; under ``nan=x86`` and ``nan=arm`` it keeps its sign and the
        payload that fits. A zero keeps its sign if there is a -0; an infinity stays one or, in a
        format without infinities, becomes what an overflow gives. A Scalar that rounds at random
        draws from its own stream. Unlike ``from_float``, it is recorded.

        Callers pass the options only where they ask for them, so a Scalar whose conversions have
        its own rounding alone may leave them out.

        Args:
            source: The Scalar of the numbers.
            x: An array of its storage.
            rounding: A direction, ``stochastic`` or ``stochastic_a:N`` (``_b``, ``_c``) in place
                of the Scalar's rounding. A random one draws from the stream of the run that the
                Scalar is of, else of the run that the source is of, else from its own.
            overflow: ``infinite``, ``saturate``, ``saturate_finite`` or ``nan`` (fixed-point
                numbers: or ``wrap``) in place of the Scalar's choice.
            seed: The seed of a random rounding; by default that of the stream.
            flags: Receives the exceptions raised.

        Raises:
            StorageError: The array is not of the source's numbers.
            NumleanError: The Scalar lacks a choice, as a format without NaN lacks ``nan``.
        """

    def exact_product(
        self,
        left: Scalar,
        a: Storage,
        right: Scalar,
        b: Storage,
        addend: Scalar | None = None,
        c: Storage | None = None,
        *,
        flags: Flags | None = None,
    ) -> Storage:
        """Return the products of matrices of other Scalars' numbers, exact sums rounded once.

        z[i, j] = round(sum over k of a[i, k] * b[k, j], plus c[i, j]). No order is visible. A sum
        of zero is +0; when rounding toward negative it is -0 unless every term is +0. A NaN, a
        product of zero and infinity, and infinities of both signs give the default NaN. A Scalar
        that rounds at random draws from its own stream, one word for each element.

        Args:
            left: The Scalar of ``a``.
            a: A matrix (n, k), or a batch of matrices (i, n, k).
            right: The Scalar of ``b``.
            b: A matrix (k, m), or a batch of matrices (i, k, m).
            addend: The Scalar of ``c``; None if nothing is added.
            c: Numbers that broadcast to the shape of the products.
            flags: Receives the exceptions raised.

        Raises:
            ShapeError: The shapes do not match.
            StorageError: An array is not of its Scalar's numbers.
        """

    def unit_product(
        self,
        left: Scalar,
        a: Storage,
        right: Scalar,
        b: Storage,
        addend: Scalar | None = None,
        c: Storage | None = None,
        *,
        unit: Unit,
    ) -> Storage:
        """Return the products of matrices of other Scalars' numbers as a matrix unit computes them.

        z[i, j] is one chain of the unit's instructions over ascending k, which starts from c[i, j],
        or from +0. The unit alone determines the result: nothing of this Scalar but its format
        counts, and a Scalar that rounds at random draws nothing.

        Args:
            left: The Scalar of ``a``, of the format of the unit's left operands.
            a: A matrix (n, k), or a batch of matrices (i, n, k).
            right: The Scalar of ``b``, of the format of the unit's right operands.
            b: A matrix (k, m), or a batch of matrices (i, k, m).
            addend: The Scalar of ``c``, of the format of the unit's output; None for +0.
            c: Numbers that broadcast to the shape of the products.
            unit: What the matrix unit computes; its output has the format of this Scalar.

        Raises:
            ShapeError: The shapes do not match.
            StorageError: An array is not of its Scalar's numbers.
            UnavailableError: A Scalar has another format than the unit.
        """

    def from_string(self, texts: str | list[str]) -> Storage:
        """Round numbers such as ``0.1``, ``-2.5e-3``, ``1/3``, ``0x1.8p-4``, ``inf``, ``nan`` once.

        Digits and exponents may be of any size. ``nan(0x12)`` gives a NaN its payload, ``snan`` and
        ``snan(0x12)`` are signalling NaNs (clause 5.12.1).

        Raises:
            NumleanError: A text is not a number, or is a NaN that the format does not have.
        """

    def to_string(self, x: Storage) -> list[str]:
        """Return the shortest decimals that ``from_string`` converts back to the same numbers.

        A decimal is within a unit of the last place of its number, also where all that are greater
        are rounded to it.
        """

    def to_bytes(self, x: Storage) -> bytes:
        """Return the elements in C order, in a form that is equal only for identical elements."""

    def add(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x + y; arrays broadcast, here and below.

        Here and below, the operation adds the exceptions that it raises to ``flags``.
        """

    def sub(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x - y: the number add(x, neg(y)).

        A NaN y may differ from that: a signalling one is invalid, though neg makes it quiet, and
        under the rules of processors (``nan=x86``, ``nan=arm``) it keeps its sign.
        """

    def mul(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x * y."""

    def div(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x / y; a nonzero number over zero is infinite, 0/0 is a NaN."""

    def sqrt(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the square roots; the root of a negative number is a NaN."""

    def fma(self, x: Storage, y: Storage, z: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x * y + z, rounded once."""

    def rem(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x - y*n, where n is the integer nearest x/y, ties to even; exact."""

    def round_to_integral(
        self, x: Storage, rounding: str | None = None, *, flags: Flags | None = None
    ) -> Storage:
        """Return the nearest integers, in a direction; by default in the Scalar's own."""

    def scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        """Return x * 2**n for integers n, rounded once."""

    def logb(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the exponents e of numbers m * 2**e with 1 <= abs(m) < 2; logb(+-0) is -inf."""

    def next_up(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the least numbers that are greater."""

    def next_down(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the greatest numbers that are less."""

    def copy_sign(self, x: Storage, y: Storage) -> Storage:
        """Return x with the sign of y."""

    def total_order(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x precedes or equals y in the order of all encodings (clause 5.10)."""

    def classify(self, x: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        """Return the class of each number, as an index of ``numlean.CLASSES`` (clause 5.7.2)."""

    def neg(self, x: Storage) -> Storage:
        """Return the numbers with their signs changed."""

    def abs(self, x: Storage) -> Storage:
        """Return the magnitudes."""

    def minimum(self, x: Storage, y: Storage) -> Storage:
        """Return the lesser of two; a NaN propagates; -0 is below +0."""

    def maximum(self, x: Storage, y: Storage) -> Storage:
        """Return the greater of two; a NaN propagates; -0 is below +0."""

    def min_num(self, x: Storage, y: Storage) -> Storage:
        """Return the lesser of two; one quiet NaN yields the other operand."""

    def max_num(self, x: Storage, y: Storage) -> Storage:
        """Return the greater of two; one quiet NaN yields the other operand."""

    def compare(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        """Return -1 for less, 0 for equal, 1 for greater, 2 for unordered."""

    def eq(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x == y: false for NaNs, true for zeros of either sign."""

    def lt(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x < y: false for NaNs."""

    def le(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x <= y: false for NaNs."""

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """Return the product of matrices (n, k) and (k, m), of shape (n, m).

        Each element starts from +0 and adds a[i, k] * b[k, j] for ascending k, the product rounded
        separately or, with ``contraction="fma"``, fused.

        Raises:
            ShapeError: The arrays are not two matrices of matching shapes.
        """

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """Return the products of batches of matrices (m, n, k) and (m, k, l), of shape (m, n, l).

        Each has the bits of ``matmul``.

        Raises:
            ShapeError: The arrays are not two batches of matrices of matching shapes.
        """

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """Return the sums along an axis, several (in C order), or all.

        Ordered: +0, then each element added for ascending index. Pairwise: the balanced binary
        tree that splits an index range at the largest power of two below its length.

        Raises:
            ShapeError: The axis does not exist.
        """

    def max(self, x: Storage, axis: int = -1, *, keepdims: bool = False) -> Storage:
        """Return the greatest along an axis: ``maximum`` of all elements for ascending index.

        Raises:
            ShapeError: The axis does not exist or is empty.
        """

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        """Return an array of ``shape`` into whose cells the elements of x are added, from +0.

        Element i of x, in C order, belongs to the cell ``index[i]``, counted in C order, or to none
        if that is -1; a cell's elements are added for ascending i. If x has more axes than the
        index, elements and cells are arrays of their extents.

        Raises:
            ShapeError: The index does not fit x or ``shape``, or names a cell that does not exist.
        """

    def argmax(self, x: Storage, axis: int = -1) -> Indices:
        """Return the index along an axis of the first greatest element.

        Zeros are equal; if there are NaNs, the result is the index of the first.

        Raises:
            ShapeError: The axis does not exist or is empty.
        """

    # Movement: these compute nothing.

    def copy_into(self, x: Storage, z: Storage) -> None:
        """Write the elements of x into z, an array or a view of the same shape."""

    def copy(self, x: Storage) -> Storage:
        """Return the elements of a view, such as a transposed or broadcast array, in C order."""

    def device_copy(self, array: Storage, *, host_visible: bool = False) -> Storage:
        """Return a copy in C order, in the memory that the Scalar's kernels reach best.

        Without memory of its own, ``np.array(array, order="C")``.

        Args:
            array: An array of any dtype.
            host_visible: Whether the host writes it and kernels read it at every step, or the
                reverse.
        """

    def concat(self, arrays: Sequence[Storage], axis: int) -> Storage:
        """Return arrays one after the other along an axis.

        Raises:
            ShapeError: Their shapes do not match.
        """

    def pad(self, x: Storage, shape: tuple[int, ...], where: tuple[slice, ...]) -> Storage:
        """Return an array of ``shape`` that has x at ``where`` and +0 elsewhere."""

    def take(self, x: Storage, index: Indices, *, row_axes: int = 0) -> Storage:
        """Return the elements of x at indices in C order; +0 at -1.

        With ``row_axes``, the last axes of x stay together: indices count arrays of their extents.

        Raises:
            ShapeError: An index is out of range.
        """

    def take_along_axis(self, x: Storage, index: Indices, axis: int = -1) -> Storage:
        """Return the elements of x that an index selects along an axis; +0 at -1.

        Raises:
            ShapeError: The index is not of x's shape without the axis, or is out of range.
        """

    def scatter_along_axis(
        self, x: Storage, index: Indices, extent: int, axis: int = -1
    ) -> Storage:
        """Return an array with one more axis: x at the places of an index, +0 elsewhere.

        ``take_along_axis`` is its inverse.

        Raises:
            ShapeError: The index is not of x's shape, or is not below ``extent``.
        """

    def where(
        self,
        condition: np.ndarray[Any, np.dtype[np.bool_]],
        x: Storage,
        y: Storage | None = None,
    ) -> Storage:
        """Return x where a condition holds, elsewhere y, or +0 without y; all broadcast."""

    def from_host_callback(self, values: Callable[[], ArrayLike]) -> Storage:
        """Return the binary64 values of a function, rounded once; each replay calls it again.

        A step may call it before its other operations, so it must not depend on them.
        """


@final
class Numbers(NamedTuple):
    """An array and the Scalar of its numbers."""

    scalar: Scalar
    storage: Storage
