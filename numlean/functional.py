"""Functions composed of primitives; the formula in each docstring, in its order, fixes the bits."""

from __future__ import annotations

from typing import Literal, TypeAlias

from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import UnknownNameError

Gelu: TypeAlias = Literal["none", "tanh"]
"""Whether gelu is exact, or approximated with tanh."""

_CUBIC = 0.044715


def log_softmax(x: Tensor) -> Tensor:
    """Return (x - m) - log(sum(exp(x - m))) along the last axis, with m the maximum there.

    m is a constant for differentiation: the value does not depend on it.
    """
    shifted = x - ops.max_constant(x)
    return shifted - ops.log(ops.sum_(ops.exp(shifted), -1, keepdims=True))


def softmax(x: Tensor) -> Tensor:
    """Return exp(x - m) / sum(exp(x - m)) along the last axis, with m the maximum, a constant."""
    powers = ops.exp(x - ops.max_constant(x))
    return powers / ops.sum_(powers, -1, keepdims=True)


def square(x: Tensor) -> Tensor:
    """Return x * x."""
    return x * x


def mean_over(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the sum over axes, in C order, divided once by the number of terms; axes stay."""
    total = ops.sum_(x, axes, keepdims=True)
    return total / (x.size // max(total.size, 1))


def standardized(x: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> Tensor:
    """Return (x - mean) / sqrt(variance + epsilon)."""
    return (x - mean) / ops.sqrt(variance + epsilon)


def safe_log(x: Tensor, epsilon: float) -> Tensor:
    """Return log(maximum(x, epsilon)); where x < epsilon the gradient is zero."""
    return ops.log(ops.maximum(x, Tensor.of(x.scalar, epsilon)))


def silu(x: Tensor) -> Tensor:
    """Return x * sigmoid(x)."""
    return x * ops.sigmoid(x)


def gelu(x: Tensor, *, approximate: Gelu = "none") -> Tensor:
    """Return (x * 0.5) * (1 + erf(x / sqrt(2))).

    With ``approximate="tanh"``: (x * 0.5) * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * (x*x)*x))),
    where pi is 4 * atan(1).

    Raises:
        UnknownNameError: The approximation is unknown.
    """
    if approximate not in ("none", "tanh"):
        raise UnknownNameError("approximation of gelu", approximate, ("none", "tanh"))
    return (x * 0.5) * (1.0 + (_erf_of(x) if approximate == "none" else _tanh_of(x)))


def _erf_of(x: Tensor) -> Tensor:
    return ops.erf(x / ops.sqrt(Tensor.of(x.scalar, 2.0)))


def _tanh_of(x: Tensor) -> Tensor:
    pi = 4.0 * ops.atan(Tensor.of(x.scalar, 1.0))
    return ops.tanh(ops.sqrt(2.0 / pi) * (x + _CUBIC * ((x * x) * x)))
