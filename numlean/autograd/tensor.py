"""Tensors: arrays of numbers with their arithmetic and, while a tape watches them, a history."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd import primitives as ops
from numlean.errors import ShapeError
from numlean.scalar.protocol import Axis, Order, Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tape import Tape

Operand: TypeAlias = "Tensor | ArrayLike"


@final
class Tensor:
    """A Scalar and a storage array of it, immutable.

    Operators and methods apply the primitives of :mod:`numlean.autograd.primitives`; a Python
    number among the operands is a binary64 literal and enters the Scalar with one rounding.

    Attributes:
        scalar: The arithmetic.
        data: The storage array.
        tape: The tape that records the operations on it, or None.
        slot: Its place on the tape; -1 without one.
    """

    __slots__ = ("data", "scalar", "slot", "tape")
    # A numpy array on the left of an operator leaves the operation to the tensor.
    __array_ufunc__ = None

    def __init__(
        self, scalar: Scalar, data: Storage, tape: Tape | None = None, slot: int = -1
    ) -> None:
        self.scalar = scalar
        self.data = data
        self.tape = tape
        self.slot = slot

    @classmethod
    def of(cls, scalar: Scalar, values: ArrayLike) -> Tensor:
        """Return a tensor of binary64 values, each rounded once."""
        return cls(scalar, scalar.from_float(values))

    def like(self, data: Storage) -> Tensor:
        """Return another array of the same arithmetic, without a history."""
        return Tensor(self.scalar, data)

    def literal(self, value: float) -> Tensor:
        """Return a binary64 number in the same arithmetic, rounded once, of shape ()."""
        return Tensor.of(self.scalar, value)

    def on_tape(self, tape: Tape, slot: int) -> Tensor:
        """Return the same numbers at a place of a tape, which records the operations on them."""
        return Tensor(self.scalar, self.data, tape, slot)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    def detach(self) -> Tensor:
        """Return the same numbers without a history."""
        return self.like(self.data)

    def in_scalar(self, scalar: Scalar) -> Tensor:
        """Return the same numbers in a Scalar that equals this tensor's.

        Equal Scalars compute the same, but each has its own random stream and counters.
        """
        return self if self.scalar is scalar else Tensor(scalar, self.data, self.tape, self.slot)

    def to_float(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the values as binary64."""
        return self.scalar.to_float(self.data)

    def item(self) -> float:
        """Return the only element, as binary64."""
        return float(self.to_float().item())

    def __repr__(self) -> str:
        watched = ", watched" if self.tape is not None else ""
        return f"Tensor({self.scalar.name}, shape {self.shape}{watched}, {self.to_float()})"

    def __add__(self, other: Operand) -> Tensor:
        return ops.add(self, self._operand(other))

    def __radd__(self, other: Operand) -> Tensor:
        return ops.add(self._operand(other), self)

    def __sub__(self, other: Operand) -> Tensor:
        return ops.sub(self, self._operand(other))

    def __rsub__(self, other: Operand) -> Tensor:
        return ops.sub(self._operand(other), self)

    def __mul__(self, other: Operand) -> Tensor:
        return ops.mul(self, self._operand(other))

    def __rmul__(self, other: Operand) -> Tensor:
        return ops.mul(self._operand(other), self)

    def __truediv__(self, other: Operand) -> Tensor:
        return ops.div(self, self._operand(other))

    def __rtruediv__(self, other: Operand) -> Tensor:
        return ops.div(self._operand(other), self)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __matmul__(self, other: Tensor) -> Tensor:
        return ops.matmul(self, other) if isinstance(other, Tensor) else NotImplemented

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The matrix with its axes in reverse."""
        return ops.transpose(self)

    def reshape(self, *shape: int) -> Tensor:
        """Return the same elements in C order, in another shape; one extent may be -1."""
        return ops.reshape(self, shape)

    def __getitem__(self, where: int | slice | tuple[int | slice, ...]) -> Tensor:
        """Return a part: an index, which drops its axis, or a slice per axis; other axes are whole.

        Raises:
            ShapeError: There are more indices than axes.
            IndexError: An index is out of range.
        """
        places = where if isinstance(where, tuple) else (where,)
        if len(places) > self.ndim:
            raise ShapeError(f"too many indices for a tensor with {self.ndim} axes: {len(places)}")
        slices = tuple(_as_slice(k, n) for k, n in zip(places, self.shape, strict=False))
        part = ops.slice_(self, slices)
        dropped = [k for k, place in enumerate(places) if not isinstance(place, slice)]
        if not dropped:
            return part
        return part.reshape(*(n for k, n in enumerate(part.shape) if k not in dropped))

    def __iter__(self) -> Iterator[Tensor]:
        """Return the parts along the first axis.

        Raises:
            ShapeError: The tensor has no axes.
        """
        if self.ndim == 0:
            raise ShapeError("cannot iterate over a tensor without axes")
        return (self[k] for k in range(self.shape[0]))

    def sum(
        self, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Tensor:
        """Return the sum over axes: in index order from +0, or "pairwise", by a balanced tree."""
        return ops.sum_(self, axis, keepdims=keepdims, reduction=reduction)

    def mean(self, axis: Axis = None) -> Tensor:
        """Return the sum over axes divided by the number of terms: one division."""
        total = self.sum(axis)
        return total / (self.size // max(total.size, 1))

    def _operand(self, value: Operand) -> Tensor:
        return value if isinstance(value, Tensor) else Tensor.of(self.scalar, value)


def _as_slice(place: int | slice, extent: int) -> slice:
    if isinstance(place, slice):
        return place
    index = operator.index(place)
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of range for an axis of extent {extent}")
    return slice(index % extent, index % extent + 1)
