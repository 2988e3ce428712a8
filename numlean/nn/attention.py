"""Self-attention, and the softmax that leaves out keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

import numlean.functional as functional
from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import DataError, ShapeError
from numlean.nn.checks import check_flags
from numlean.nn.layer import (
    Context,
    Flags,
    Layer,
    ParameterSpec,
    Shape,
    label,
    wrong_shape,
)
from numlean.nn.linear import affine, bias_spec, weight_spec
from numlean.nn.recurrent import split_last_axis
from numlean.scalar.protocol import Scalar

_IN, _SCORES, _VALUES, _OUT = "in_proj_weight", "scores", "values", "out_proj.weight"


@checked
@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    """softmax(q k^T / sqrt(d)) v for each head, over samples of shape (time, features).

    q, k, v are three parts of x W_in^T + b_in, split into heads of d = features / heads; z joins
    the outputs of the heads, and z W_out^T + b_out is the output. In causal attention, a key later
    than the query is left out of the softmax; its weight is +0. So is a key that a key padding mask
    marks, such as that of ``PaddedTokens``. A query without any key has the shares 0 / 0, a NaN.
    Parameters have PyTorch's names and shapes; weights start Xavier uniform, biases at zero.

    Attributes:
        features: The features of a sample at a time, and of the output.
        heads: The number of heads.
        causal: Whether a time cannot attend to later ones.
        bias: Whether there are b_in and b_out.
    """

    features: int
    heads: int
    causal: bool = False
    bias: bool = option(True)

    def __post_init__(self) -> None:
        check_flags(self, "causal", "bias")
        if self.features < 1 or self.heads < 1 or self.features % self.heads:
            raise ShapeError(f"{self.name}: features must be a multiple of heads")

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return label(self, self.features, self.heads)

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weights in and out, each with its bias, if there is one."""
        n = self.features
        every = (
            weight_spec(_IN, (3 * n, n)),
            bias_spec("in_proj_bias", 3 * n),
            weight_spec(_OUT, (n, n)),
            bias_spec("out_proj.bias", n),
        )
        return every if self.bias else every[::2]

    @property
    def products(self) -> tuple[str, ...]:
        """Those of the weights, and of queries and keys, and of shares and values."""
        return _IN, _SCORES, _VALUES, _OUT

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, for samples of shape (time, features)."""
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.features:
            raise wrong_shape(self, f"(time, {self.features})", shape)
        return shape

    def __call__(
        self,
        parameters: Sequence[Tensor],
        x: Tensor,
        context: Context,
        *,
        key_padding_mask: Tensor | Flags | None = None,
    ) -> Tensor:
        """Return outputs of x's shape, (batch, time, features).

        Args:
            parameters: The parameters.
            x: The inputs.
            context: The context; its ``key_padding_mask`` is the default of the next argument.
            key_padding_mask: The keys to leave out, of shape (batch, time): True, or a positive
                number.

        Raises:
            DataError: An array as a mask is not boolean.
            ShapeError: The mask has another shape.
        """
        size = len(parameters) // 2
        inward, outward = parameters[:size], parameters[size:]
        arithmetic = context.arithmetic
        projected = affine(arithmetic, x, *inward, name=_IN)
        q, k, v = (self._split_heads(y) for y in split_last_axis(projected, 3))
        products = arithmetic.product(q, ops.swap_last(k), weight=None, name=_SCORES)
        scores = products / ops.sqrt(Tensor.of(products.scalar, float(q.shape[2])))
        scores = arithmetic.reduced(scores)
        mask = context.key_padding_mask if key_padding_mask is None else key_padding_mask
        left_out = None if mask is None else self._left_out(scores.scalar, x.shape, mask)
        shares = self._softmax(scores, left_out)
        mixed = arithmetic.product(shares, v, weight=None, name=_VALUES)
        z = self._join_heads(mixed, x.shape)
        return affine(arithmetic, z, *outward, name=_OUT)

    def _softmax(self, scores: Tensor, left_out: Tensor | None) -> Tensor:
        """Return the shares of the keys, without those that come later or are left out."""
        if left_out is None:
            return causal_softmax(scores) if self.causal else functional.softmax(scores)
        if self.causal:
            left_out = ops.maximum(left_out, later_times(scores))
        return masked_softmax(scores, left_out)

    def _left_out(self, scalar: Scalar, shape: Shape, mask: Tensor | Flags) -> Tensor:
        """Return a mask of shape (batch * heads, 1, time) from one of shape (batch, time)."""
        if not isinstance(mask, Tensor):
            flags = np.asarray(mask)
            if flags.dtype != np.bool_:
                raise DataError(
                    f"{self.name}: key_padding_mask must be an array of booleans, True where a key"
                    f" is left out, got {flags.dtype}"
                )
            mask = Tensor.of(scalar, flags.astype(np.float64))
        batch, times, _ = shape
        if mask.shape != (batch, times):
            raise ShapeError(
                f"{self.name}: key_padding_mask must have the shape (batch, time)"
                f" {(batch, times)}, got {mask.shape}"
            )
        by_head = ops.broadcast_to(
            ops.cast(mask.detach(), scalar).reshape(batch, 1, 1, times),
            (batch, self.heads, 1, times),
        )
        return by_head.reshape(batch * self.heads, 1, times)

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
    later = later_times(x)
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


def masked_softmax(x: Tensor, left_out: Tensor) -> Tensor:
    """Return the softmax of each row of x over its elements that are not left out, else +0.

    exp(x - m) / sum(exp(x - m)), where m is the maximum of the elements kept, a constant. Those
    left out, whose ``left_out`` is positive, have no influence, whatever their values, and have
    gradient +0. The format needs no infinity; the bits are those of adding -inf there, so a row
    without any element kept is 0 / 0.

    Args:
        x: The scores, of shape (batch, row, column).
        left_out: A constant that broadcasts to x.
    """
    zero = Tensor.of(x.scalar, 0.0)
    kept = ops.where(left_out, zero, x, relation="le")
    # A lower bound of the elements kept stands in for the others, without changing the maximum.
    bound = -ops.max_constant(-kept)
    stand_in = ops.where(zero, left_out, ops.broadcast_to(bound, x.shape), relation="lt")
    shifted = ops.where(left_out, zero, kept - ops.max_constant(kept + stand_in), relation="le")
    powers = ops.where(left_out, zero, ops.exp(shifted), relation="le")
    return powers / ops.sum_(powers, -1, keepdims=True)


def later_times(x: Tensor) -> Tensor:
    """Return 1 at the columns beyond the diagonal of the last two axes of x, 0 elsewhere."""
    return Tensor.of(x.scalar, np.triu(np.ones(x.shape[1:]), 1))
