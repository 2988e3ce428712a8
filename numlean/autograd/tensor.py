"""Tensors: arrays of numbers with their arithmetic and, while a tape watches them, a history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked, describe_value
from numlean.autograd import (
    comparing,
    display,
    exchange,
    extrema,
    indexing,
    numpy_functions,
    products,
    saving,
)
from numlean.autograd import primitives as ops
from numlean.autograd.indices import INDEX
from numlean.errors import NumleanError, ShapeError
from numlean.scalar.conversion import Conversion
from numlean.scalar.entering import enter
from numlean.scalar.protocol import Axis, Order, Scalar, Storage
from numlean.scalar.registry import get_scalar

if TYPE_CHECKING:
    from numlean.autograd.tape import Tape

Operand: TypeAlias = "Tensor | ArrayLike"


@final
class Tensor:
    """A Scalar and a storage array of it, immutable.

    Operators and methods apply the primitives of :mod:`numlean.autograd.primitives`; a Python
    number among the operands is a binary64 literal and enters the Scalar with one rounding.
    Comparisons and indices are numpy's: ``a == b`` has a truth value for each element, and
    ``a[a > 0]`` selects. ``np.asarray(t)`` gives the values, and ``np.exp(t)`` computes in the
    Scalar.

    Attributes:
        scalar: The arithmetic.
        data: The storage array.
        tape: The tape that records the operations on it, or None.
        slot: Its place on the tape; -1 without one.
    """

    __slots__ = ("data", "scalar", "slot", "tape")

    def __init__(
        self, scalar: Scalar, data: Storage, tape: Tape | None = None, slot: int = -1
    ) -> None:
        if not isinstance(data, np.ndarray) or not hasattr(scalar, "name"):
            _refuse_parts(scalar, data)
        self.scalar = scalar
        self.data = data
        self.tape = tape
        self.slot = slot

    @classmethod
    def of(cls, scalar: Scalar | str, values: ArrayLike) -> Tensor:
        """Return a tensor of binary64 values, each rounded once.

        An arithmetic that rounds at random rounds them to nearest, because they are constants.

        Args:
            scalar: The arithmetic, or its dtype such as ``"bfloat16"``.
            values: A number, or an array or nested lists of numbers.

        Raises:
            NumleanError: The dtype is unknown, or a value is not a number.
        """
        arithmetic = _as_scalar(scalar)
        return cls(arithmetic, enter(arithmetic, _numbers(values)))

    @classmethod
    def from_dlpack(cls, array: Any, scalar: Scalar | str | None = None) -> Tensor:
        """Return a copy of another library's array, such as PyTorch's, each number rounded once.

        Args:
            array: An object with ``__dlpack__``, on the CPU.
            scalar: The arithmetic or its dtype; by default the one with the array's numbers.

        Raises:
            NumleanError: numpy does not have the array's dtype, or no Scalar has its numbers.
        """
        values = exchange.imported(array)
        return cls.of(exchange.scalar_of(values, scalar), values)

    def like(self, data: Storage) -> Tensor:
        """Return another array of the same arithmetic, without a history."""
        return Tensor(self.scalar, data)

    def indices(self, data: Storage) -> Tensor:
        """Return whole numbers as a tensor of indices."""
        return Tensor(INDEX, data)

    def literal(self, value: float) -> Tensor:
        """Return a binary64 number in the same arithmetic, rounded once, of shape ()."""
        return Tensor.of(self.scalar, value)

    def on_tape(self, tape: Tape, slot: int) -> Tensor:
        """Return the same numbers at a place of a tape, which records the operations on them."""
        return Tensor(self.scalar, self.data, tape, slot)

    @property
    def dtype(self) -> str:
        """The name of the arithmetic, which ``get_scalar`` takes: ``bfloat16``."""
        return self.scalar.name

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

    def __len__(self) -> int:
        """Return the extent of the first axis.

        Raises:
            ShapeError: The tensor has no axes.
        """
        if self.ndim == 0:
            raise ShapeError("a tensor without axes has no length")
        return self.shape[0]

    def detach(self) -> Tensor:
        """Return the same numbers without a history."""
        return self.like(self.data)

    def in_scalar(self, scalar: Scalar) -> Tensor:
        """Return the same numbers in a Scalar that equals this tensor's.

        Equal Scalars compute the same, but each has its own random stream and counters.
        """
        return self if self.scalar is scalar else Tensor(scalar, self.data, self.tape, self.slot)

    def to(
        self,
        scalar: Scalar | str,
        *,
        rounding: str | None = None,
        overflow: str | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """Return the numbers in another arithmetic, each rounded once from its exact value.

        Args:
            scalar: The arithmetic, or its dtype such as ``"bfloat16"``.
            rounding: The rounding in place of the arithmetic's, as in ``nl.cast``.
            overflow: The overflow in place of the arithmetic's, as in ``nl.cast``.
            seed: The seed of a stochastic rounding.

        Raises:
            NumleanError: A tape watches the tensor; ``nl.cast`` has a gradient.
        """
        other = _as_scalar(scalar)
        conversion = Conversion.of(rounding, overflow, seed)
        if overflow is None and other == self.scalar:
            return self.in_scalar(other)
        if self.tape is not None:
            raise NumleanError(
                f"t.to({other.name!r}) has no gradient: use t.detach().to(...), or nl.cast(t, ...),"
                " through which the gradient goes unchanged"
            )
        return Tensor(other, exchange.converted(self, other, conversion))

    def to_float(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the values as binary64."""
        return self.scalar.to_float(self.data)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a new array of the values as binary64, each rounded once; of indices as int64."""
        return exchange.values_of(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Return the values; of dtype object exactly, as ``mpmath.mpf``."""
        return exchange.as_array(self, dtype, copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute numpy's function of elements in this arithmetic, also the operators of arrays."""
        return numpy_functions.apply_ufunc(self, ufunc, method, inputs, options)

    def __array_function__(
        self, function: Any, types: Any, arguments: Any, options: dict[str, Any]
    ) -> Any:
        """Return numpy's function of arrays: a method's result, or that of the values."""
        return numpy_functions.apply_function(function, arguments, options)

    def __dlpack__(self, **options: Any) -> Any:
        """Return a copy of the values, exactly, in the narrowest IEEE format that has them.

        Raises:
            ExportError: Binary64 does not have every number of the Scalar.
        """
        given = {name: value for name, value in options.items() if value not in (None, True)}
        return exchange.exported(self).__dlpack__(**given)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the CPU: the values are exported from there."""
        return (1, 0)

    def item(self) -> float:
        """Return the only element, as binary64; of indices, as an integer.

        Raises:
            ShapeError: There is not exactly one element.
        """
        if self.size != 1:
            raise ShapeError(f"item() takes a tensor of one element, not of shape {self.shape}")
        number: float = self.numpy().item()
        return number

    def tolist(self) -> Any:
        """Return the values as nested lists of binary64 numbers; of shape (), a number."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        self.item()
        return exchange.integer_of(self)

    def __complex__(self) -> complex:
        return complex(self.item())

    def __bool__(self) -> bool:
        return comparing.truth(self)

    def __repr__(self) -> str:
        return display.as_text(self)

    def _repr_html_(self) -> str:
        return display.as_html(self)

    def __format__(self, spec: str) -> str:
        """Return a single number in a format such as ``.3g``; without one, as ``repr``."""
        if not spec:
            return repr(self)
        try:
            return format(self.item(), spec)
        except NumleanError:
            raise
        except ValueError as error:
            raise NumleanError(f"{spec!r} is not a format of a number: {error}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_tensor, saving.pack(self)

    def __copy__(self) -> Tensor:
        return self

    def __add__(self, other: Operand) -> Tensor:
        return ops.add(self, self.operand(other))

    def __radd__(self, other: Operand) -> Tensor:
        return ops.add(self.operand(other), self)

    def __sub__(self, other: Operand) -> Tensor:
        return ops.sub(self, self.operand(other))

    def __rsub__(self, other: Operand) -> Tensor:
        return ops.sub(self.operand(other), self)

    def __mul__(self, other: Operand) -> Tensor:
        return ops.mul(self, self.operand(other))

    def __rmul__(self, other: Operand) -> Tensor:
        return ops.mul(self.operand(other), self)

    def __truediv__(self, other: Operand) -> Tensor:
        return ops.div(self, self.operand(other))

    def __rtruediv__(self, other: Operand) -> Tensor:
        return ops.div(self.operand(other), self)

    def __pow__(self, other: Operand) -> Tensor:
        return ops.pow_(self, self.operand(other))

    def __rpow__(self, other: Operand) -> Tensor:
        return ops.pow_(self.operand(other), self)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return ops.abs_(self)

    def __matmul__(self, other: Operand) -> Tensor:
        return products.product(self, self.operand(other))

    def __rmatmul__(self, other: Operand) -> Tensor:
        return products.product(self.operand(other), self)

    def __eq__(self, other: object) -> Any:
        """Return whether elements are equal, for each; False for what is not numbers."""
        if not (isinstance(other, Tensor) or comparing.is_comparable(other)):
            return NotImplemented
        return comparing.holds(self, "eq", self._compared(other))

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else np.logical_not(equal)

    def __lt__(self, other: Operand) -> Any:
        return comparing.holds(self, "lt", self._compared(other))

    def __le__(self, other: Operand) -> Any:
        return comparing.holds(self, "le", self._compared(other))

    def __gt__(self, other: Operand) -> Any:
        return comparing.holds(self._compared(other), "lt", self)

    def __ge__(self, other: Operand) -> Any:
        return comparing.holds(self._compared(other), "le", self)

    # Tensors are keys by identity, as their comparison has no single truth value.
    __hash__ = object.__hash__

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The matrix with its axes in reverse."""
        return ops.transpose(self)

    def reshape(self, *shape: int) -> Tensor:
        """Return the same elements in C order, in another shape; one extent may be -1."""
        given: Any = shape[0] if len(shape) == 1 else shape
        return ops.reshape(self, tuple(given) if isinstance(given, tuple | list) else shape)

    def __getitem__(self, where: indexing.Places) -> Tensor:
        """Return the part that an index selects, as in numpy: see :func:`.indexing.part`.

        Raises:
            ShapeError: There are more indices than axes.
            IndexOutOfRangeError: An index is out of range, or is not one.
        """
        return indexing.part(self, where)

    def __setitem__(self, where: object, value: object) -> NoReturn:
        raise NumleanError(
            "a tensor is immutable: make a new one, such as ops.where(a, 'lt', b, x, y)"
        )

    def __iter__(self) -> Iterator[Tensor]:
        """Return the parts along the first axis.

        Raises:
            ShapeError: The tensor has no axes.
        """
        if self.ndim == 0:
            raise ShapeError("cannot iterate over a tensor without axes")
        return (self[k] for k in range(self.shape[0]))

    def __contains__(self, value: object) -> bool:
        """Return whether an element equals a number."""
        return bool(np.any(self == value))

    @checked
    def sum(
        self, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Tensor:
        """Return the sum over axes: in index order from +0, or "pairwise", by a balanced tree."""
        return ops.sum_(self, axis, keepdims=keepdims, reduction=reduction)

    @checked
    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the sum over axes divided by the number of terms: one division."""
        total = self.sum(axis, keepdims=keepdims)
        return total / (self.size // max(total.size, 1))

    @checked
    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the greatest over axes; a NaN propagates; the gradient of a tie to the first.

        Raises:
            ShapeError: An axis does not exist or is empty.
        """
        return extrema.greatest(self, axis, keepdims=keepdims)

    @checked
    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the least over axes, as -max(-x).

        Raises:
            ShapeError: An axis does not exist or is empty.
        """
        return extrema.least(self, axis, keepdims=keepdims)

    @checked
    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Return the index of the first greatest along an axis, or in C order; of the first NaN.

        Raises:
            ShapeError: The axis does not exist or is empty.
        """
        return extrema.place_of_greatest(self, axis, keepdims=keepdims)

    @checked
    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Return the index of the first least along an axis, or in C order; of the first NaN.

        Raises:
            ShapeError: The axis does not exist or is empty.
        """
        return extrema.place_of_greatest(ops.neg(self), axis, keepdims=keepdims)

    def operand(self, value: Operand) -> Tensor:
        """Return a tensor as it is, and other values in this arithmetic, rounded once."""
        return value if isinstance(value, Tensor) else Tensor.of(self.scalar, value)

    def _compared(self, value: Any) -> Tensor:
        """Return an operand of a comparison; numbers next to indices stay as they are."""
        if isinstance(value, Tensor) or self.scalar is not INDEX:
            return self.operand(value)
        return self.indices(np.asarray(value))


def restore_tensor(scalar: Scalar | None, packed: saving.Packed) -> Tensor:
    """Return the tensor that ``pickle`` kept; see :mod:`numlean.autograd.saving`."""
    return Tensor(INDEX if scalar is None else scalar, saving.unpack(scalar, packed))


def _as_scalar(scalar: Scalar | str) -> Scalar:
    if isinstance(scalar, str):
        return get_scalar(scalar)
    if not (hasattr(scalar, "from_float") and hasattr(scalar, "name")):
        raise NumleanError(
            "scalar must be a Scalar or the name of a dtype such as 'bfloat16', got"
            f" {describe_value(scalar)}"
        )
    return scalar


def _numbers(values: Any) -> Any:
    """Return values that a Scalar converts: of a tensor, its own values."""
    return values.numpy() if isinstance(values, Tensor) else values


def _refuse_parts(scalar: object, data: object) -> NoReturn:
    raise NumleanError(
        f"Tensor takes a Scalar and an array of its storage, got a {type(scalar).__name__} and a"
        f" {type(data).__name__}; Tensor.of(scalar, values) converts numbers"
    )
