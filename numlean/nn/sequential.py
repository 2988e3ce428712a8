"""Layers applied one after the other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, Shape, split_parameters


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


@dataclass(frozen=True, init=False)
class Sequential(CheckedLayers):
    """The composition of layers; parameters are named ``index.name``.

    The constructor checks shapes as far as they are known: from ``sample_shape`` on, or from the
    first layer that accepts only one shape. Where further leading axes are possible, layers that
    would not keep them are checked when a sample comes.

    Attributes:
        layers: The layers, in order of application.
        sample_shape: The shape of a sample, or None.

    Raises:
        ShapeError: A layer does not accept the output of the layer before it; the message shows
            both shapes.
    """

    def __init__(self, *layers: Layer, sample_shape: Shape | None = None) -> None:
        super().__init__(layers, sample_shape)

    @property
    def name(self) -> str:
        """The layers' names in order."""
        return f"Sequential({', '.join(layer.name for layer in self.layers)})"

    @property
    def input_shape(self) -> Shape | None:
        """The shape of a sample, if it is known."""
        return super().input_shape if self.sample_shape is None else self.sample_shape

    @property
    def keeps_leading_axes(self) -> bool:
        """Whether all layers do, and no shape of a sample is given."""
        return self.sample_shape is None and super().keeps_leading_axes

    def output_shape(self, shape: Shape) -> Shape:
        """Return the last layer's output shape, after checking the shapes in between."""
        if self.sample_shape is not None and shape != self.sample_shape:
            raise ShapeError(f"the model takes samples of shape {self.sample_shape}, not {shape}")
        return self.propagate_shape(shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return the last layer's outputs."""
        return self.apply_layers(parameters, x, context)

    def summary(self, sample_shape: Shape | None = None) -> None:
        """Print the layers, their output shapes and their numbers of parameters.

        Raises:
            ShapeError: No sample shape is given, and the model does not define one.
        """
        from numlean.nn._summary import summary

        print(summary(self, sample_shape))


def _output_shape(index: int, layer: Layer, shape: Shape) -> Shape:
    try:
        return layer.output_shape(shape)
    except ShapeError as error:
        raise ShapeError(f"layer {index}: {error}") from None
