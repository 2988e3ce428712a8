"""A layer beside which its input goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, Shape
from numlean.nn.sequential import Composite


@dataclass(frozen=True, init=False)
class Residual(Composite):
    """x + f(x), f being the layers one after the other.

    Attributes:
        layers: The layers, first applied first.
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        object.__setattr__(self, "layers", layers)

    @property
    def name(self) -> str:
        """The layers' names in order."""
        return f"Residual({', '.join(layer.name for layer in self.layers)})"

    def output_shape(self, shape: Shape) -> Shape:
        """The same, if the layers keep it."""
        output = self.propagate_shape(shape)
        if output != shape:
            raise ShapeError(f"{self.name} takes samples whose shape it keeps, not {shape}")
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Outputs of x's shape."""
        return x + self.apply_layers(parameters, x, context)
