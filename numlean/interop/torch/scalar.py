"""An arithmetic whose operations are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, Final, final

import numpy as np

from numlean.errors import UnavailableError
from numlean.interop.torch.library import array, library, on_one_thread, tensor
from numlean.scalar import shapes
from numlean.scalar.operations import ELEMENTWISE, OPERATIONS, Kind, operations
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Scalar, Storage
from numlean.scalar.wrappers.wrapper import WrappedScalar

_SPELLINGS: Final = {
    "min_num": "fmin",
    "max_num": "fmax",
    "copy_sign": "copysign",
    "softplus": "nn.functional.softplus",
}
"""PyTorch's names of functions, where they differ from ours."""

_ELEMENTWISE: Final = (*ELEMENTWISE, *operations(kind=Kind.RELATION))


def is_torch_operation(name: str) -> bool:
    """Return whether PyTorch computes an operation; the inner Scalar computes the others."""
    return _function(name) is not None


def _function(operation: str) -> Callable[..., Any] | None:
    """Return PyTorch's function for an operation; None if PyTorch has no such operation.

    The function returns None if PyTorch lacks the options, or the operands do not fit.
    """
    if operation in _COMBINING:
        return _COMBINING[operation]
    function = torch_function(operation)
    return None if function is None else partial(_elementwise, function)


def torch_function(operation: str) -> Callable[..., Any] | None:
    """Return PyTorch's function for an elementwise operation; None if PyTorch has none."""
    if operation not in _ELEMENTWISE:
        return None
    try:
        function: Callable[..., Any] = attrgetter(_SPELLINGS.get(operation, operation))(library())
    except AttributeError:
        return None
    return function


def _elementwise(function: Callable[..., Any], *operands: Storage) -> Storage | None:
    try:
        np.broadcast_shapes(*(x.shape for x in operands))
    except ValueError:
        return None
    with on_one_thread():
        return array(function(*map(tensor, operands)))


def _matmul(a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage | None:
    fits = a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]
    if not fits or contraction != "separate":
        return None
    with on_one_thread() as torch:
        return array(torch.matmul(tensor(a), tensor(b)))


def _bmm(a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage | None:
    if contraction != "separate":
        return None
    shapes.batches(a, b)
    with on_one_thread() as torch:
        return array(torch.bmm(tensor(a), tensor(b)))


def _sum(
    x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
) -> Storage | None:
    axes = shapes.axes_of(axis, x.ndim)
    if not axes or reduction != "ordered":
        return None
    with on_one_thread() as torch:
        return array(torch.sum(tensor(x), axes, keepdim=keepdims))


def _max(x: Storage, axis: int = -1, *, keepdims: bool = False) -> Storage:
    k = shapes.nonempty_axis("max", axis, x.shape)
    with on_one_thread() as torch:
        return array(torch.amax(tensor(x), k, keepdim=keepdims))


def _argmax(x: Storage, axis: int = -1) -> Indices:
    k = shapes.nonempty_axis("argmax", axis, x.shape)
    with on_one_thread() as torch:
        return array(torch.argmax(tensor(x), k))


def _scatter_add(x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
    count, width = shapes.cells(x, index, shape)
    flat = shapes.places(index, index.shape, count)
    rows = x.reshape(flat.size, width)[flat >= 0]
    with on_one_thread():
        z = tensor(np.zeros((count, width), x.dtype))
        z.index_add_(0, tensor(flat[flat >= 0]), tensor(rows))
        return array(z).reshape(shape)


_COMBINING: Final[dict[str, Callable[..., Any]]] = {
    "matmul": _matmul,
    "bmm": _bmm,
    "sum": _sum,
    "max": _max,
    "argmax": _argmax,
    "scatter_add": _scatter_add,
}
"""Functions that combine elements, by the name of the operation."""


@final
class TorchScalar(WrappedScalar):
    """PyTorch's arithmetic of hardware floats, on one thread and by its own settings.

    Sums and products have the order, and elementary functions the errors, that PyTorch's have for
    arrays of that shape and memory order on this machine. The inner Scalar computes operations that
    PyTorch lacks: fused multiply-adds, pairwise sums, movement by indices, conversions. PyTorch
    makes new tensors in each operation, but a record is of fixed arrays, so it runs eagerly only.

    Attributes:
        inner: The Scalar of the same numbers that is correctly rounded and ordered.

    Raises:
        UnavailableError: PyTorch is not installed, or it has no such numbers.
    """

    def __init__(self, inner: Scalar, name: str = "torch") -> None:
        library()
        if inner.storage_dtype not in (np.float32, np.float64):
            raise UnavailableError(
                f"PyTorch computes in float32 and float64, not with numbers of {inner.name}"
            )
        super().__init__(inner)
        self._name = name

    def around(
        self,
        operation: str,
        call: Callable[..., Any],
        operands: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Carry out an operation by PyTorch if it has the operation and the options."""
        function = _function(operation)
        if function is not None and self._owns(operation, operands) and "flags" not in options:
            z = function(*operands, **options)
            if z is not None:
                return z
        return call(*operands, **options)

    @property
    def name(self) -> str:
        """The name under which users ask for it."""
        return self._name

    @property
    def library(self) -> str:
        """The library that computes its results."""
        return "PyTorch"

    @property
    def rounding(self) -> str:
        """Unstated: PyTorch does not specify it."""
        return "unstated"

    def describe(self) -> str:
        """Return one line for people."""
        version = library().__version__
        return f"{self.name}: {self.inner.name} by PyTorch {version}, one thread of {self.device}"

    def _owns(self, operation: str, operands: tuple[Any, ...]) -> bool:
        """Return whether the arrays are of its numbers; if not, the inner Scalar raises."""
        arrays = operands[: OPERATIONS[operation].arity]
        return all(isinstance(x, np.ndarray) and x.dtype == self.storage_dtype for x in arrays)
