"""Dropout: zeros at random in training, so that a model does not rely on single elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from numlean.arguments import checked
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.nn.layer import Context, Floats, Layer, ParameterSpec, Shape, Uniform
from numlean.scalar.constants import Constant, formula

_FORMULA: Final = "(x * mask) / (1 - p)"


@checked
@dataclass(frozen=True)
class Dropout(Layer):
    """In training (x * mask) / (1 - p), where mask is 1 where u >= p and 0 elsewhere; otherwise x.

    u is uniform in [0, 1) and binary64, like the layer's p, so the mask is the same in every
    Scalar: a function of p, the seed, the step, the layer's path in the model and the element's
    index in the batch. p is also a buffer of the model: rounded to the Scalar, it is the p of the
    divisor 1 - p only. (A mask from the rounded p would differ between Scalars that round p
    differently.) To change p, change the layer; another value in the buffer changes only the
    divisor.

    Attributes:
        p: The probability that an element becomes zero, and the initial value of the buffer.
        seed: The seed of the masks.
    """

    p: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.p < 1.0:
            raise NumleanError(f"dropout probability must be at least 0 and below 1, got {self.p}")
        if self.seed < 0:
            raise NumleanError(f"seed must not be negative, got {self.seed}")

    @property
    def name(self) -> str:
        """The layer with its probability."""
        return f"Dropout({self.p})"

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The probability, of which 1 - p is computed: a buffer, which has no gradient."""
        return (ParameterSpec("p", (), self._initial, is_trainable=False),)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The probability, as the divisor uses it."""
        return (Constant("p", self.p, _FORMULA, at_one="divides by zero"),)

    def _initial(self, uniform: Uniform, shape: Shape) -> Floats:
        return np.full(shape, self.p)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape."""
        if not context.is_training:
            return x
        p = ops.cast(parameters[0], x.scalar)
        mask = Tensor(x.scalar, x.scalar.from_host_callback(self._mask(context, x.shape)))
        with formula(_FORMULA):
            return (x * mask) / (1.0 - p)

    def _mask(self, context: Context, shape: Shape) -> Callable[[], Floats]:
        draw = context.uniform(self.seed, shape)
        return lambda: (draw() >= self.p).astype(np.float64)
