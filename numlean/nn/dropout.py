"""Dropout: noise in training that keeps a model from relying on single numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.nn.layer import Context, Floats, Layer, ParameterSpec, Shape, Uniform


@dataclass(frozen=True)
class Dropout(Layer):
    """In training (x * mask) / (1 - p), mask being 1 where u >= p and else 0; otherwise x.

    u is uniform in [0, 1) and, as the layer's p, binary64, so that the mask is the same in every
    Scalar: a function of p, the seed, the step, the layer's place in the model and the element's in
    the batch. p is also an entry of the model, which no gradient changes: rounded to the Scalar, it
    is the p of the divisor 1 - p, and of nothing else. A mask that went by it would be another one
    in each Scalar that rounds p in another way. So whoever changes p changes the layer; an entry
    that is given another value changes the divisor only.

    Attributes:
        p: The share of elements that become zero, and what the entry starts as.
        seed: Names the masks.
    """

    p: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.p < 1.0:
            raise NumleanError(f"a dropout probability is at least 0 and below 1, not {self.p}")
        if self.seed < 0:
            raise NumleanError(f"a seed is not negative: {self.seed}")

    @property
    def name(self) -> str:
        """The layer with its probability."""
        return f"Dropout({self.p})"

    @property
    def keeps_leading_axes(self) -> bool:
        """It does."""
        return True

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The probability, of which 1 - p is made: an entry without gradient."""
        return (ParameterSpec("p", (), self._initial, is_trainable=False),)

    def _initial(self, uniform: Uniform, shape: Shape) -> Floats:
        return np.full(shape, self.p)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of x's shape."""
        if not context.is_training:
            return x
        (p,) = parameters
        mask = Tensor(x.scalar, x.scalar.from_host_callback(self._mask(context, x.shape)))
        return (x * mask) / (1.0 - p)

    def _mask(self, context: Context, shape: Shape) -> Callable[[], Floats]:
        draw = context.uniform(self.seed, shape)
        return lambda: (draw() >= self.p).astype(np.float64)
