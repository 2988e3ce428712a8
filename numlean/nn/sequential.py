"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape


class Composite(Layer):
    """A layer of layers that are applied one after the other.

    Attributes:
        layers: Those within, first applied first; their parameters are named ``index.name``.
    """

    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """All layers' parameters in order."""
        return qualified_parameters(self.layers)

    @property
    def input_shape(self) -> Shape | None:
        """The first layer's, unless that would take further axes and a later one would not."""
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
        """The shape of the last layer's output.

        Raises:
            ShapeError: A layer does not take what the one before it gives.
        """
        for index, layer in enumerate(self.layers):
            shape = _output_shape(index, layer, shape)
        return shape

    def apply_layers(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """The last layer's outputs."""
        for index, (layer, own) in enumerate(split_parameters(self.layers, parameters)):
            x = layer(own, x, context.at(index))
        return x


@dataclass(frozen=True, init=False)
class Sequential(Composite):
    """The composition of layers; parameters are named ``index.name``.

    Shapes are checked when it is made, as far as they are known: from ``sample_shape`` on, or from
    the first layer that takes samples of one shape only. Where further axes in front are possible,
    layers that would not leave them alone remain unchecked until a sample comes.

    Attributes:
        layers: The layers, first applied first.
        sample_shape: The shape of a sample, or None.

    Raises:
        ShapeError: A layer does not take what the one before it gives; the message names both
            shapes.
    """

    layers: tuple[Layer, ...]
    sample_shape: Shape | None

    def __init__(self, *layers: Layer, sample_shape: Shape | None = None) -> None:
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "sample_shape", sample_shape)
        shape, exact = sample_shape, sample_shape is not None
        for index, layer in enumerate(layers):
            if shape is None or not (exact or layer.keeps_leading_axes):
                shape, exact = layer.input_shape, not layer.keeps_leading_axes
            shape = None if shape is None else _output_shape(index, layer, shape)

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
        """Whether all layers do, and the shape of a sample is not settled."""
        return self.sample_shape is None and super().keeps_leading_axes

    def output_shape(self, shape: Shape) -> Shape:
        """The last layer's, the shapes in between having been checked."""
        if self.sample_shape is not None and shape != self.sample_shape:
            raise ShapeError(f"the model takes samples of shape {self.sample_shape}, not {shape}")
        return self.propagate_shape(shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """The last layer's outputs."""
        return self.apply_layers(parameters, x, context)

    def summary(self, sample_shape: Shape | None = None) -> None:
        """Print the layers, their output shapes and how many parameters they have.

        Raises:
            ShapeError: No shape of a sample is given, and the model does not know it.
        """
        from numlean.nn._summary import summary

        print(summary(self, sample_shape))


def qualified_parameters(layers: Sequence[Layer]) -> tuple[ParameterSpec, ...]:
    """The parameters of layers within a layer, named ``index.name``."""
    return tuple(
        replace(spec, name=f"{index}.{spec.name}")
        for index, layer in enumerate(layers)
        for spec in layer.parameters
    )


def split_parameters(
    layers: Sequence[Layer], parameters: Sequence[Tensor]
) -> Iterator[tuple[Layer, Sequence[Tensor]]]:
    """Each of the layers within a layer, with its own parameters."""
    start = 0
    for layer in layers:
        stop = start + len(layer.parameters)
        yield layer, parameters[start:stop]
        start = stop


def _output_shape(index: int, layer: Layer, shape: Shape) -> Shape:
    try:
        return layer.output_shape(shape)
    except ShapeError as error:
        raise ShapeError(f"layer {index}: {error}") from None
