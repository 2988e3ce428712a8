"""Composites: layers that apply their children one after the other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, Shape, split_parameters


@checked
class Composite(Layer):
    """A layer that applies its children one after the other.

    Attributes:
        layers: The children, in order of application; their parameters are named ``index.name``.
    """

    layers: tuple[Layer, ...]

    @property
    def children(self) -> tuple[Layer, ...]:
        """The layers."""
        return self.layers

    def with_children(self, children: Sequence[Layer]) -> Layer:
        """Return a copy with other layers."""
        # A copy, because a subclass may take other arguments in its constructor.
        composite = copy.copy(self)
        vars(composite)["layers"] = tuple(children)
        return composite

    @property
    def input_shape(self) -> Shape | None:
        """The first layer's, unless it allows further leading axes and a later layer does not."""
        first = self.layers[0] if self.layers else None
        if first is None or (first.keeps_leading_axes and not self.keeps_leading_axes):
            return None
        return first.input_shape

    @property
    def keeps_leading_axes(self) -> bool:
        """Whether all layers do."""
        return all(layer.keeps_leading_axes for layer in self.layers)

    @property
    def takes_indices(self) -> bool:
        """Whether the first layer does."""
        return bool(self.layers) and self.layers[0].takes_indices

    @property
    def index_count(self) -> int | None:
        """The first layer's."""
        return self.layers[0].index_count if self.layers else None

    def propagate_shape(self, shape: Shape) -> Shape:
        """Return the shape of the last layer's output.

        Raises:
            ShapeError: A layer does not accept the output of the layer before it.
        """
        for index, layer in enumerate(self.layers):
            shape = _output_shape(index, layer, shape)
        return shape

    def apply_layers(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return the outputs of the last layer."""
        for index, (layer, own) in enumerate(split_parameters(self.layers, parameters)):
            x = layer(own, x, context.at(index))
        return x


@dataclass(frozen=True)
class LayerTuple(Composite):
    """A composite whose only settings are its layers.

    Attributes:
        layers: The layers, in order of application.
    """

    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class CheckedLayers(LayerTuple):
    """A composite that checks the shapes between its layers when it is made.

    Attributes:
        layers: The layers, in order of application.
        sample_shape: The shape of a sample, or None.
    """

    sample_shape: Shape | None

    def __post_init__(self) -> None:
        shape, exact = self.sample_shape, self.sample_shape is not None
        for index, layer in enumerate(self.layers):
            if shape is None or not (exact or layer.keeps_leading_axes):
                shape, exact = layer.input_shape, not layer.keeps_leading_axes
            shape = None if shape is None else _output_shape(index, layer, shape)


def _output_shape(index: int, layer: Layer, shape: Shape) -> Shape:
    try:
        return layer.output_shape(shape)
    except ShapeError as error:
        raise ShapeError(f"layer {index}: {error}") from None
