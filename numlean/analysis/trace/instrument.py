"""A step written down operation by operation: what was computed, from what, and where.

Every number is computed by a method of a Scalar, so that a Scalar that takes down its calls sees
all there is. Where in the model a call belongs is told by layers that announce themselves, and by
a tape that announces whose cotangents it computes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from numlean.autograd import Node, Tape
from numlean.autograd.tensor import Tensor
from numlean.losses import Loss
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape
from numlean.scalar.wrappers.tracing import BACKWARD, FORWARD, UPDATE, Location, Trace
from numlean.training import Task


class TracingTape(Tape):
    """A tape that tells a trace which layer's cotangents are computed, and when all are."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace
        self._layers: dict[int, str] = {}
        trace.place = Location(FORWARD)

    def record(self, node: Node) -> Tensor:
        """Put an application on the tape, and remember its layer."""
        self._layers[id(node)] = self._trace.place.layer
        return super().record(node)

    def gradient(self, value: Tensor, watched: Sequence[Tensor]) -> list[Tensor]:
        """The gradient; what comes after belongs to the update."""
        with self._trace.at(Location(BACKWARD)):
            gradient = super().gradient(value, watched)
        self._trace.place = Location(UPDATE)
        return gradient

    def sweep(self, node: Node, g: Tensor, cotangents: dict[int, Tensor]) -> None:
        """One node's part of the backward sweep, in its layer."""
        with self._trace.at(Location(BACKWARD, self._layers[id(node)])):
            super().sweep(node, g, cotangents)


def instrument(task: Task, trace: Trace) -> Task:
    """The same task, whose layers and loss tell a trace when they compute."""
    return Task(_InstrumentedLayer(task.model, trace, ()), _InstrumentedLoss(task.loss, trace))


class _InstrumentedLayer(Layer):
    """A layer that tells a trace when it computes, and so do the layers within."""

    def __init__(self, layer: Layer, trace: Trace, path: tuple[int, ...]) -> None:
        self._layer = _with_announced_layers(layer, trace, path)
        self._trace = trace
        # A composite's name is that of all layers within, so only its class is told.
        own_name = type(layer).__name__ if self._layer is not layer else layer.name
        self._place = " ".join(filter(None, (".".join(map(str, path)), own_name)))

    @property
    def name(self) -> str:
        return self._layer.name

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        return self._layer.parameters

    @property
    def input_shape(self) -> Shape | None:
        return self._layer.input_shape

    @property
    def keeps_leading_axes(self) -> bool:
        return self._layer.keeps_leading_axes

    @property
    def index_count(self) -> int | None:
        return self._layer.index_count

    def output_shape(self, shape: Shape) -> Shape:
        return self._layer.output_shape(shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        with self._trace.at(Location(self._trace.place.phase, self._place)):
            return self._layer(parameters, x, context)


def _with_announced_layers(layer: Layer, trace: Trace, path: tuple[int, ...]) -> Layer:
    """The layer itself, or a copy whose layers within announce themselves."""
    within = {
        name: tuple(_InstrumentedLayer(each, trace, (*path, k)) for k, each in enumerate(layers))
        for name, layers in vars(layer).items()
        if isinstance(layers, tuple) and layers and all(isinstance(x, Layer) for x in layers)
    }
    if not within:
        return layer
    whole = copy.copy(layer)
    for name, layers in within.items():
        object.__setattr__(whole, name, layers)
    return whole


class _InstrumentedLoss(Loss):
    """A loss that tells a trace when it computes."""

    def __init__(self, loss: Loss, trace: Trace) -> None:
        self._loss = loss
        self._trace = trace
        self.takes_labels = loss.takes_labels  # type: ignore[misc]  # another class's variable

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        place = Location(self._trace.place.phase, type(self._loss).__name__)
        with self._trace.at(place):
            return self._loss(prediction, target)

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        return self._loss.per_sample(prediction, target)
