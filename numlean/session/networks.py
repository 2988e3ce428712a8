"""Sums, products, and what networks are made of."""

from __future__ import annotations

from numlean.autograd import operations as ops
from numlean.nn import AvgPool2d, MaxPool2d, SmoothMaxPool2d
from numlean.nn.windows import Extent
from numlean.session import formulas
from numlean.session.applies import TapeOperations
from numlean.session.references import Ref


class Networks(TapeOperations):
    """Operations that sum over something."""

    def sum(self, x: Ref) -> Ref:
        """The sum of all elements, in C order from +0."""
        return self.apply(formulas.sum_, x, axis=None)

    def reduce_sum(self, x: Ref, axis: int) -> Ref:
        """The sum along an axis, in order from +0."""
        return self.apply(formulas.sum_, x, axis=axis)

    def reduce_mean(self, x: Ref, axis: int) -> Ref:
        """The sum along an axis, divided once by its length."""
        return self.apply(formulas.averaged, x, axis=axis)

    def matmul(self, x: Ref, y: Ref) -> Ref:
        """The product of matrices (n, k) and (k, m), k ascending from +0."""
        return self.apply(ops.matmul, x, y)

    def bmm(self, x: Ref, y: Ref) -> Ref:
        """The products of matrices, batches (b, n, k) and (b, k, m)."""
        return self.apply(ops.bmm, x, y)

    def linear(self, x: Ref, weight: Ref, bias: Ref) -> Ref:
        """X W^T + b for x of shape (in,) or (..., in), W of (out, in) and b of (out,)."""
        return self.apply(formulas.linear, x, weight, bias)

    def mse_loss(self, prediction: Ref, target: Ref) -> Ref:
        """The mean of (prediction - target)^2 over all elements."""
        return self.apply(formulas.squared_error, prediction, target)

    def layer_norm(self, x: Ref, weight: Ref, bias: Ref, *, epsilon: float = 1e-5) -> Ref:
        """As :class:`numlean.nn.LayerNorm`, over the last axis."""
        return self.apply(formulas.layer_norm, x, weight, bias, epsilon=epsilon)

    def conv2d(
        self, x: Ref, weight: Ref, bias: Ref, *, stride: Extent = 1, padding: Extent = 0
    ) -> Ref:
        """As :class:`numlean.nn.Conv2d`, for an image (in, height, width) or a batch of them."""
        return self.apply(formulas.conv2d, x, weight, bias, stride=stride, padding=padding)

    def max_pool2d(
        self, x: Ref, kernel: Extent, *, stride: Extent | None = None, padding: Extent = 0
    ) -> Ref:
        """As :class:`numlean.nn.MaxPool2d`, for an image or a batch of them."""
        return self.apply(formulas.pooled, x, layer=MaxPool2d(kernel, stride, padding))

    def avg_pool2d(
        self, x: Ref, kernel: Extent, *, stride: Extent | None = None, padding: Extent = 0
    ) -> Ref:
        """As :class:`numlean.nn.AvgPool2d`, for an image or a batch of them."""
        return self.apply(formulas.pooled, x, layer=AvgPool2d(kernel, stride, padding))

    def smooth_max_pool2d(
        self, x: Ref, kernel: Extent, *, beta: float = 1.0, stride: Extent | None = None
    ) -> Ref:
        """As :class:`numlean.nn.SmoothMaxPool2d`, for an image or a batch of them."""
        return self.apply(formulas.pooled, x, layer=SmoothMaxPool2d(kernel, beta, stride))

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
        """As :class:`numlean.nn.MultiHeadAttention`, for (time, features) or a batch of them."""
        return self.apply(
            formulas.attention,
            x,
            weight_in,
            bias_in,
            weight_out,
            bias_out,
            heads=heads,
            causal=causal,
        )
