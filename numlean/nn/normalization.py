"""Normalization of each sample on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numlean.functional as functional
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape, ones, wrong_shape, zeros


@dataclass(frozen=True)
class LastAxisNorm(Layer):
    """A layer that normalizes the last axis of each sample.

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
    """

    features: int
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_epsilon(self, self.epsilon)

    @property
    def name(self) -> str:
        """The layer with its extent."""
        return f"{type(self).__name__}({self.features})"

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    @property
    def input_shape(self) -> Shape:
        """(features,)."""
        return (self.features,)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, for samples of shape (..., features)."""
        if shape[-1:] != (self.features,):
            raise wrong_shape(self, f"(..., {self.features})", shape)
        return shape


@final
@dataclass(frozen=True)
class LayerNorm(LastAxisNorm):
    """((x - m) / sqrt(v + epsilon)) * weight + bias over the last axis.

    m is the mean there, sum / n, and v the mean of (x - m) * (x - m).

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
    """

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight, which starts at one, and the bias, which starts at zero."""
        shape = (self.features,)
        return (ParameterSpec("weight", shape, ones), ParameterSpec("bias", shape, zeros))

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape."""
        weight, bias = parameters
        mean = functional.mean_over(x, (-1,))
        variance = functional.mean_over(functional.square(x - mean), (-1,))
        return functional.standardized(x, mean, variance, self.epsilon) * weight + bias


@final
@dataclass(frozen=True)
class RMSNorm(LastAxisNorm):
    """(x / sqrt(s + epsilon)) * weight over the last axis, s being the mean of x * x there.

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
    """

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight, which starts at one."""
        return (ParameterSpec("weight", (self.features,), ones),)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape."""
        (weight,) = parameters
        square = functional.mean_over(functional.square(x), (-1,))
        return (x / ops.sqrt(square + self.epsilon)) * weight


def check_epsilon(layer: Layer, epsilon: float) -> None:
    """Check that epsilon keeps a divisor from zero.

    Raises:
        NumleanError: Epsilon is not positive.
    """
    if not epsilon > 0:
        raise NumleanError(f"{layer.name}: epsilon must be positive, got {epsilon}")
