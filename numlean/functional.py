"""Functions composed of primitives; the formula in each docstring, in its order, fixes the bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from numlean.arguments import checked
from numlean.autograd import primitives as ops
from numlean.autograd.primitives import ranges
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, UnknownNameError

Gelu: TypeAlias = Literal["none", "tanh"]
"""Whether gelu is exact, or approximated with tanh."""

_CUBIC = 0.044715


@checked
def log_softmax(x: Tensor) -> Tensor:
    """Return (x - m) - log(sum(exp(x - m))) along the last axis, with m the maximum there.

    m is a constant for differentiation: the value does not depend on it.
    """
    shifted = x - ops.max_constant(x)
    return shifted - ops.log(ops.sum_(ops.exp(shifted), -1, keepdims=True))


@checked
def softmax(x: Tensor) -> Tensor:
    """Return exp(x - m) / sum(exp(x - m)) along the last axis, with m the maximum, a constant."""
    powers = ops.exp(x - ops.max_constant(x))
    return powers / ops.sum_(powers, -1, keepdims=True)


@checked
def square(x: Tensor) -> Tensor:
    """Return x * x."""
    return x * x


@checked
def mean_over(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the sum over axes, in C order, divided once by the number of terms; axes stay."""
    total = ops.sum_(x, axes, keepdims=True)
    return total / (x.size // max(total.size, 1))


@checked
def standardized(x: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> Tensor:
    """Return (x - mean) / sqrt(variance + epsilon)."""
    return (x - mean) / ops.sqrt(variance + epsilon)


@dataclass(frozen=True)
class Standardized:
    """Numbers standardized over axes, and their statistics there.

    Attributes:
        numbers: The numbers, less the mean, divided by sqrt(variance + epsilon).
        mean: The mean; axes stay.
        variance: The mean of the squared differences from the mean; axes stay.
    """

    numbers: Tensor
    mean: Tensor
    variance: Tensor


@checked
def standardize(
    x: Tensor, axes: tuple[int, ...], epsilon: float, *, unbiased: bool = False
) -> Standardized:
    """Return (x - m) / sqrt(v + epsilon), with m the mean over axes and v that of (x - m)*(x - m).

    Where v + epsilon overflows, or is zero although x - m is not, x is first divided by a power of
    two M near the greatest magnitude of x - m over the axes, or of x where the mean overflows, and
    epsilon twice. The mean returned is then m*M, the variance v*M*M. Elsewhere M = 1, which changes
    no bit. A v + epsilon that rounds to zero counts as the least positive number.

    Args:
        x: The numbers.
        axes: The axes.
        epsilon: Keeps the divisor from zero.
        unbiased: Whether the variance returned is the sum of the squares divided by n - 1.
    """
    scale = _scale_of_moments(x, axes, epsilon)
    mean = mean_over(scale.divide(x), axes)
    squares = square(scale.divide(x) - mean)
    variance = mean_over(squares, axes)
    numbers = (scale.divide(x) - mean) / ops.sqrt(scale.add_epsilon(variance, epsilon))
    if unbiased:
        total = ops.sum_(squares.detach(), axes, keepdims=True)
        variance = total / (x.size // total.size - 1)
    return Standardized(
        numbers, scale.multiply(mean), scale.multiply(scale.multiply(variance.detach()))
    )


@checked
def divide_by_rms(x: Tensor, epsilon: float) -> Tensor:
    """Return x / sqrt(s + epsilon), with s the mean of x*x over the last axis.

    Where s + epsilon overflows, or is zero although x is not, both are divided as ``standardize``
    divides them.
    """
    scale = _scale_of_squares(x, (-1,), epsilon)
    s = mean_over(square(scale.divide(x)), (-1,))
    return scale.divide(x) / ops.sqrt(scale.add_epsilon(s, epsilon))


@checked
def norm_of(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return r and M, where r*M is the root of the sum of all squares.

    r is the root of the sum, from +0, in order of tensors and in C order, and M = 1. If that sum
    overflows or is below the normal numbers, M is a power of two near the greatest magnitude, and r
    the root of the sum of the squares of all numbers divided by M.
    """
    if not tensors:
        raise NumleanError("a norm takes at least one tensor, got none")
    one = tensors[0].literal(1.0)
    total = _sum_of_squares(tensors)
    if ranges.greatest(one) is None or not any(x.size for x in tensors):
        return ops.sqrt(total), one
    magnitudes = ops.concat([ops.abs_(x).reshape(-1) for x in tensors], 0)
    largest = ops.max_constant(magnitudes, 0, keepdims=False)
    scale = ranges.divisor(ranges.is_normal_below_greatest(total), largest)
    return ops.sqrt(_sum_of_squares([x / scale for x in tensors])), scale


def _sum_of_squares(tensors: Sequence[Tensor]) -> Tensor:
    return ops.concat([(x * x).reshape(-1) for x in tensors], 0).sum()


@dataclass(frozen=True)
class _Scale:
    """A divisor for each group of numbers, so that their squares fit in the format.

    Attributes:
        by: The divisors, constants; None where none is needed, since exponents are unbounded.
    """

    by: Tensor | None

    def divide(self, x: Tensor) -> Tensor:
        """Return x divided, exactly where the divisor is 1."""
        return x if self.by is None else x / self.by

    def multiply(self, x: Tensor) -> Tensor:
        """Return x multiplied, exactly where the divisor is 1."""
        return x if self.by is None else x * self.by

    def add_epsilon(self, x: Tensor, epsilon: float) -> Tensor:
        """Return x + epsilon, with epsilon divided twice, or the least positive number for 0."""
        if self.by is None:
            return x + epsilon
        least = x.like(x.scalar.from_bits(1))
        return ops.maximum(x + self.by.literal(epsilon) / self.by / self.by, least)


def _scale_of_moments(x: Tensor, axes: tuple[int, ...], epsilon: float) -> _Scale:
    if ranges.greatest(x) is None or x.size == 0:
        return _Scale(None)
    x = x.detach()
    difference = x - mean_over(x, axes)
    reach = _greatest_magnitude(difference, axes)
    largest = ranges.select(ranges.is_finite(reach), reach, _greatest_magnitude(x, axes))
    return _scale(mean_over(square(difference), axes) + epsilon, largest)


def _scale_of_squares(x: Tensor, axes: tuple[int, ...], epsilon: float) -> _Scale:
    if ranges.greatest(x) is None or x.size == 0:
        return _Scale(None)
    x = x.detach()
    return _scale(mean_over(square(x), axes) + epsilon, _greatest_magnitude(x, axes))


def _scale(total: Tensor, largest: Tensor) -> _Scale:
    is_positive = ranges.holds(total.literal(0.0), "lt", total)
    fits = ranges.both(ranges.is_below_greatest(total), is_positive)
    return _Scale(ranges.divisor(fits, largest))


def _greatest_magnitude(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the greatest magnitude over axes; axes stay."""
    over = [axis % x.ndim for axis in axes]
    kept = [axis for axis in range(x.ndim) if axis not in over]
    rows = ops.permute(ops.abs_(x), (*kept, *over)).reshape(*(x.shape[k] for k in kept), -1)
    shape = tuple(1 if axis in over else n for axis, n in enumerate(x.shape))
    return ops.max_constant(rows, -1).reshape(*shape)


@checked
def safe_log(x: Tensor, epsilon: float) -> Tensor:
    """Return log(maximum(x, epsilon)); where x < epsilon the gradient is zero."""
    return ops.log(ops.maximum(x, Tensor.of(x.scalar, epsilon)))


@checked
def silu(x: Tensor) -> Tensor:
    """Return x * sigmoid(x)."""
    return x * ops.sigmoid(x)


@checked
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
