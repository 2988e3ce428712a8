"""Normalisation of each sample by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.autograd import operations as ops
from numlean.errors import NumleanError
from numlean.nn import functional
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape, ones, wrong_shape, zeros
from numlean.tensor import Tensor


@dataclass(frozen=True)
class LayerNorm(Layer):
    """((x - m) / sqrt(v + epsilon)) * weight + bias over the last axis.

    m is the mean there, sum / n, and v the mean of (x - m) * (x - m).

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
    """

    features: int
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        checked_epsilon(self, self.epsilon)

    @property
    def name(self) -> str:
        """The layer with its extent."""
        return f"LayerNorm({self.features})"

    @property
    def keeps_leading_axes(self) -> bool:
        """It does."""
        return True

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight, which starts at one, and the bias, at zero."""
        shape = (self.features,)
        return (ParameterSpec("weight", shape, ones), ParameterSpec("bias", shape, zeros))

    @property
    def input_shape(self) -> Shape:
        """(features,)."""
        return (self.features,)

    def output_shape(self, shape: Shape) -> Shape:
        """The same, for samples of shape (..., features)."""
        return _checked(self, self.features, shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of x's shape."""
        weight, bias = parameters
        mean = functional.mean_over(x, (-1,))
        variance = functional.mean_over(functional.square(x - mean), (-1,))
        return functional.standardized(x, mean, variance, self.epsilon) * weight + bias


@dataclass(frozen=True)
class RMSNorm(Layer):
    """(x / sqrt(s + epsilon)) * weight over the last axis, s being the mean of x * x there.

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
    """

    features: int
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        checked_epsilon(self, self.epsilon)

    @property
    def name(self) -> str:
        """The layer with its extent."""
        return f"RMSNorm({self.features})"

    @property
    def keeps_leading_axes(self) -> bool:
        """It does."""
        return True

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight, which starts at one."""
        return (ParameterSpec("weight", (self.features,), ones),)

    @property
    def input_shape(self) -> Shape:
        """(features,)."""
        return (self.features,)

    def output_shape(self, shape: Shape) -> Shape:
        """The same, for samples of shape (..., features)."""
        return _checked(self, self.features, shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of x's shape."""
        (weight,) = parameters
        square = functional.mean_over(functional.square(x), (-1,))
        return (x / ops.sqrt(square + self.epsilon)) * weight


def checked_epsilon(layer: Layer, epsilon: float) -> None:
    """Refuse what does not keep a divisor from zero.

    Raises:
        NumleanError: It is not positive.
    """
    if not epsilon > 0:
        raise NumleanError(f"{layer.name}: epsilon is positive, not {epsilon}")


def _checked(layer: Layer, features: int, shape: Shape) -> Shape:
    if shape[-1:] != (features,):
        raise wrong_shape(layer, f"(..., {features})", shape)
    return shape
