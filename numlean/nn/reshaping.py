"""Layers that arrange a sample's elements, or add them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """Each sample as a vector, its elements in C order."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return "Flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """One axis as long as the sample has elements."""
        return (prod(shape),)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of shape (batch, elements)."""
        return x.reshape(x.shape[0], prod(x.shape[1:]))


@dataclass(frozen=True, init=False)
class Reshape(Layer):
    """Each sample in another shape, its elements in C order.

    Attributes:
        shape: The shape.
    """

    shape: Shape

    def __init__(self, *shape: int) -> None:
        object.__setattr__(self, "shape", shape)

    @property
    def name(self) -> str:
        """The layer with its shape."""
        return f"Reshape({', '.join(map(str, self.shape))})"

    def output_shape(self, shape: Shape) -> Shape:
        """The shape, for samples with as many elements."""
        if prod(shape) != prod(self.shape):
            raise ShapeError(
                f"{self.name} takes samples of {prod(self.shape)} elements, not {prod(shape)} in"
                f" shape {shape}"
            )
        return self.shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of shape (batch, *shape)."""
        return x.reshape(x.shape[0], *self.shape)


@dataclass(frozen=True)
class Sum(Layer):
    """The sum of each sample's elements, in C order from +0."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return "Sum"

    def output_shape(self, shape: Shape) -> Shape:
        """No axes: a sample becomes a number."""
        return ()

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of shape (batch,)."""
        return x.sum(tuple(range(1, x.ndim)))
