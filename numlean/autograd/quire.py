"""Quires: accumulators of posits, whose sums of products are exact (Posit Standard 2022)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, final

import numpy as np

from numlean.arguments import checked, describe_value
from numlean.autograd.tensor import Operand, Tensor
from numlean.errors import MixedScalarError, NumleanError, ShapeError, UnavailableError
from numlean.scalar.identity import name_both
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.kernel_scalar.exact_products import tapered_codes
from numlean.scalar.kernel_scalar.quires import QuireArray
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean_kernels.tapered.formats import Posit
from numlean_kernels.tapered.sums import QuireFormat as Format


@checked
@final
class Quire:
    """An accumulator of posits: sums and products are added exactly, and rounded once at the end.

    A quire of posits of N bits is an integer in two's complement of 16 * N bits, in units of
    2**(16 - 8 * N), the square of the least posit: 31 bits are left for carries. The least integer
    is NaR. (With ES exponent bits instead of 2 it has 2**(ES + 2) * (N - 2) + 32 bits.) A posit
    that is NaR makes a quire NaR, and so does a sum that is out of range; it remains NaR until it
    is cleared. Every method that adds changes the quire and returns it.

    Args:
        dtype: The dtype of the posits, such as ``"posit16"``, or its Scalar.
        shape: The shape of an array of quires; () for a single one.

    Raises:
        NumleanError: The dtype is not of posits, or the shape has a negative extent.
        UnavailableError: The Scalar's operations are wrapped or recorded, which a quire's are not.
    """

    __slots__ = ("_array", "_format", "_scalar", "_shape")

    def __init__(self, dtype: Scalar | str, shape: int | tuple[int, ...] = ()) -> None:
        scalar = get_scalar(dtype) if isinstance(dtype, str) else dtype
        codes = tapered_codes(scalar)
        if not isinstance(codes, Posit):
            raise NumleanError(
                f"a Quire takes a dtype of posits, such as posit16, got {scalar.name}; for other"
                " dtypes, exact sums are those of the accumulation exact"
            )
        if not isinstance(scalar, KernelScalar) or scalar.recorder is not None:
            raise UnavailableError(
                f"a Quire of {scalar.describe()} would not be recorded, counted or traced; use the"
                " accumulation exact there"
            )
        extents = (shape,) if isinstance(shape, int) else shape
        if any(extent < 0 for extent in extents):
            raise ShapeError(f"a Quire takes extents of 0 or more, got shape {shape}")
        self._scalar, self._format, self._shape = scalar, Format(codes), extents
        self._array = QuireArray.zeros(scalar, self._format, int(np.prod(extents)))

    @classmethod
    def from_bits(cls, dtype: Scalar | str, bits: Any) -> Quire:
        """Return the quires of encodings: integers from 0 to 2**width - 1, or hexadecimal texts.

        Args:
            dtype: The dtype of the posits, or its Scalar.
            bits: An encoding, or lists of encodings, nested as the axes of an array are.

        Raises:
            NumleanError: An encoding is out of range, or the lists are not those of an array.
        """
        given = np.array(bits, dtype=object)
        made = cls(dtype, given.shape)
        made._array.set_encodings([_encoding(each, made.width) for each in given.reshape(-1)])
        return made

    @property
    def scalar(self) -> Scalar:
        """The Scalar of the posits."""
        return self._scalar

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of quires."""
        return self._shape

    @property
    def width(self) -> int:
        """The number of bits of a quire."""
        return self._format.width

    @property
    def unit_exponent(self) -> int:
        """The exponent of the unit: a quire is its integer times 2**unit_exponent."""
        return self._format.unit_exponent

    @property
    def is_nar(self) -> Any:
        """Whether a quire is NaR: a truth value, or an array of them."""
        return (self._array.nar != 0).reshape(self._shape)[()]

    def add(self, x: Operand | Quire) -> Quire:
        """Add posits, or the values of other quires. They are broadcast to the shape."""
        return self._add(x, negative=False)

    def subtract(self, x: Operand | Quire) -> Quire:
        """Subtract posits, or the values of other quires."""
        return self._add(x, negative=True)

    def add_product(self, x: Operand, y: Operand) -> Quire:
        """Add the products of posits, element by element (the standard's qMulAdd)."""
        return self._add_product(self._operand(x), self._operand(y))

    def subtract_product(self, x: Operand, y: Operand) -> Quire:
        """Subtract the products of posits, element by element (qMulSub)."""
        return self._add_product(self._scalar.neg(self._operand(x)), self._operand(y))

    def add_matmul(self, x: Operand, y: Operand) -> Quire:
        """Add the sums of products over k of x (n, k) and y (k, m): the shape is (n, m).

        Vectors (k,) and (k,) have one sum, and the quire's shape is (). Batches (i, n, k) and
        (i, k, m) have the shape (i, n, m).

        Raises:
            ShapeError: The shapes do not match.
        """
        a, b = self._operand(x), self._operand(y)
        if a.ndim == b.ndim == 1 and a.shape == b.shape:
            shape: tuple[int, ...] = ()
            a, b = a[np.newaxis, np.newaxis], b[np.newaxis, :, np.newaxis]
        else:
            matches = a.ndim == b.ndim in (2, 3) and a.shape[:-2] == b.shape[:-2]
            if not matches or a.shape[-1] != b.shape[-2]:
                raise ShapeError(
                    f"add_matmul takes shapes (k,) and (k,), (n, k) and (k, m), or batches of"
                    f" these; got {a.shape} and {b.shape}"
                )
            shape = (*a.shape[:-1], b.shape[-1])
        self._check_shape(shape)
        three = [each if each.ndim == 3 else each[np.newaxis] for each in (a, b)]
        self._array.add_products(three[0], three[1].swapaxes(-1, -2))
        return self

    def negate(self) -> Quire:
        """Change the sign; NaR remains (qNegate)."""
        self._array.negate()
        return self

    def clear(self) -> Quire:
        """Set every quire to zero."""
        self._array.clear()
        return self

    def copy(self) -> Quire:
        """Return a quire of the same values, which does not change with this one."""
        made = Quire(self._scalar, ())
        made._shape, made._array = self._shape, self._array.copy()
        return made

    def __copy__(self) -> Quire:
        return self.copy()

    def to_posit(self) -> Tensor:
        """Return the nearest posits, each sum rounded once (qToP); NaR for NaR."""
        return Tensor(self._scalar, self._array.rounded().reshape(self._shape))

    def to_bits(self) -> Any:
        """Return the encodings, Python integers from 0 to 2**width - 1, nested as the axes are."""
        return self._nested(self._array.encodings())

    def to_hex(self) -> Any:
        """Return the encodings as texts, ``0x`` and width / 4 digits, nested as the axes are."""
        digits = -(-self.width // 4)
        return self._nested([f"0x{bits:0{digits}x}" for bits in self._array.encodings()])

    def to_fraction(self) -> Any:
        """Return the exact values, nested as the axes are; None for NaR."""
        half, unit = 1 << (self.width - 1), Fraction(1, 1 << -self.unit_exponent)
        values = [((bits ^ half) - half) * unit for bits in self._array.encodings()]
        found = [None if value == -half * unit else value for value in values]
        return self._nested(found)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quire):
            return NotImplemented
        mine, theirs = self._array, other._array
        is_alike = (self._scalar, self._shape) == (other._scalar, other._shape)
        return is_alike and mine.encodings() == theirs.encodings()

    __hash__ = None  # type: ignore[assignment]  # its value changes

    def __repr__(self) -> str:
        shown = self.to_hex() if self._shape == () else f"shape {self._shape}"
        return f"Quire({self._scalar.name}, {shown})"

    def _add(self, x: Operand | Quire, *, negative: bool) -> Quire:
        if not isinstance(x, Quire):
            a, one = self._operand(x), self._scalar.from_float(1.0)
            return self._add_product(self._scalar.neg(a) if negative else a, one)
        if x._scalar != self._scalar:
            raise MixedScalarError(f"quires are of one dtype, not {self._both(x._scalar)}")
        if x._shape != self._shape:
            raise ShapeError(f"quires have one shape, got {self._shape} and {x._shape}")
        other = x._array.copy()
        if negative:
            other.negate()
        self._array.add_quires(other)
        return self

    def _add_product(self, a: Storage, b: Storage) -> Quire:
        shape = np.broadcast_shapes(a.shape, b.shape, self._shape) if self._fits(a, b) else None
        if shape != self._shape:
            raise ShapeError(
                f"operands of shapes {a.shape} and {b.shape} do not broadcast to the quire's shape"
                f" {self._shape}"
            )
        columns = (np.broadcast_to(x, shape).reshape(-1, 1, 1) for x in (a, b))
        self._array.add_products(*columns)
        return self

    def _fits(self, *arrays: Storage) -> bool:
        try:
            np.broadcast_shapes(*(a.shape for a in arrays), self._shape)
        except ValueError:
            return False
        return True

    def _operand(self, x: Operand) -> Storage:
        """Return the codes of an operand; a number that is not a tensor is rounded once."""
        if not isinstance(x, Tensor):
            return Tensor.of(self._scalar, x).data
        if x.tape is not None:
            raise NumleanError("a Quire has no gradient; pass x.detach() for a watched tensor")
        if x.scalar != self._scalar:
            raise MixedScalarError(
                f"a Quire takes numbers of its own dtype, not {self._both(x.scalar)}; cast them"
                " with nl.cast(x, dtype)"
            )
        return x.data

    def _both(self, other: Scalar) -> str:
        return name_both(self._scalar, other)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape != self._shape:
            raise ShapeError(
                f"sums of shape {shape} go into quires of that shape, not {self._shape}"
            )

    def _nested(self, values: list[Any]) -> Any:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array.reshape(self._shape).tolist()


def _encoding(given: Any, width: int) -> int:
    """Return an encoding as an integer.

    Raises:
        NumleanError: It is not one, or out of range.
    """
    try:
        bits = int(given, 16) if isinstance(given, str) else int(given)
        if isinstance(given, str | int | np.integer) and 0 <= bits < 1 << width:
            return bits
    except (TypeError, ValueError):
        bits = None
    raise NumleanError(
        f"an encoding of a quire is an integer from 0 to 2**{width} - 1, or such a number in"
        f" hexadecimal; got {describe_value(given)}"
    )
