"""A residual connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.composite import LayerTuple
from numlean.nn.layer import Context, Layer, Shape


@checked
@dataclass(frozen=True, init=False)
class Residual(LayerTuple):
    """x + f(x), where f applies the layers one after the other.

    Attributes:
        layers: The layers, in order of application.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(layers)

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.layers))})"

    @property
    def name(self) -> str:
        """The layers' names in order."""
        return f"Residual({', '.join(layer.name for layer in self.layers)})"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, after checking that the layers keep it."""
        output = self.propagate_shape(shape)
        if output != shape:
            raise ShapeError(
                f"{self.name}: the layers must keep the shape of a sample, but they turn {shape}"
                f" into {output}"
            )
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape."""
        change = self.apply_layers(parameters, x, context)
        x, change = context.arithmetic.joined(x, change)
        return x + change
