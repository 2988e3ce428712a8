"""Self-attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

import numlean.functional as functional
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape, wrong_shape, zeros
from numlean.nn.linear import affine, xavier_uniform
from numlean.nn.recurrent import split_last_axis


@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    """softmax(q k^T / sqrt(d)) v for each head, over samples of shape (time, features).

    q, k, v are three parts of x W_in^T + b_in, split into heads of d = features / heads; z joins
    the outputs of the heads, and z W_out^T + b_out is the output. In causal attention, a key later
    than the query is left out of the softmax; its weight is +0. Parameters have PyTorch's names and
    shapes; weights start Xavier uniform, biases at zero.

    Attributes:
        features: The features of a sample at a time, and of the output.
        heads: The number of heads.
        causal: Whether a time cannot attend to later ones.
    """

    features: int
    heads: int
    causal: bool = False

    def __post_init__(self) -> None:
        if self.features < 1 or self.heads < 1 or self.features % self.heads:
            raise ShapeError(f"{self.name}: features must be a multiple of heads")

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
        """Return the same shape, for samples of shape (time, features)."""
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.features:
            raise wrong_shape(self, f"(time, {self.features})", shape)
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape, (batch, time, features)."""
        weight_in, bias_in, weight_out, bias_out = parameters
        q, k, v = (self._split_heads(y) for y in split_last_axis(affine(x, weight_in, bias_in), 3))
        scores = ops.bmm(q, ops.swap_last(k)) / ops.sqrt(Tensor.of(x.scalar, float(q.shape[2])))
        shares = causal_softmax(scores) if self.causal else functional.softmax(scores)
        z = self._join_heads(ops.bmm(shares, v), x.shape)
        return affine(z, weight_out, bias_out)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Return shape (batch * heads, time, d) for (batch, time, features)."""
        batch, times, features = x.shape
        d = features // self.heads
        by_head = ops.permute(x.reshape(batch, times, self.heads, d), (0, 2, 1, 3))
        return by_head.reshape(batch * self.heads, times, d)

    def _join_heads(self, x: Tensor, shape: Shape) -> Tensor:
        """Return shape (batch, time, features) for (batch * heads, time, d)."""
        batch, times, features = shape
        by_head = x.reshape(batch, self.heads, times, features // self.heads)
        return ops.permute(by_head, (0, 2, 1, 3)).reshape(*shape)


def causal_softmax(x: Tensor) -> Tensor:
    """Return the softmax of each row of x (batch, row, column) up to its diagonal, else +0.

    exp(x - m) / sum(exp(x - m)), where m is the maximum up to the diagonal, a constant. Elements
    beyond the diagonal have no influence, whatever their values, and have gradient +0. The format
    needs no infinity; the bits are those of adding -inf there.
    """
    later = Tensor.of(x.scalar, np.triu(np.ones(x.shape[1:]), 1))
    zero, whole = Tensor.of(x.scalar, 0.0), slice(None)
    seen = partial(ops.where, later, zero, relation="eq")
    unseen = partial(ops.where, zero, later, relation="lt")
    # Every row sees its first column, so that can stand in for unseen ones without changing the
    # maximum.
    stand_in = unseen(ops.slice_(x, (whole, whole, slice(0, 1))))
    # The results dropped at the end are computed exactly, too (0 - m and exp(0)), without flags.
    kept = seen(x)
    powers = seen(ops.exp(seen(kept - ops.max_constant(kept + stand_in))))
    return powers / ops.sum_(powers, -1, keepdims=True)
