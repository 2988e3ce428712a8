"""The affine layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from numlean.autograd.operations import matmul, transpose
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Floats, Layer, ParameterSpec, Shape, Uniform, zeros
from numlean.tensor import Tensor


@dataclass(frozen=True)
class Linear(Layer):
    """y = x W^T + b, with W of shape (out, in) and b of shape (out,).

    W starts Xavier uniform (Glorot and Bengio 2010): (2u - 1) * sqrt(6 / (in + out)) for uniform u;
    b starts at zero. Each output is +0 + x[0]*W[j, 0] + x[1]*W[j, 1] + ..., then + b[j].

    Attributes:
        in_features: The length of a sample.
        out_features: The length of its output.
    """

    in_features: int
    out_features: int

    def __post_init__(self) -> None:
        if self.in_features < 1 or self.out_features < 1:
            raise ShapeError(f"{self.name}: a linear layer has at least one input and one output")

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return f"Linear({self.in_features}, {self.out_features})"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight and the bias."""
        return (
            ParameterSpec("weight", (self.out_features, self.in_features), xavier_uniform),
            ParameterSpec("bias", (self.out_features,), zeros),
        )

    @property
    def input_shape(self) -> Shape:
        """(in,)."""
        return (self.in_features,)

    def output_shape(self, shape: Shape) -> Shape:
        """(out,) for samples of shape (in,)."""
        if shape != (self.in_features,):
            raise ShapeError(
                f"{self.name} takes samples of shape ({self.in_features},), not {shape}"
            )
        return (self.out_features,)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of shape (batch, out) for x of shape (batch, in)."""
        weight, bias = parameters
        return matmul(x, transpose(weight)) + bias


def xavier_uniform(uniform: Uniform, shape: Shape) -> Floats:
    """Values uniform in +-sqrt(6 / (in + out)), for a shape (out, in)."""
    limit = sqrt(6.0 / (shape[0] + shape[1]))
    return (2.0 * uniform(shape) - 1.0) * limit
