"""A Scalar assembled from a table of routines, a target to run loops on, and a codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.errors import ShapeError, StorageError, UnavailableError, UnknownNameError
from numlean.scalar import checks, shapes
from numlean.scalar.codec import Codec
from numlean.scalar.elementary import ElementaryFunctions
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Storage
from numlean_kernels.formats import Format
from numlean_kernels.loops.elementwise import (
    binary,
    broadcast_operand,
    elementwise,
    flagged,
    ternary,
    unary,
)
from numlean_kernels.loops.flag_counts import BLOCK, COUNT_FLAGS, NO_ROUTINES, counts_of
from numlean_kernels.loops.gather_scatter import (
    GROUP,
    PICK,
    SCATTER_ADD,
    SCATTER_ADD_ROWS,
    SELECT,
    SPREAD,
    TAKE,
    TAKE_ROWS,
)
from numlean_kernels.loops.matmul import BMM, BMM_FMA, MATMUL, MATMUL_FMA
from numlean_kernels.loops.reduce import FIRST_GREATEST, MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.protocol import Launch, Loop, ProgramStep, Routine, Table, Target, kernel_for
from numlean_kernels.targets.recording import RecordingTarget


@final
@dataclass(frozen=True, eq=False)
class KernelScalar(ElementaryFunctions):
    """See :class:`numlean.scalar.protocol.Scalar` for what every method does.

    Two are equal if they compute the same on the same device, whatever their names.

    Attributes:
        name: The name under which users ask for it.
        summary: What a number is, for ``describe``.
        table: The routines of the arithmetic, for ``target``.
        target: Where loops run.
        codec: How numbers enter and leave storage.
        rounding: The rounding of every operation.
        substitutes: Functions on single elements that take the place of correctly rounded ones, by
            their names; they keep no flags.
    """

    name: str
    summary: str
    table: Table
    target: Target
    codec: Codec
    rounding: str = "ties_to_even"
    substitutes: Mapping[str, Routine] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KernelScalar) and self._computes == other._computes

    def __hash__(self) -> int:
        return hash((self.table.arithmetic, self.device))

    @property
    def _computes(self) -> tuple[object, ...]:
        """Return what decides the bits and where they are computed. The name does not."""
        return self.table.arithmetic, self.rounding, self.codec, self.substitutes, self.device

    @property
    def device(self) -> str:
        """Where its operations run."""
        return self.target.name

    @property
    def format(self) -> Format | None:
        """The format of its encodings; None if it has none."""
        return self.codec.format

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The dtype of its arrays."""
        return self.codec.storage_dtype

    def describe(self) -> str:
        """One line for people."""
        return f"{self.name}: {self.summary}, {self.rounding}, on {self.device}"

    def with_reset_stream(self) -> KernelScalar:
        """Itself: nothing here is drawn at random."""
        return self

    def start_step(self, step: int) -> None:
        """Nothing changes from step to step."""

    def with_recorder(self, operations: list[ProgramStep]) -> KernelScalar:
        """The same arithmetic, whose operations are also recorded."""
        return replace(self, target=RecordingTarget(self.target, operations))

    def compile(self, operations: Sequence[ProgramStep]) -> Callable[[], None]:
        """What does recorded operations again."""
        return self.target.compile(operations)

    def device_copy(self, array: Storage, *, host_visible: bool = False) -> Storage:
        """A copy of an array in C order, where kernels reach it best, or for exchange with them."""
        make = self.target.empty_host_visible if host_visible else self.target.empty
        z = make(array.shape, array.dtype)
        z[...] = array
        return z

    # Numbers in and out.

    def from_float(self, values: ArrayLike) -> Storage:
        """Round binary64 values once."""
        numbers = checks.as_dtype(values, np.float64, "from_float")
        return self.target.to_device(self.codec.from_float(numbers))

    def to_float(self, x: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The values as binary64."""
        return self.codec.to_float(self._checked("to_float", x))

    def from_int(self, values: ArrayLike) -> Storage:
        """Round integers once."""
        numbers = checks.as_dtype(values, np.int64, "from_int")
        return self.target.to_device(self.codec.from_int(numbers))

    def to_int(
        self,
        x: Storage,
        rounding: str = "toward_zero",
        *,
        width: int = 64,
        saturate: bool = False,
        flags: Flags | None = None,
    ) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
        """The values rounded to integers."""
        dtype = checks.integer_dtype(width)
        if rounding not in checks.ROUNDINGS:
            raise UnknownNameError("rounding", rounding, checks.ROUNDINGS)
        loop = unary(f"to_int{width} {rounding}")
        z = self.run(loop, self.fitted("to_int", (x,)), result=dtype, flags=flags)
        if not saturate:
            ends = np.iinfo(dtype)
            doubtful = (z == ends.min) | (z == ends.max) | ~self.eq(x, x)
            for value in self.to_exact(x[doubtful]):
                checks.to_integer(value, rounding, ends, self.name)
        return z

    def from_bits(self, bits: ArrayLike) -> Storage:
        """Take encodings as they are."""
        format = self._encoding_format("from_bits")
        return self.target.to_device(self.codec.from_bits(checks.encodings(bits, format)))

    def to_bits(self, x: Storage) -> np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]:
        """The encodings."""
        self._encoding_format("to_bits")
        return self.codec.to_bits(self._checked("to_bits", x)).copy()

    def from_exact(self, values: ArrayLike) -> Storage:
        """Round exact values once."""
        array = np.asarray(values, dtype=object)
        elements = (self.codec.encode(checks.exact(value)) for value in array.flat)
        return self.target.to_device(self.codec.from_elements(elements, array.shape))

    def to_exact(self, x: Storage) -> Storage:
        """The exact values, as mpf."""
        from mpmath import mp

        x, decode = self._checked("to_exact", x), self.codec.decode
        values = (mp.make_mpf(decode(element)) for element in x.ravel().tolist())
        return np.fromiter(values, dtype=object, count=x.size).reshape(x.shape)

    def from_string(self, texts: str | list[str]) -> Storage:
        """Round numbers written in decimal or hexadecimal once."""
        from numlean.scalar.text import read

        several = [texts] if isinstance(texts, str) else texts
        numbers = [read(text, self.codec.precision) for text in several]
        elements = (self.codec.encode(value) for value, _ in numbers)
        x = self.codec.from_elements(elements, (len(numbers),))
        minus_zero = np.array([is_minus_zero for _, is_minus_zero in numbers], dtype=np.bool_)
        x = self.target.to_device(np.where(minus_zero, self.neg(x), x))
        return x.reshape(()) if isinstance(texts, str) else x

    def to_string(self, x: Storage) -> list[str]:
        """The shortest decimals that ``from_string`` takes back to the same numbers."""
        return [self._to_string(x.reshape(-1)[k : k + 1]) for k in range(x.size)]

    def _to_string(self, x: Storage) -> str:
        from mpmath import isfinite

        from numlean.scalar.text import shortest

        (value,) = self.to_exact(x)
        if not isfinite(value) or value == 0:
            if value != value:
                return "nan"
            sign = "" if self.to_bytes(self.abs(x)) == self.to_bytes(x) else "-"
            return sign + ("inf" if value else "0.0")
        bits = self.to_bytes(x)
        return shortest(value._mpf_, lambda text: self.to_bytes(self.from_string([text])) == bits)

    def to_bytes(self, x: Storage) -> bytes:
        """The elements in C order, as bytes."""
        return self.codec.to_bytes(self._checked("to_bytes", x))

    # Elementwise operations.

    def add(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The sums."""
        return self._flagged(binary("add"), x, y, flags=flags)

    def sub(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The differences."""
        return self._flagged(binary("sub"), x, y, flags=flags)

    def mul(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The products."""
        return self._flagged(binary("mul"), x, y, flags=flags)

    def div(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The quotients."""
        return self._flagged(binary("div"), x, y, flags=flags)

    def sqrt(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """The square roots."""
        return self._flagged(unary("sqrt"), x, flags=flags)

    def fma(self, x: Storage, y: Storage, z: Storage, *, flags: Flags | None = None) -> Storage:
        """Each x * y + z, rounded once."""
        return self._flagged(ternary("fma"), x, y, z, flags=flags)

    def rem(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """Each x - y*n, n the integer nearest x/y, ties to even; exact."""
        return self._flagged(binary("rem"), x, y, flags=flags)

    def round_to_integral(
        self, x: Storage, rounding: str | None = None, *, flags: Flags | None = None
    ) -> Storage:
        """The nearest integers, in a direction; by default in the Scalar's own."""
        name = f"round_to_integral {rounding or self.rounding}"
        return self._flagged(unary(name), x, flags=flags)

    def scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        """Each x * 2**n, rounded once."""
        powers = checks.as_dtype(n, np.int64, "scaleb")
        x, powers = shapes.broadcast("scaleb", (self._checked("scaleb", x), powers))
        operands = (self._contiguous(x), self._contiguous(powers))
        return self.run(binary("scaleb"), operands, flags=flags)

    def logb(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """The exponents, as numbers of the Scalar."""
        return self._flagged(unary("logb"), x, flags=flags)

    def next_up(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """The least numbers that are greater."""
        return self._flagged(unary("next_up"), x, flags=flags)

    def next_down(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """The greatest numbers that are less."""
        return self._flagged(unary("next_down"), x, flags=flags)

    def copy_sign(self, x: Storage, y: Storage) -> Storage:
        """Each x with the sign of y."""
        return self._binary("copy_sign", x, y)

    def total_order(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where x comes before y, or is y, in the order of all encodings."""
        return self._binary("total_order", x, y, result=np.bool_)

    def classify(self, x: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        """What kind each number is, as an index of ``numlean.CLASSES``."""
        return self._elementwise(unary("classify"), x, result=np.int8)

    def neg(self, x: Storage) -> Storage:
        """Each number with its sign changed."""
        return self._elementwise(unary("neg"), x)

    def abs(self, x: Storage) -> Storage:
        """The magnitudes."""
        return self._elementwise(unary("abs"), x)

    def minimum(self, x: Storage, y: Storage) -> Storage:
        """The lesser of two; a NaN propagates."""
        return self._binary("minimum", x, y)

    def maximum(self, x: Storage, y: Storage) -> Storage:
        """The greater of two; a NaN propagates."""
        return self._binary("maximum", x, y)

    def min_num(self, x: Storage, y: Storage) -> Storage:
        """The lesser of two; one quiet NaN yields the other operand."""
        return self._binary("min_num", x, y)

    def max_num(self, x: Storage, y: Storage) -> Storage:
        """The greater of two; one quiet NaN yields the other operand."""
        return self._binary("max_num", x, y)

    def compare(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        """-1 less, 0 equal, 1 greater, 2 unordered."""
        return self._binary("compare", x, y, result=np.int8)

    def eq(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where x == y."""
        return self._binary("eq", x, y, result=np.bool_)

    def lt(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where x < y."""
        return self._binary("lt", x, y, result=np.bool_)

    def le(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where x <= y."""
        return self._binary("le", x, y, result=np.bool_)

    # Products and sums.

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The product of two matrices, k ascending."""
        a, b = self._ready("matmul", a), self._ready("matmul", b)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            raise ShapeError(f"matmul takes shapes (n, k) and (k, m); got {a.shape} and {b.shape}")
        loop = _choose("contraction", contraction, {"separate": MATMUL, "fma": MATMUL_FMA})
        c = self.target.empty((a.shape[0], b.shape[1]), self.storage_dtype)
        self._kernel(loop)(c.shape, a, b, c)
        return c

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The products of matrices in batches, k ascending."""
        a, b = self._ready("bmm", a), self._ready("bmm", b)
        c = self.target.empty(shapes.batches(a, b), self.storage_dtype)
        loop = _choose("contraction", contraction, {"separate": BMM, "fma": BMM_FMA})
        self._kernel(loop)(c.shape, a, b, c)
        return c

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """The sums along axes."""
        axes = shapes.axes_of(axis, x.ndim)
        without = tuple(x.shape[k] for k in range(x.ndim) if k not in axes)
        result_shape = shapes.kept_shape(x.shape, axis) if keepdims else without
        block = self._block("sum", x, axes)
        outer, _, inner = block.shape
        loop = _choose("reduction", reduction, {"ordered": SUM_ORDERED, "pairwise": SUM_PAIRWISE})
        if loop is SUM_ORDERED or block.shape[1] == 0:
            z = self.target.empty((outer, inner), self.storage_dtype)
            self._kernel(SUM_ORDERED)(z.shape, block, z)
        else:
            work = self.copy(block)
            self._kernel(SUM_PAIRWISE)((outer, inner), work)
            z = self.copy(work[:, 0, :])
        return z.reshape(result_shape)

    def max(self, x: Storage, axis: int = -1, *, keepdims: bool = False) -> Storage:
        """The greatest along an axis."""
        k = shapes.filled_axis("max", axis, x.shape)
        block = self._block("max", x, (k,))
        z = self.target.empty(block.shape[::2], self.storage_dtype)
        self._kernel(MAX)(z.shape, block, z)
        return z.reshape(x.shape[:k] + (1,) * keepdims + x.shape[k + 1 :])

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        """An array of ``shape`` into whose cells elements are added."""
        x, z = self._ready("scatter_add", x), self.target.empty(shape, self.storage_dtype)
        count, width = shapes.cells(x, index, shape)
        starts, sources = self.grouped(index, count)
        if width == 1:
            self._kernel(SCATTER_ADD)((count,), x.reshape(-1), starts, sources, z.reshape(-1))
        else:
            rows, cells = x.reshape(index.size, width), z.reshape(count, width)
            self._kernel(SCATTER_ADD_ROWS)(cells.shape, rows, starts, sources, cells)
        return z

    def grouped(self, index: Indices, count: int) -> tuple[Indices, Indices]:
        """Which places of an index name each of ``count`` cells: see ``GROUP``."""
        flat = shapes.places(index, index.shape, count)
        starts, sources = (
            self.target.empty(count + 1, np.int64),
            self.target.empty(flat.size, np.int64),
        )
        kernel_for(self.target, GROUP, NO_ROUTINES)((1,), flat, starts, sources)
        return starts, sources

    def argmax(self, x: Storage, axis: int = -1) -> Indices:
        """The place of the first of the greatest along an axis."""
        k = shapes.filled_axis("argmax", axis, x.shape)
        block = self._block("argmax", x, (k,))
        z = self.target.empty(block.shape[::2], np.int64)
        self._kernel(FIRST_GREATEST)(z.shape, block, z)
        return z.reshape(x.shape[:k] + x.shape[k + 1 :])

    # What moves numbers.

    def copy_into(self, x: Storage, z: Storage) -> None:
        """Write the elements of x into z."""
        self.target.copy_into(x, z)

    def copy(self, x: Storage) -> Storage:
        """The elements of a view, in C order."""
        z = self.target.empty(x.shape, x.dtype)
        self.copy_into(x, z)
        return z

    def concat(self, arrays: Sequence[Storage], axis: int) -> Storage:
        """Arrays one after the other along an axis."""
        z = self.target.empty(shapes.joined(arrays, axis), self.storage_dtype)
        start, whole = 0, (slice(None),) * (axis % z.ndim)
        for x in arrays:
            stop = start + x.shape[axis]
            self.target.copy_into(self._checked("concat", x), z[(*whole, slice(start, stop))])
            start = stop
        return z

    def pad(self, x: Storage, shape: tuple[int, ...], where: tuple[slice, ...]) -> Storage:
        """An array that has x somewhere and +0 elsewhere."""
        z = self.copy(np.broadcast_to(self.from_float(0.0), shape))
        self.target.copy_into(self._checked("pad", x), z[where])
        return z

    def take(self, x: Storage, index: Indices, *, row_axes: int = 0) -> Storage:
        """The elements, or rows, at places."""
        x = self._ready("take", x)
        row = x.shape[x.ndim - row_axes :]
        z, width = self.target.empty(index.shape + row, self.storage_dtype), prod(row)
        flat = shapes.places(index, index.shape, prod(x.shape[: x.ndim - row_axes]))
        if width == 1:
            self._kernel(TAKE)((z.size,), x.reshape(-1), flat, z.reshape(-1))
        else:
            rows = x.reshape(prod(x.shape[: x.ndim - row_axes]), width)
            taken = z.reshape(flat.size, width)
            self._kernel(TAKE_ROWS)(taken.shape, rows, flat, taken)
        return z

    def take_along_axis(self, x: Storage, index: Indices, axis: int = -1) -> Storage:
        """Along an axis, one element each."""
        k = shapes.one_axis("take_along_axis", axis, x.ndim)
        flat = shapes.places(index, x.shape[:k] + x.shape[k + 1 :], x.shape[k])
        block = self._block("take_along_axis", x, (k,))
        z = self.target.empty(block.shape[::2], self.storage_dtype)
        self._kernel(PICK)(z.shape, block, flat.reshape(z.shape), z)
        return z.reshape(index.shape)

    def scatter_along_axis(
        self, x: Storage, index: Indices, extent: int, axis: int = -1
    ) -> Storage:
        """One element each along a new axis, +0 elsewhere."""
        x, k = (
            self._ready("scatter_along_axis", x),
            shapes.one_axis("scatter_along_axis", axis, x.ndim + 1),
        )
        flat = shapes.places(index, x.shape, extent)
        outer, inner = prod(x.shape[:k]), prod(x.shape[k:])
        z = self.target.empty((outer, extent, inner), self.storage_dtype)
        elements = (a.reshape(outer, inner) for a in (x, flat))
        self._kernel(SPREAD)(z.shape, *elements, z)
        return z.reshape(*x.shape[:k], extent, *x.shape[k:])

    def where(self, condition: np.ndarray[Any, np.dtype[np.bool_]], x: Storage) -> Storage:
        """X where something holds, +0 elsewhere."""
        condition, x = shapes.broadcast("where", (condition, self._checked("where", x)))
        z = self.target.empty(x.shape, self.storage_dtype)
        flat = (self._contiguous(a).reshape(-1) for a in (condition, x))
        self._kernel(SELECT)((z.size,), *flat, z.reshape(-1))
        return z

    def from_host_callback(self, values: Callable[[], ArrayLike]) -> Storage:
        """Binary64 values that a function gives."""
        return self._on_the_host(lambda: self.from_float(values()))

    def _on_the_host(self, function: Callable[[], Storage], *read: Storage) -> Storage:
        """What a function of some arrays gives that no kernel computes."""
        z = self.device_copy(function(), host_visible=True)
        self.target.on_replay(lambda: np.copyto(z, function()), read=read, written=z)
        return z

    # How the above are carried out.

    def _binary(self, name: str, x: Storage, y: Storage, *, result: Any = None) -> Storage:
        return self._elementwise(binary(name), x, y, result=result)

    def _elementwise(self, loop: Loop, *operands: Storage, result: Any = None) -> Storage:
        return self.run(loop, self.fitted(loop.name, operands), result=result)

    def _flagged(self, loop: Loop, *operands: Storage, flags: Flags | None) -> Storage:
        if flags is None and len(operands) == 2:
            single = self._with_a_single_number(loop.name, *operands)
            if single is not None:
                return single
        return self.run(loop, self.fitted(loop.name, operands), flags=flags)

    def _with_a_single_number(self, name: str, x: Storage, y: Storage) -> Storage | None:
        """An operation on an array and one number, which need not be spread over an array."""
        x, y = self._ready(name, x), self._ready(name, y)
        sizes = (x.size, y.size)
        shape = np.broadcast_shapes(x.shape, y.shape) if 1 in sizes else ()
        if sizes == (1, 1) or 0 in sizes or shape not in (x.shape, y.shape):
            return None
        z = self.target.empty(shape, self.storage_dtype)
        loop = broadcast_operand(name, sizes.index(1))
        self._kernel(loop)((z.size,), x.reshape(-1), y.reshape(-1), z.reshape(-1))
        return z

    def fitted(self, name: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
        """Operands checked and broadcast, as ``run`` takes them."""
        operands = tuple(self._ready(name, x) for x in operands)
        if any(x.shape != operands[0].shape for x in operands):
            return tuple(map(self._contiguous, shapes.broadcast(name, operands)))
        return operands

    def run(
        self,
        loop: Loop,
        operands: tuple[Storage, ...],
        *,
        result: Any = None,
        flags: Flags | None = None,
    ) -> Storage:
        """An elementwise loop over arrays of one shape, in C order; for Scalars that wrap this one.

        ``result`` is the dtype of what it gives, by default the Scalar's.
        """
        if flags is not None:
            z, raised = self._run_flagged(loop.name, operands, result)
            flags.count(self._counted(raised.reshape(-1)))
            return z
        z = self.target.empty(operands[0].shape, self.storage_dtype if result is None else result)
        self._kernel(loop)((z.size,), *(x.reshape(-1) for x in operands), z.reshape(-1))
        return z

    def flagged(
        self, name: str, *operands: Storage
    ) -> tuple[Storage, np.ndarray[Any, np.dtype[np.uint8]]]:
        """An operation by its name, and element by element the flags it raises.

        They are bits of an integer, as in ``numlean.FLAGS``.
        """
        return self._run_flagged(name, self.fitted(name, operands))

    def _run_flagged(
        self, name: str, operands: tuple[Storage, ...], result: Any = None
    ) -> tuple[Storage, np.ndarray[Any, Any]]:
        if name in self.substitutes:
            raise UnavailableError(f"{name} of {self.name} keeps no flags")
        z = self.target.empty(operands[0].shape, self.storage_dtype if result is None else result)
        raised = self.target.empty(z.shape, np.uint8)
        arrays = [x.reshape(-1) for x in (*operands, raised, z)]
        self._kernel(flagged(name, len(operands)))((z.size,), *arrays)
        return z, raised

    def _counted(self, raised: np.ndarray[Any, Any]) -> list[int]:
        counts = self.target.empty(-(-raised.size // BLOCK), np.uint64)
        kernel_for(self.target, COUNT_FLAGS, NO_ROUTINES)(counts.shape, raised, counts)
        return counts_of(counts)

    def elementary(self, name: str, *operands: Storage, flags: Flags | None = None) -> Storage:
        """An elementary function by its name: a substitute, the table's, or from exact values."""
        operands = self.fitted(name, operands)
        if name in self.substitutes:
            return self._substituted(name, operands, flags)
        if self._has_routine(name):
            return self.run(elementwise(name, len(operands)), operands, flags=flags)
        return self._from_exact_values(name, operands, flags)

    def _has_routine(self, name: str) -> bool:
        try:
            self.table[name]
        except KeyError:
            return False
        return True

    def _substituted(
        self, name: str, operands: tuple[Storage, ...], flags: Flags | None
    ) -> Storage:
        self._refuse_flags(name, flags)
        routine, shape = self.substitutes[name], operands[0].shape

        def computed() -> Storage:
            values = map(routine, *(x.ravel().tolist() for x in operands))
            return self.codec.from_elements(values, shape)

        return self._on_the_host(computed, *operands)

    def _from_exact_values(
        self, name: str, operands: tuple[Storage, ...], flags: Flags | None
    ) -> Storage:
        self._refuse_flags(name, flags)
        # mpmath is costly to import, and most runs need none of this.
        from numlean.scalar.correct_rounding import compute

        immediate = replace(self, target=self.target.without_recorder)
        return self._on_the_host(lambda: compute(immediate, name, operands), *operands)

    def _refuse_flags(self, name: str, flags: Flags | None) -> None:
        if flags is not None:
            raise UnavailableError(f"{name} of {self.name} keeps no flags")

    def _kernel(self, loop: Loop) -> Launch:
        try:
            return kernel_for(self.target, loop, self.table)
        except KeyError as error:
            (missing,) = error.args
            needed = "" if missing == loop.name else f", which {loop.name} needs"
            raise UnavailableError(f"{self.name} has no {missing}{needed}") from None

    def _ready(self, operation: str, x: Storage) -> Storage:
        """An operand as kernels take it: C order, aligned, and writable, to be compiled once."""
        return self._contiguous(self._checked(operation, x))

    def _block(self, operation: str, x: Storage, axes: tuple[int, ...]) -> Storage:
        """An operand with some of its axes joined as the middle one of three."""
        view, shape = shapes.middle_axis(x, axes)
        return self._ready(operation, view).reshape(shape)

    def _contiguous(self, x: Storage) -> Storage:
        return x if x.flags.carray else self.copy(x)

    def _checked(self, operation: str, x: Storage) -> Storage:
        if not isinstance(x, np.ndarray) or x.dtype != self.storage_dtype:
            what = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
            raise StorageError(
                f"{operation} of {self.name} takes {self.storage_dtype} arrays, not"
                f" {what}; use from_float to bring numbers in"
            )
        if x.dtype.hasobject:
            for element in x.flat:
                if not self.codec.is_element(element):
                    raise StorageError(
                        f"{operation} of {self.name} takes its own numbers, not {element!r}; use"
                        " from_float or from_exact to bring numbers in"
                    )
        return x

    def _encoding_format(self, operation: str) -> Format:
        if self.format is None:
            raise UnavailableError(
                f"{operation}: numbers of {self.name} have no encoding; to_exact gives their values"
            )
        return self.format


def _choose(option: str, value: str, known: dict[str, Loop]) -> Loop:
    if value not in known:
        raise UnknownNameError(option, value, tuple(known))
    return known[value]
