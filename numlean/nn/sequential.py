"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from numlean.errors import ShapeError
from numlean.nn.layer import Layer, Mode, ParameterSpec, Shape
from numlean.tensor import Tensor


@dataclass(frozen=True, init=False)
class Sequential:
    """The composition of layers; parameters are named ``index.name``.

    Attributes:
        layers: The layers, first applied first.
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        object.__setattr__(self, "layers", layers)

    @property
    def name(self) -> str:
        """The layers' names in order."""
        return f"Sequential({', '.join(layer.name for layer in self.layers)})"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """All layers' parameters in order."""
        return tuple(
            replace(spec, name=f"{index}.{spec.name}")
            for index, layer in enumerate(self.layers)
            for spec in layer.parameters
        )

    def output_shape(self, shape: Shape) -> Shape:
        """The last layer's, the shapes in between having been checked."""
        for index, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"layer {index}: {error}") from None
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, mode: Mode) -> Tensor:
        """The last layer's outputs."""
        start = 0
        for layer in self.layers:
            stop = start + len(layer.parameters)
            x = layer(parameters[start:stop], x, mode)
            start = stop
        return x
