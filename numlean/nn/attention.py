"""Attention of a sequence to itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numlean.autograd import operations as ops
from numlean.errors import ShapeError
from numlean.nn import functional
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape, wrong_shape, zeros
from numlean.nn.linear import affine, xavier_uniform
from numlean.nn.recurrent import parts
from numlean.scalar import Scalar
from numlean.tensor import Tensor


@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    """softmax(q k^T / sqrt(d)) v for each head, over samples of shape (time, features).

    q, k, v are three parts of x W_in^T + b_in, cut into heads of d = features / heads; what the
    heads give is joined to z, and z W_out^T + b_out is the output. Causal attention adds to each
    quotient +0, or -inf where the key is later than the query: formats without infinities have
    none. Weights have PyTorch's names and shapes and start Xavier uniform, biases at zero.

    Attributes:
        features: Features of a sample at a time, and of the output.
        heads: How many heads there are.
        causal: Whether no time sees a later one.
    """

    features: int
    heads: int
    causal: bool = False

    def __post_init__(self) -> None:
        if self.features < 1 or self.heads < 1 or self.features % self.heads:
            raise ShapeError(f"{self.name}: features are a multiple of the heads")

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return f"MultiHeadAttention({self.features}, {self.heads})"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weights and biases in and out."""
        n = self.features
        return (
            ParameterSpec("in_proj_weight", (3 * n, n), xavier_uniform),
            ParameterSpec("in_proj_bias", (3 * n,), zeros),
            ParameterSpec("out_proj.weight", (n, n), xavier_uniform),
            ParameterSpec("out_proj.bias", (n,), zeros),
        )

    def output_shape(self, shape: Shape) -> Shape:
        """The same, for samples of shape (time, features)."""
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.features:
            raise wrong_shape(self, f"(time, {self.features})", shape)
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of x's shape, (batch, time, features)."""
        weight_in, bias_in, weight_out, bias_out = parameters
        q, k, v = (self._by_head(y) for y in parts(affine(x, weight_in, bias_in), 3))
        scores = ops.bmm(q, ops.swap_last(k)) / ops.sqrt(Tensor.of(x.scalar, float(q.shape[2])))
        if self.causal:
            scores = scores + _later(x.scalar, x.shape[1])
        z = self._joined(ops.bmm(functional.softmax(scores), v), x.shape)
        return affine(z, weight_out, bias_out)

    def _by_head(self, x: Tensor) -> Tensor:
        """(batch * heads, time, d) of (batch, time, features)."""
        batch, times, features = x.shape
        d = features // self.heads
        by_head = ops.permute(x.reshape(batch, times, self.heads, d), (0, 2, 1, 3))
        return by_head.reshape(batch * self.heads, times, d)

    def _joined(self, x: Tensor, shape: Shape) -> Tensor:
        """(batch, time, features) of (batch * heads, time, d)."""
        batch, times, features = shape
        by_head = x.reshape(batch, self.heads, times, features // self.heads)
        return ops.permute(by_head, (0, 2, 1, 3)).reshape(*shape)


def _later(scalar: Scalar, times: int) -> Tensor:
    """-inf where the key, a column, is later than the query, a row; else +0."""
    mask = np.zeros((times, times))
    mask[np.triu_indices(times, 1)] = -np.inf
    return Tensor.of(scalar, mask)
