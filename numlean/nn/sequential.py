"""Layers applied one after the other, with shapes checked in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn._summary import summary
from numlean.nn.composite import CheckedLayers
from numlean.nn.layer import Context, Layer, Shape


@checked
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

    def __repr__(self) -> str:
        shape = () if self.sample_shape is None else (f"sample_shape={self.sample_shape}",)
        return f"Sequential({', '.join((*map(repr, self.layers), *shape))})"

    def _repr_html_(self) -> str:
        shape = self.input_shape
        return super()._repr_html_() if shape is None else summary(self, shape)._repr_html_()

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
        print(summary(self, sample_shape))
