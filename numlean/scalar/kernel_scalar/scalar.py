"""A Scalar assembled from a table of routines, a target to run loops on, and a codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.scalar import shapes
from numlean.scalar.codec import Codec
from numlean.scalar.conversion import Conversion
from numlean.scalar.elementary import ElementaryFunctions
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import (
    casts,
    components,
    conversions,
    elementwise,
    exact_products,
    movement,
    reductions,
    saving,
    signatures,
    unit_products,
)
from numlean.scalar.kernel_scalar.product_operands import numbers_or_none
from numlean.scalar.noise import NoiseStream, stream_of
from numlean.scalar.protocol import Axis, Contraction, Indices, Numbers, Order, Scalar, Storage
from numlean.scalar.real_numbers import integers
from numlean.scalar.rounding_names import rounding_name
from numlean_kernels.formats import Format
from numlean_kernels.loops import elementwise as loops
from numlean_kernels.matrix_units.rule import Unit
from numlean_kernels.protocol import Loop, ProgramStep, Routine, Table, Target
from numlean_kernels.targets.recording import RecordingTarget

_OWN: Final = Conversion()


@final
@dataclass(frozen=True, eq=False)
class KernelScalar(ElementaryFunctions):
    """See :class:`numlean.scalar.protocol.Scalar` for the documentation of every method.

    Two are equal if they compute the same bits on the same device, whatever their names.

    Attributes:
        name: The dtype that selects it.
        summary: A description of the numbers, for ``describe``.
        table: The routines of the arithmetic, for ``target``.
        target: The device of its loops.
        codec: The conversions between storage and other representations.
        rounding: The rounding of every operation.
        substitutes: Functions on single elements that replace correctly rounded ones, by name; they
            keep no flags.
        uses_code_tables: Whether results on codes of at most eight bits are looked up where that is
            faster (``code_tables``); the bits are the same.
        stream: Where conversions draw that round at random.
    """

    name: str
    summary: str
    table: Table
    target: Target
    codec: Codec
    rounding: str = "ties_to_even"
    substitutes: Mapping[str, Routine] = field(default_factory=dict)
    uses_code_tables: bool = True
    stream: NoiseStream = field(default_factory=lambda: NoiseStream(0))

    def __eq__(self, other: object) -> bool:
        # A subclass may compute differently, so it is another arithmetic.
        if not isinstance(other, KernelScalar) or type(other) is not type(self):
            return False
        return self._computes == other._computes

    def __hash__(self) -> int:
        return hash((self.table.arithmetic, self.device))

    @property
    def _computes(self) -> tuple[object, ...]:
        """Return everything that determines the bits and the device.

        The name is not part of it, nor where conversions draw.
        """
        return self.table.arithmetic, self.rounding, self.codec, self.substitutes, self.device

    @cached_property
    def direct(self) -> dict[str, Callable[..., Storage | None]]:
        """Elementwise operations that ran before, by name, that take little but their kernel."""
        return {}

    @cached_property
    def direct_sums(self) -> dict[str, Callable[..., Storage | None]]:
        """Sums of whole arrays that ran before, by their order, that take little more."""
        return {}

    @property
    def device(self) -> str:
        """The device that runs its operations."""
        return self.target.name

    @property
    def recorder(self) -> list[ProgramStep] | None:
        """The list in which its operations are recorded; None if they are not."""
        return self.target.recorder

    @property
    def is_deterministic(self) -> bool:
        """Return True: only conversions that ask for it draw at random."""
        return True

    @property
    def reference_dtype(self) -> str:
        """Return its own name."""
        return self.name

    @property
    def format(self) -> Format | None:
        """The format of its encodings; None if it has none."""
        return self.codec.format

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The dtype of its arrays."""
        return self.codec.storage_dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return saving.by_name(self)

    def __copy__(self) -> KernelScalar:
        return self

    def __deepcopy__(self, memo: object) -> KernelScalar:
        return self

    def __repr__(self) -> str:
        return f"Scalar({self.describe()})"

    def _repr_html_(self) -> str:
        """Return the properties of the numbers as a table for notebooks."""
        # Imported here because it is for notebooks only.
        from numlean.scalar.display import scalar_html

        return scalar_html(self)

    def describe(self) -> str:
        """Return one line for people."""
        return f"{self.name}: {self.summary}, {self.rounding}, on {self.device}"

    def with_reset_stream(self) -> KernelScalar:
        """Return a copy with a stream of its own, for conversions that round at random."""
        return replace(self, stream=NoiseStream(0, belongs_to_run=True))

    def start_step(self, step: int) -> None:
        """Start the random bits of a step."""
        self.stream.move_to(step)

    def with_recorder(self, operations: list[ProgramStep]) -> KernelScalar:
        """Return the same arithmetic, whose operations are also recorded."""
        return replace(self, target=RecordingTarget(self.target, operations))

    def without_recorder(self) -> KernelScalar:
        """Return the same arithmetic, none of whose operations are recorded."""
        return replace(self, target=self.target.without_recorder)

    @checked
    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Storage] | None = None
    ) -> Callable[[], None]:
        """Return a function that carries out recorded operations again."""
        return self.target.compile(operations, results=results)

    @checked
    def device_copy(self, array: Storage, *, host_visible: bool = False) -> Storage:
        """Return a copy in C order where kernels reach it best, or where the host reaches it."""
        return components.device_copy(self, array, host_visible=host_visible)

    # Conversions.

    def from_float(
        self, values: ArrayLike, *, rounding: str | None = None, overflow: str | None = None
    ) -> Storage:
        """Round real numbers once."""
        if rounding is None and overflow is None:
            return conversions.from_float(self, values)
        conversion = self._conversion(rounding, overflow, None)
        if conversion.is_plain:
            return conversions.from_float(self, values)
        return casts.enter_values(self, values, conversion, self.stream)

    def to_float(self, x: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the values as binary64."""
        return conversions.to_float(self, x)

    def from_int(self, values: ArrayLike) -> Storage:
        """Round integers once."""
        return conversions.from_int(self, values)

    @checked
    def to_int(
        self,
        x: Storage,
        rounding: str = "toward_zero",
        *,
        width: int = 64,
        saturate: bool = False,
        flags: Flags | None = None,
    ) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
        """Round the values to integers."""
        return conversions.to_int(self, x, rounding, width, saturate, flags)

    def from_bits(self, bits: ArrayLike) -> Storage:
        """Take encodings as they are."""
        return conversions.from_bits(self, bits)

    def to_bits(self, x: Storage) -> np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]:
        """Return the encodings."""
        return conversions.to_bits(self, x)

    def from_exact(self, values: ArrayLike) -> Storage:
        """Round exact values once."""
        return conversions.from_exact(self, values)

    def to_exact(self, x: Storage) -> Storage:
        """Return the exact values, as mpf."""
        return conversions.to_exact(self, x)

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
        """Round numbers of another Scalar once."""
        conversion = self._conversion(rounding, overflow, seed)
        if conversion.is_plain:
            return casts.cast_from(self, source, x, flags)
        is_flagged = flags is not None
        stream = self._stream_for(source)
        z, raised = casts.convert(self, source, x, conversion, stream, flagged=is_flagged)
        if flags is not None:
            flags.count(elementwise.count(self, raised.reshape(-1)))
        return z

    def cast_flagged(
        self,
        source: Scalar,
        x: Storage,
        *,
        rounding: str | None = None,
        overflow: str | None = None,
        seed: int | None = None,
    ) -> tuple[Storage, np.ndarray[Any, np.dtype[np.uint8]]]:
        """Return numbers as ``cast_from`` does and the flags of each, as ``flagged`` does."""
        conversion = self._conversion(rounding, overflow, seed)
        stream = self._stream_for(source)
        return casts.convert(self, source, x, conversion, stream, flagged=True)

    def _conversion(
        self, rounding: str | None, overflow: str | None, seed: int | None
    ) -> Conversion:
        """Return the choices of a conversion; none where they are the Scalar's own."""
        if rounding is None and overflow is None and seed is None:
            return _OWN
        conversion = Conversion.of(rounding, overflow, seed)
        if seed is not None and not conversion.is_random:
            raise NumleanError(f"seed={seed} is for a stochastic rounding: give rounding too")
        if conversion.overflow is None and conversion.rounding == self.rounding:
            return _OWN
        return conversion

    def _stream_for(self, source: Scalar) -> NoiseStream:
        """Return where a conversion draws: the stream of the run that one of two Scalars is of."""
        other = stream_of(source)
        is_theirs = other is not None and other.belongs_to_run and not self.stream.belongs_to_run
        return other if other is not None and is_theirs else self.stream

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
        """Return the products of matrices of other Scalars' numbers, exact sums rounded once."""
        further = numbers_or_none("exact_product", addend, c)
        return exact_products.exact_product(
            self, Numbers(left, a), Numbers(right, b), further, flags
        )

    @checked
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
        """Return the products of matrices of other Scalars' numbers as a matrix unit computes."""
        further = numbers_or_none("unit_product", addend, c)
        return unit_products.unit_product(self, Numbers(left, a), Numbers(right, b), further, unit)

    @checked
    def from_string(self, texts: str | list[str]) -> Storage:
        """Round numbers written in decimal, in hexadecimal or as fractions once."""
        return conversions.from_string(self, texts)

    def to_string(self, x: Storage) -> list[str]:
        """Return the shortest decimals that ``from_string`` converts back to the same numbers."""
        return conversions.to_string(self, x)

    def to_bytes(self, x: Storage) -> bytes:
        """Return the elements in C order, as bytes."""
        return conversions.to_bytes(self, x)

    # Elementwise operations.

    def add(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the sums."""
        return elementwise.arithmetic(self, "add", x, y, flags)

    def sub(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the differences."""
        return elementwise.arithmetic(self, "sub", x, y, flags)

    def mul(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the products."""
        return elementwise.arithmetic(self, "mul", x, y, flags)

    def div(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the quotients."""
        return elementwise.arithmetic(self, "div", x, y, flags)

    def sqrt(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the square roots."""
        return elementwise.unary(self, "sqrt", x, flags=flags)

    def fma(self, x: Storage, y: Storage, z: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x * y + z, rounded once."""
        return elementwise.nary(self, "fma", (x, y, z), flags=flags)

    def rem(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Return x - y*n, where n is the integer nearest x/y, ties to even; exact."""
        return elementwise.arithmetic(self, "rem", x, y, flags)

    @checked
    def round_to_integral(
        self, x: Storage, rounding: str | None = None, *, flags: Flags | None = None
    ) -> Storage:
        """Return the nearest integers, by default in the Scalar's own direction."""
        direction = self.rounding if rounding is None else rounding_name(rounding)
        name = f"round_to_integral {direction}"
        return elementwise.unary(self, name, x, flags=flags)

    def scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        """Return x * 2**n, rounded once."""
        powers = integers(n, "scaleb")
        operands = shapes.broadcast("scaleb", (components.check_storage(self, "scaleb", x), powers))
        operands = tuple(components.contiguous(self, a) for a in operands)
        return self.run(loops.binary("scaleb"), operands, flags=flags)

    def logb(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the exponents, as numbers of the Scalar."""
        return elementwise.unary(self, "logb", x, flags=flags)

    def next_up(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the least numbers that are greater."""
        return elementwise.unary(self, "next_up", x, flags=flags)

    def next_down(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """Return the greatest numbers that are less."""
        return elementwise.unary(self, "next_down", x, flags=flags)

    def copy_sign(self, x: Storage, y: Storage) -> Storage:
        """Return x with the sign of y."""
        return elementwise.binary(self, "copy_sign", x, y)

    def total_order(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x precedes or equals y in the order of all encodings."""
        return elementwise.binary(self, "total_order", x, y, result=np.bool_)

    def classify(self, x: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        """Return the class of each number, as an index of ``numlean.CLASSES``."""
        return elementwise.unary(self, "classify", x, result=np.int8)

    def neg(self, x: Storage) -> Storage:
        """Return the numbers with their signs changed."""
        return elementwise.unary(self, "neg", x)

    def abs(self, x: Storage) -> Storage:
        """Return the magnitudes."""
        return elementwise.unary(self, "abs", x)

    def minimum(self, x: Storage, y: Storage) -> Storage:
        """Return the lesser of two; a NaN propagates."""
        return elementwise.binary(self, "minimum", x, y)

    def maximum(self, x: Storage, y: Storage) -> Storage:
        """Return the greater of two; a NaN propagates."""
        return elementwise.binary(self, "maximum", x, y)

    def min_num(self, x: Storage, y: Storage) -> Storage:
        """Return the lesser of two; one quiet NaN yields the other operand."""
        return elementwise.binary(self, "min_num", x, y)

    def max_num(self, x: Storage, y: Storage) -> Storage:
        """Return the greater of two; one quiet NaN yields the other operand."""
        return elementwise.binary(self, "max_num", x, y)

    def compare(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        """Return -1 for less, 0 for equal, 1 for greater, 2 for unordered."""
        return elementwise.binary(self, "compare", x, y, result=np.int8)

    def eq(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x == y."""
        return elementwise.binary(self, "eq", x, y, result=np.bool_)

    def lt(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x < y."""
        return elementwise.binary(self, "lt", x, y, result=np.bool_)

    def le(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether x <= y."""
        return elementwise.binary(self, "le", x, y, result=np.bool_)

    @checked
    def elementary(self, name: str, *operands: Storage, flags: Flags | None = None) -> Storage:
        """Return an elementary function by its name."""
        return elementwise.elementary(self, name, operands, flags)

    def flagged(
        self, name: str, *operands: Storage
    ) -> tuple[Storage, np.ndarray[Any, np.dtype[np.uint8]]]:
        """Return the results of an operation and, for each element, the flags that it raises.

        Flags are bits of an integer: inexact 1, underflow 2, overflow 4, divide by zero 8, invalid
        16. Besides the operations of the protocol, there are those of ``apply``.

        Raises:
            UnavailableError: The arithmetic has no such operation, or keeps no flags of it.
        """
        return elementwise.run_flagged(
            self, name, signatures.fit(self, name, operands), signatures.result_dtype(self, name)
        )

    def apply(self, name: str, *operands: Storage) -> Storage:
        """Return the results of an elementwise operation by its name.

        Besides those of the protocol: ``fmod``, ``next_after``, ``minimum_number`` and the other
        extrema of clause 9.6, ``signalling_lt`` and the other comparisons of 5.6.1,
        ``round_to_integral_exact toward_zero``, ``from_uint64``, and the conversions that
        ``numlean_kernels.ieee.to_integer.integer_name`` names. Results have the dtype of the
        operation: ``to_uint8 toward_zero`` gives uint8.

        Raises:
            UnavailableError: The arithmetic has no such operation.
        """
        arrays = signatures.fit(self, name, operands)
        loop = loops.elementwise(name, len(arrays))
        return elementwise.run(self, loop, arrays, result=signatures.result_dtype(self, name))

    def from_string_flagged(self, text: str) -> tuple[Storage, int]:
        """Return a number as ``from_string`` does, of shape (), and the flags that this raises.

        Raises:
            UnavailableError: The arithmetic keeps no flags.
        """
        return conversions.from_string_flagged(self, text)

    # Products and sums.

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """Return the product of two matrices, k ascending."""
        return reductions.matmul(self, a, b, contraction)

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """Return the products of two batches of matrices, k ascending."""
        return reductions.bmm(self, a, b, contraction)

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """Return the sums along axes."""
        return reductions.sum_axes(self, x, axis, keepdims, reduction)

    def max(self, x: Storage, axis: int = -1, *, keepdims: bool = False) -> Storage:
        """Return the greatest numbers along an axis."""
        return reductions.max_along(self, x, axis, keepdims)

    def argmax(self, x: Storage, axis: int = -1) -> Indices:
        """Return the places of the first greatest numbers along an axis."""
        return reductions.argmax(self, x, axis)

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        """Return an array of ``shape`` into whose cells the elements of x are added."""
        return reductions.scatter_add(self, x, index, shape)

    # Movement.

    @checked
    def copy_into(self, x: Storage, z: Storage) -> None:
        """Write the elements of x into z."""
        self.target.copy_into(x, z)

    @checked
    def copy(self, x: Storage) -> Storage:
        """Return the elements of an array or a view in C order."""
        return components.copy(self, x)

    @checked
    def concat(self, arrays: Sequence[Storage], axis: int) -> Storage:
        """Return arrays one after the other along an axis."""
        return movement.concat(self, arrays, axis)

    @checked
    def pad(self, x: Storage, shape: tuple[int, ...], where: tuple[slice, ...]) -> Storage:
        """Return an array of ``shape`` that has x at ``where`` and +0 elsewhere."""
        return movement.pad(self, x, shape, where)

    def take(self, x: Storage, index: Indices, *, row_axes: int = 0) -> Storage:
        """Return the elements, or rows, of x at places."""
        return movement.take(self, x, index, row_axes)

    def take_along_axis(self, x: Storage, index: Indices, axis: int = -1) -> Storage:
        """Return the elements of x that an index names along an axis."""
        return movement.take_along_axis(self, x, index, axis)

    def scatter_along_axis(
        self, x: Storage, index: Indices, extent: int, axis: int = -1
    ) -> Storage:
        """Return x at the places that an index names along a new axis, +0 elsewhere."""
        return movement.scatter_along_axis(self, x, index, extent, axis)

    def where(
        self,
        condition: np.ndarray[Any, np.dtype[np.bool_]],
        x: Storage,
        y: Storage | None = None,
    ) -> Storage:
        """Return x where a condition holds, elsewhere y, or +0 without y."""
        return movement.where(self, condition, x, y)

    @checked
    def from_host_callback(self, values: Callable[[], ArrayLike]) -> Storage:
        """Return a function's binary64 values, rounded once; each replay calls it again."""
        return components.compute_on_host(self, lambda: self.from_float(values()))

    # For Scalars that wrap this one.

    def fit_operands(self, name: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
        """Return the operands, checked and broadcast, as ``run`` takes them."""
        return elementwise.fit(self, name, operands)

    def run(
        self,
        loop: Loop,
        operands: tuple[Storage, ...],
        *,
        result: Any = None,
        flags: Flags | None = None,
    ) -> Storage:
        """Run an elementwise loop over arrays of one shape, in C order.

        ``result`` is the dtype of the result, by default the Scalar's.
        """
        return elementwise.run(self, loop, operands, result=result, flags=flags)

    def encodings_of(self, source: Scalar, x: Storage) -> Storage | None:
        """Return another Scalar's numbers as kernels read them: see :func:`.casts.encodings_of`."""
        return casts.encodings_of(self, source, x)

    def is_nan(self, x: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return where numbers are NaNs."""
        return elementwise.is_nan(self, x)

    def group_by_cell(self, index: Indices, count: int) -> tuple[Indices, Indices]:
        """Return the places of an index that name each of ``count`` cells: see ``GROUP``."""
        return reductions.group(self, index, count)
