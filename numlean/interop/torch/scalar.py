"""An arithmetic whose operations are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final, final

import numpy as np

from numlean.errors import UnavailableError
from numlean.interop.torch.library import array, library, on_one_thread, tensor
from numlean.scalar import shapes
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.operations import ELEMENTWISE, Kind, operations
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Scalar, Storage
from numlean_kernels.protocol import ProgramStep

_SPELLINGS: Final = {
    "min_num": "fmin",
    "max_num": "fmax",
    "copy_sign": "copysign",
    "softplus": "nn.functional.softplus",
}
"""PyTorch's names of functions, where they differ from ours."""

_ELEMENTWISE: Final = (*ELEMENTWISE, *operations(kind=Kind.RELATION))
_COMBINING: Final = operations(kind=(Kind.PRODUCT, Kind.REDUCTION))


@cache
def torch_function(name: str) -> Callable[..., Any] | None:
    """Return PyTorch's function for an elementwise operation; None if PyTorch has none."""
    if name not in _ELEMENTWISE:
        return None
    try:
        function: Callable[..., Any] = attrgetter(_SPELLINGS.get(name, name))(library())
    except AttributeError:
        return None
    return function


def is_torch_operation(name: str) -> bool:
    """Return whether PyTorch computes an operation; the inner Scalar computes the others."""
    return name in _COMBINING or torch_function(name) is not None


@final
@dataclass(frozen=True)
class TorchScalar:
    """PyTorch's arithmetic of hardware floats, on one thread and by its own settings.

    Sums and products have the order, and elementary functions the errors, that PyTorch's have for
    arrays of that shape and memory order on this machine. What PyTorch lacks (a fused
    multiply-add, balanced sums, the moving of numbers by numlean's indices, conversions) is the
    inner Scalar's. Eager only.

    Attributes:
        inner: The Scalar of the same numbers that is correctly rounded and ordered.
        name: The name under which users ask for it.

    Raises:
        UnavailableError: PyTorch is not installed, or the inner Scalar's numbers are not its.
    """

    inner: KernelScalar
    name: str = "torch"

    def __post_init__(self) -> None:
        library()
        if self.inner.storage_dtype not in (np.float32, np.float64):
            raise UnavailableError(
                f"PyTorch computes in float32 and float64, not with numbers of {self.inner.name}"
            )

    @property
    def reference_dtype(self) -> str:
        """The dtype whose results its own ought to be."""
        return self.inner.name

    @property
    def rounding(self) -> str:
        """Unstated: PyTorch does not say."""
        return "unstated"

    def describe(self) -> str:
        """One line for people."""
        version = library().__version__
        return f"{self.name}: {self.inner.name} by PyTorch {version}, one thread of {self.device}"

    def __getattr__(self, name: str) -> Any:
        ours = getattr(self.inner, name)
        function = torch_function(name)
        if function is None:
            return ours

        def operation(*operands: Storage, **options: Any) -> Storage:
            if options or not self._takes(*operands):
                result: Storage = ours(*operands, **options)
                return result
            with on_one_thread():
                return array(function(*map(tensor, operands)))

        return operation

    def with_reset_stream(self) -> TorchScalar:
        """Itself: nothing here is drawn at random."""
        return self

    def with_recorder(self, operations: list[ProgramStep]) -> Scalar:
        """Not to be had.

        Raises:
            UnavailableError: PyTorch makes new tensors each time; a record is of fixed arrays.
        """
        raise UnavailableError(f"{self.name} is for eager execution: --backend eager")

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The product of two matrices, in PyTorch's order."""
        fits = self._holds(a, b) and a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]
        if not fits or contraction != "separate":
            return self.inner.matmul(a, b, contraction=contraction)
        with on_one_thread() as torch:
            return array(torch.matmul(tensor(a), tensor(b)))

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The products of matrices in batches, in PyTorch's order."""
        if not self._holds(a, b) or contraction != "separate":
            return self.inner.bmm(a, b, contraction=contraction)
        shapes.batches(a, b)
        with on_one_thread() as torch:
            return array(torch.bmm(tensor(a), tensor(b)))

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """The sums along axes, in PyTorch's order."""
        axes = shapes.axes_of(axis, x.ndim) if self._holds(x) else ()
        if not axes or reduction != "ordered":
            return self.inner.sum(x, axis, keepdims=keepdims, reduction=reduction)
        with on_one_thread() as torch:
            return array(torch.sum(tensor(x), axes, keepdim=keepdims))

    def max(self, x: Storage, axis: int = -1, *, keepdims: bool = False) -> Storage:
        """The greatest along an axis."""
        if not self._holds(x):
            return self.inner.max(x, axis, keepdims=keepdims)
        k = shapes.filled_axis("max", axis, x.shape)
        with on_one_thread() as torch:
            return array(torch.amax(tensor(x), k, keepdim=keepdims))

    def argmax(self, x: Storage, axis: int = -1) -> Indices:
        """The place along an axis of the first of the greatest."""
        if not self._holds(x):
            return self.inner.argmax(x, axis)
        k = shapes.filled_axis("argmax", axis, x.shape)
        with on_one_thread() as torch:
            return array(torch.argmax(tensor(x), k))

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        """An array of ``shape`` into whose cells elements are added, in PyTorch's order."""
        if not self._holds(x):
            return self.inner.scatter_add(x, index, shape)
        count, width = shapes.cells(x, index, shape)
        flat = shapes.places(index, index.shape, count)
        rows = x.reshape(flat.size, width)[flat >= 0]
        with on_one_thread():
            z = tensor(np.zeros((count, width), self.storage_dtype))
            z.index_add_(0, tensor(flat[flat >= 0]), tensor(rows))
            return array(z).reshape(shape)

    def _holds(self, *operands: Storage) -> bool:
        """Whether operands are arrays of its numbers; if not, the inner Scalar says so."""
        return all(isinstance(x, np.ndarray) and x.dtype == self.storage_dtype for x in operands)

    def _takes(self, *operands: Storage) -> bool:
        """Whether operands are arrays of its numbers that broadcast."""
        return self._holds(*operands) and _broadcast(*operands)


def _broadcast(*operands: Storage) -> bool:
    try:
        np.broadcast_shapes(*(x.shape for x in operands))
    except ValueError:
        return False
    return True
