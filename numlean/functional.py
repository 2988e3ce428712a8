"""Functions made of primitives; the formula in each docstring, and its order, fix the bits."""

from __future__ import annotations

from typing import Literal, TypeAlias

from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import UnknownNameError

Gelu: TypeAlias = Literal["none", "tanh"]
"""Whether gelu is exact, or by its approximation with tanh."""

_CUBIC = 0.044715


def log_softmax(x: Tensor) -> Tensor:
    """(x - m) - log(sum(exp(x - m))) along the last axis, m being the greatest there.

    m counts as a constant: the value does not depend on it.
    """
    shifted = x - ops.max_constant(x)
    return shifted - ops.log(ops.sum_(ops.exp(shifted), -1, keepdims=True))


def softmax(x: Tensor) -> Tensor:
    """exp(x - m) / sum(exp(x - m)) along the last axis, m being the greatest there, a constant."""
    powers = ops.exp(x - ops.max_constant(x))
    return powers / ops.sum_(powers, -1, keepdims=True)


def square(x: Tensor) -> Tensor:
    """X * x."""
    return x * x


def mean_over(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The sum over axes, in C order, divided once by the number of terms; the axes are kept."""
    total = ops.sum_(x, axes, keepdims=True)
    return total / (x.size // max(total.size, 1))


def standardized(x: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon)."""
    return (x - mean) / ops.sqrt(variance + epsilon)


def safe_log(x: Tensor, epsilon: float) -> Tensor:
    """log(maximum(x, epsilon)); where x < epsilon the gradient is zero."""
    return ops.log(ops.maximum(x, Tensor.of(x.scalar, epsilon)))


def silu(x: Tensor) -> Tensor:
    """X * sigmoid(x)."""
    return x * ops.sigmoid(x)


def gelu(x: Tensor, *, approximate: Gelu = "none") -> Tensor:
    """(x * 0.5) * (1 + erf(x / sqrt(2))).

    With ``approximate="tanh"``: (x * 0.5) * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * (x*x)*x))), pi
    being 4 * atan(1).

    Raises:
        UnknownNameError: There is no such approximation.
    """
    if approximate not in ("none", "tanh"):
        raise UnknownNameError("approximation of gelu", approximate, ("none", "tanh"))
    return (x * 0.5) * (1.0 + (_erf_of(x) if approximate == "none" else _tanh_of(x)))


def _erf_of(x: Tensor) -> Tensor:
    return ops.erf(x / ops.sqrt(Tensor.of(x.scalar, 2.0)))


def _tanh_of(x: Tensor) -> Tensor:
    pi = 4.0 * ops.atan(Tensor.of(x.scalar, 1.0))
    return ops.tanh(ops.sqrt(2.0 / pi) * (x + _CUBIC * ((x * x) * x)))
