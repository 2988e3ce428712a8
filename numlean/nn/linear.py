"""The affine layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd.primitives import transpose
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.checks import check_flags
from numlean.nn.layer import (
    Context,
    Floats,
    Layer,
    ParameterSpec,
    Shape,
    Uniform,
    label,
    wrong_shape,
    zeros,
)
from numlean.precision.arithmetic import Arithmetic, Use


@checked
@dataclass(frozen=True)
class Linear(Layer):
    """y = x W^T + b along the last axis, with W of shape (out, in) and b of shape (out,).

    W starts Xavier uniform (Glorot and Bengio 2010): (2u - 1) * sqrt(6 / (in + out)) for uniform u;
    b starts at zero. Each output is +0 + x[0]*W[j, 0] + x[1]*W[j, 1] + ..., then + b[j]; without
    bias, that is the output.

    Attributes:
        in_features: The extent of a sample's last axis.
        out_features: The extent of the output's last axis.
        bias: Whether there is a bias.
    """

    in_features: int
    out_features: int
    bias: bool = option(True, kw_only=False)

    def __post_init__(self) -> None:
        check_flags(self, "bias")
        if self.in_features < 1 or self.out_features < 1:
            raise ShapeError(f"{self.name}: a linear layer needs at least one input and one output")

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return label(self, self.in_features, self.out_features)

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight and the bias, if there is one."""
        weight = weight_spec("weight", (self.out_features, self.in_features))
        bias = bias_spec("bias", self.out_features)
        return (weight, bias) if self.bias else (weight,)

    @property
    def input_shape(self) -> Shape:
        """(in,)."""
        return (self.in_features,)

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    def output_shape(self, shape: Shape) -> Shape:
        """Return (..., out) for samples of shape (..., in)."""
        if shape[-1:] != (self.in_features,):
            raise wrong_shape(self, f"(..., {self.in_features}) or ({self.in_features},)", shape)
        return (*shape[:-1], self.out_features)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, ..., out) for x of shape (batch, ..., in)."""
        return affine(context.arithmetic, x, *parameters)


def affine(
    arithmetic: Arithmetic,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    name: str | None = None,
) -> Tensor:
    """Return x W^T + b, or x W^T, along the last axis, with one matrix product.

    ``name`` is that of the weight, which a layer with several of them gives.
    """
    if x.ndim == 2:
        return arithmetic.product(x, transpose(weight), bias, weight="right", name=name)
    *leading, extent = x.shape
    z = affine(arithmetic, x.reshape(prod(leading), extent), weight, bias, name=name)
    return z.reshape(*leading, z.shape[1])


def weight_spec(name: str, shape: Shape) -> ParameterSpec:
    """Return a weight of products, of shape (out, in, ...), which starts Xavier uniform."""
    return ParameterSpec(name, shape, xavier_uniform, use=Use.WEIGHT)


def bias_spec(name: str, count: int) -> ParameterSpec:
    """Return a bias of products, which starts at zero."""
    return ParameterSpec(name, (count,), zeros, use=Use.BIAS)


def xavier_uniform(uniform: Uniform, shape: Shape) -> Floats:
    """Return values uniform in +-sqrt(6 / ((in + out) * r)), for a shape (out, in, ...).

    r is the number of elements of the axes after the first two, the receptive field.
    """
    limit = sqrt(6.0 / ((shape[0] + shape[1]) * prod(shape[2:])))
    return (2.0 * uniform(shape) - 1.0) * limit
