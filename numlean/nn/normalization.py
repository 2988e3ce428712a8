"""Normalization of each sample on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numlean.functional as functional
from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.nn.checks import check_flags
from numlean.nn.layer import (
    Context,
    Layer,
    ParameterSpec,
    Shape,
    label,
    ones,
    wrong_shape,
    zeros,
)
from numlean.precision.arithmetic import Arithmetic
from numlean.scalar.constants import Constant, formula

STANDARDIZED: Final = "(x - mean) / sqrt(variance + epsilon)"
_SCALED: Final = "x / sqrt(square + epsilon)"
_AT_ZERO: Final = "only avoids a division by zero"


@dataclass(frozen=True)
class LastAxisNorm(Layer):
    """A layer that normalizes the last axis of each sample.

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
        elementwise_affine: Whether the layer has parameters.
    """

    features: int
    epsilon: float = 1e-5
    elementwise_affine: bool = option(True)

    def __post_init__(self) -> None:
        check_flags(self, "elementwise_affine")
        check_epsilon(self, self.epsilon)

    @property
    def name(self) -> str:
        """The layer with its extent."""
        return label(self, self.features)

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The epsilon."""
        return (epsilon_of(self.epsilon),)

    @property
    def input_shape(self) -> Shape:
        """(features,)."""
        return (self.features,)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, for samples of shape (..., features)."""
        if shape[-1:] != (self.features,):
            raise wrong_shape(self, f"(..., {self.features})", shape)
        return shape


@checked
@final
@dataclass(frozen=True)
class LayerNorm(LastAxisNorm):
    """((x - m) / sqrt(v + epsilon)) * weight + bias over the last axis.

    m is the mean there, sum / n, and v the mean of (x - m) * (x - m). Where v overflows, both are
    those of x divided by a power of two; see ``functional.standardize``. Without a parameter, its
    operation is left out.

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
        elementwise_affine: Whether the layer has parameters.
        bias: Whether the bias is one of them.
    """

    bias: bool = option(True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flags(self, "bias")

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight, which starts at one, and the bias, which starts at zero."""
        return affine_parameters(self.features, affine=self.elementwise_affine, bias=self.bias)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape."""
        with formula(STANDARDIZED):
            x = context.arithmetic.reduced(x)
            z = functional.standardize(x, (-1,), self.epsilon).numbers
            return scaled(context.arithmetic, z, *parameters)


@checked
@final
@dataclass(frozen=True)
class RMSNorm(LastAxisNorm):
    """(x / sqrt(s + epsilon)) * weight over the last axis, s being the mean of x * x there.

    Where s overflows, it is that of x divided by a power of two; see ``functional.divide_by_rms``.

    Attributes:
        features: The extent of the last axis.
        epsilon: Keeps the divisor from zero.
        elementwise_affine: Whether the layer has the weight.
    """

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight, which starts at one."""
        return affine_parameters(self.features, affine=self.elementwise_affine, bias=False)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The epsilon."""
        return (Constant("epsilon", self.epsilon, _SCALED, at_zero=_AT_ZERO),)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape."""
        with formula(_SCALED):
            x = context.arithmetic.reduced(x)
            z = functional.divide_by_rms(x, self.epsilon)
            return scaled(context.arithmetic, z, *parameters)


def affine_parameters(count: int, *, affine: bool, bias: bool) -> tuple[ParameterSpec, ...]:
    """Return the parameters of a normalization: the weight, one, and the bias, zero, if any."""
    weight, offset = ParameterSpec("weight", (count,), ones), ParameterSpec("bias", (count,), zeros)
    if not affine:
        return ()
    return (weight, offset) if bias else (weight,)


def scaled(
    arithmetic: Arithmetic, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Return x * weight + bias, without the operations of parameters that are None."""
    if weight is not None:
        x, weight = arithmetic.joined(x, weight)
        x = x * weight
    if bias is not None:
        x, bias = arithmetic.joined(x, bias)
        x = x + bias
    return x


def epsilon_of(value: float) -> Constant:
    """Return the epsilon of a divisor as a constant."""
    return Constant("epsilon", value, STANDARDIZED, at_zero=_AT_ZERO)


def check_epsilon(layer: Layer, epsilon: float) -> None:
    """Check that epsilon keeps a divisor from zero.

    Raises:
        NumleanError: Epsilon is not positive.
    """
    if not epsilon > 0:
        raise NumleanError(f"{layer.name}: epsilon must be positive, got {epsilon}")
