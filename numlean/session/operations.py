"""The operations of a session, and the references that they take and return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

from numpy.typing import ArrayLike

import numlean.functional as functional
from numlean.arguments import checked
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.nn import AvgPool2d, MaxPool2d, SmoothMaxPool2d
from numlean.nn.windows import Extent
from numlean.session import formulas


@final
class TapeToken:
    """Identifies a tape or a session."""


@final
@dataclass(frozen=True)
class Ref:
    """A reference to a tensor on a tape, valid until the tape is reset.

    Attributes:
        tape: The tape.
        slot: The tensor's slot on the tape.
    """

    tape: TapeToken
    slot: int


@final
@dataclass(frozen=True)
class Param:
    """A reference to a parameter, valid as long as its session.

    Attributes:
        session: The session.
        number: The parameter's number in the session.
        shape: The parameter's shape.
    """

    session: TapeToken
    number: int
    shape: tuple[int, ...]


@checked
class TapeOperations(ABC):
    """The operations of a session; each is a function applied to tensors on the tape."""

    @abstractmethod
    def apply(self, function: Callable[..., Tensor], *operands: Ref, **static: Any) -> Ref:
        """Put the result of a function of tensors on the tape.

        Args:
            function: Applies primitives. It must be the same object whenever the formula is the
                same, and must not depend on the numbers.
            operands: Its first arguments.
            static: Its other arguments, by name; hashable.

        Raises:
            NumleanError: An operand is not on this tape.
        """

    @abstractmethod
    def index(self, places: ArrayLike, of: Ref) -> Ref:
        """Put indices along a tensor's first axis on the tape.

        Raises:
            NumleanError: They are not whole numbers, or out of range.
        """

    # Operations on each number, and along the last axis.

    def add(self, x: Ref, y: Ref) -> Ref:
        """Return x + y; shapes broadcast, here and below."""
        return self.apply(ops.add, x, y)

    def sub(self, x: Ref, y: Ref) -> Ref:
        """Return x - y."""
        return self.apply(ops.sub, x, y)

    def mul(self, x: Ref, y: Ref) -> Ref:
        """Return x * y."""
        return self.apply(ops.mul, x, y)

    def scale(self, x: Ref, factor: float) -> Ref:
        """Return x * factor, a literal."""
        return self.apply(formulas.scale, x, factor=factor)

    def abs(self, x: Ref) -> Ref:
        """Return the magnitudes; the gradient at zero is zero."""
        return self.apply(ops.abs_, x)

    def sqrt(self, x: Ref) -> Ref:
        """Return the square roots."""
        return self.apply(ops.sqrt, x)

    def exp(self, x: Ref) -> Ref:
        """Return the exponentials."""
        return self.apply(ops.exp, x)

    def log(self, x: Ref) -> Ref:
        """Return the natural logarithms."""
        return self.apply(ops.log, x)

    def safe_log(self, x: Ref, epsilon: float = 1e-12) -> Ref:
        """Return log(maximum(x, epsilon)); where x < epsilon the gradient is zero."""
        return self.apply(functional.safe_log, x, epsilon=epsilon)

    def clamp(self, x: Ref, low: float, high: float) -> Ref:
        """Return minimum(maximum(x, low), high)."""
        return self.apply(formulas.clamp, x, low=low, high=high)

    def max(self, x: Ref, y: Ref) -> Ref:
        """Return the greater of two; the gradient of a tie goes to the first."""
        return self.apply(ops.maximum, x, y)

    def min(self, x: Ref, y: Ref) -> Ref:
        """Return the lesser of two; the gradient of a tie goes to the first."""
        return self.apply(ops.minimum, x, y)

    def relu(self, x: Ref) -> Ref:
        """Return maximum(x, +0); the gradient at zero is zero."""
        return self.apply(ops.relu, x)

    def sigmoid(self, x: Ref) -> Ref:
        """Return 1 / (1 + exp(-x)), correctly rounded."""
        return self.apply(ops.sigmoid, x)

    def tanh(self, x: Ref) -> Ref:
        """Return the hyperbolic tangents."""
        return self.apply(ops.tanh, x)

    def softplus(self, x: Ref) -> Ref:
        """Return log(1 + exp(x)), correctly rounded."""
        return self.apply(ops.softplus, x)

    def softmax(self, x: Ref) -> Ref:
        """Return exp(x - m) / sum(exp(x - m)) along the last axis, m being the maximum there."""
        return self.apply(functional.softmax, x)

    # Operations that move numbers.

    def broadcast_to(self, x: Ref, shape: tuple[int, ...]) -> Ref:
        """Return x repeated along new and unit axes."""
        return self.apply(ops.broadcast_to, x, shape=tuple(shape))

    def reshape(self, x: Ref, shape: tuple[int, ...]) -> Ref:
        """Return the same elements in C order in another shape; one extent may be -1."""
        return self.apply(ops.reshape, x, shape=tuple(shape))

    def flatten(self, x: Ref) -> Ref:
        """Return a vector of the elements in C order."""
        return self.apply(formulas.flatten, x)

    def transpose(self, x: Ref, axes: tuple[int, ...] | None = None) -> Ref:
        """Return x with its axes in another order, by default reversed."""
        return self.apply(formulas.permute, x, axes=axes)

    def transpose_2d(self, x: Ref) -> Ref:
        """Return shape (b, a) for shape (a, b)."""
        return self.transpose(x, (1, 0))

    def transpose_3d_first_to_last(self, x: Ref) -> Ref:
        """Return shape (b, c, a) for shape (a, b, c)."""
        return self.transpose(x, (1, 2, 0))

    def transpose_3d_last_to_first(self, x: Ref) -> Ref:
        """Return shape (c, a, b) for shape (a, b, c)."""
        return self.transpose(x, (2, 0, 1))

    def transpose_3d_last_two(self, x: Ref) -> Ref:
        """Return shape (a, c, b) for shape (a, b, c)."""
        return self.transpose(x, (0, 2, 1))

    def swap_adjacent(self, x: Ref, axis: int) -> Ref:
        """Return x with an axis and the next axis swapped."""
        return self.apply(formulas.swapaxes, x, axis=axis)

    def concat(self, xs: Sequence[Ref], axis: int = 0) -> Ref:
        """Return tensors joined along an axis."""
        return self.apply(formulas.concat, *xs, axis=axis)

    def slice(self, x: Ref, start: int, stop: int, axis: int = 0) -> Ref:
        """Return the part from ``start`` to ``stop`` (exclusive) along an axis."""
        return self.apply(formulas.slice_, x, start=start, stop=stop, axis=axis)

    def gather_scalar(self, x: Ref, index: int) -> Ref:
        """Return one element of a vector."""
        return self.apply(formulas.gather, x, self.index(index, x), axes=1)

    def gather_vec(self, x: Ref, indices: ArrayLike) -> Ref:
        """Return the elements of a vector at these indices."""
        return self.apply(formulas.gather, x, self.index(indices, x), axes=1)

    def gather_row(self, x: Ref, index: int) -> Ref:
        """Return one row of a matrix."""
        return self.apply(formulas.gather, x, self.index(index, x), axes=2)

    def gather_rows(self, x: Ref, indices: ArrayLike) -> Ref:
        """Return the rows of a matrix at these indices."""
        return self.apply(formulas.gather, x, self.index(indices, x), axes=2)

    def scatter_add_vec(self, x: Ref, indices: ArrayLike, values: Ref) -> Ref:
        """Return a vector plus values at indices; equal indices are summed first, from +0."""
        return self.apply(formulas.scatter_add, x, self.index(indices, x), values, axes=1)

    def scatter_add_row(self, x: Ref, indices: ArrayLike, rows: Ref) -> Ref:
        """Return a matrix plus rows at indices; equal indices are summed first, from +0."""
        return self.apply(formulas.scatter_add, x, self.index(indices, x), rows, axes=2)

    # Sums, products, and network layers.

    def sum(self, x: Ref) -> Ref:
        """Return the sum of all elements, in C order from +0."""
        return self.apply(formulas.sum_, x, axis=None)

    def reduce_sum(self, x: Ref, axis: int) -> Ref:
        """Return the sum along an axis, in index order from +0."""
        return self.apply(formulas.sum_, x, axis=axis)

    def reduce_mean(self, x: Ref, axis: int) -> Ref:
        """Return the sum along an axis, divided once by its length."""
        return self.apply(formulas.mean, x, axis=axis)

    def matmul(self, x: Ref, y: Ref) -> Ref:
        """Return the product of matrices (n, k) and (k, m), summed over ascending k from +0."""
        return self.apply(ops.matmul, x, y)

    def bmm(self, x: Ref, y: Ref) -> Ref:
        """Return the products of matrices in batches (b, n, k) and (b, k, m)."""
        return self.apply(ops.bmm, x, y)

    def linear(self, x: Ref, weight: Ref, bias: Ref) -> Ref:
        """Return x W^T + b for x of shape (in,) or (..., in), W of (out, in) and b of (out,)."""
        return self.apply(formulas.linear, x, weight, bias)

    def mse_loss(self, prediction: Ref, target: Ref) -> Ref:
        """Return the mean of (prediction - target)^2 over all elements."""
        return self.apply(formulas.mse_loss, prediction, target)

    def layer_norm(self, x: Ref, weight: Ref, bias: Ref, *, epsilon: float = 1e-5) -> Ref:
        """Apply :class:`numlean.nn.LayerNorm` over the last axis."""
        return self.apply(formulas.layer_norm, x, weight, bias, epsilon=epsilon)

    def conv2d(
        self, x: Ref, weight: Ref, bias: Ref, *, stride: Extent = 1, padding: Extent = 0
    ) -> Ref:
        """Apply :class:`numlean.nn.Conv2d` to an image (in, height, width) or a batch."""
        return self.apply(formulas.conv2d, x, weight, bias, stride=stride, padding=padding)

    def max_pool2d(
        self, x: Ref, kernel: Extent, *, stride: Extent | None = None, padding: Extent = 0
    ) -> Ref:
        """Apply :class:`numlean.nn.MaxPool2d` to an image or a batch."""
        return self.apply(formulas.pool, x, layer=MaxPool2d(kernel, stride, padding))

    def avg_pool2d(
        self, x: Ref, kernel: Extent, *, stride: Extent | None = None, padding: Extent = 0
    ) -> Ref:
        """Apply :class:`numlean.nn.AvgPool2d` to an image or a batch."""
        return self.apply(formulas.pool, x, layer=AvgPool2d(kernel, stride, padding))

    def smooth_max_pool2d(
        self, x: Ref, kernel: Extent, *, beta: float = 1.0, stride: Extent | None = None
    ) -> Ref:
        """Apply :class:`numlean.nn.SmoothMaxPool2d` to an image or a batch."""
        return self.apply(formulas.pool, x, layer=SmoothMaxPool2d(kernel, beta, stride))

    def multi_head_attention(
        self,
        x: Ref,
        weight_in: Ref,
        bias_in: Ref,
        weight_out: Ref,
        bias_out: Ref,
        *,
        heads: int,
        causal: bool = False,
    ) -> Ref:
        """Apply :class:`numlean.nn.MultiHeadAttention` to (time, features) or a batch."""
        return self.apply(
            formulas.multi_head_attention,
            x,
            weight_in,
            bias_in,
            weight_out,
            bias_out,
            heads=heads,
            causal=causal,
        )
