"""Layers that rearrange the elements of a sample, or add them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, Shape


@checked
@dataclass(frozen=True)
class Flatten(Layer):
    """Turn each sample into a vector of its elements in C order."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return "Flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """Return one axis whose extent is the number of elements."""
        return (prod(shape),)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, elements)."""
        return x.reshape(x.shape[0], prod(x.shape[1:]))


@dataclass(frozen=True)
class ToShape(Layer):
    """Give each sample another shape, with its elements in C order.

    Attributes:
        shape: The shape.
    """

    shape: Shape

    @property
    def name(self) -> str:
        """The class with the shape."""
        return f"{type(self).__name__}({', '.join(map(str, self.shape))})"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape, for samples with as many elements."""
        if prod(shape) != prod(self.shape):
            raise ShapeError(
                f"{self.name} takes samples of {prod(self.shape)} elements, not {prod(shape)} in"
                f" shape {shape}"
            )
        return self.shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, *shape)."""
        return x.reshape(x.shape[0], *self.shape)


@checked
@dataclass(frozen=True, init=False)
class Reshape(ToShape):
    """Give each sample the shape of the arguments, with its elements in C order.

    Attributes:
        shape: The shape.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__(shape)


@checked
@dataclass(frozen=True)
class Sum(Layer):
    """Add up the elements of each sample in C order, starting from +0."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return "Sum"

    def output_shape(self, shape: Shape) -> Shape:
        """Return no axes: a sample becomes a number."""
        return ()

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch,), in the arithmetic of reductions."""
        return context.arithmetic.reduced(x).sum(tuple(range(1, x.ndim)))
