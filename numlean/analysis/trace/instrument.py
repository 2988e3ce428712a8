"""Record one step operation by operation: the operation, its operands, and its location.

A method of a Scalar computes every number, so a Scalar that records its calls sees the whole
step. Instrumented layers set the location of each call, and a tracing tape sets the layer whose
cotangents it computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from numpy.typing import ArrayLike

from numlean.autograd import Node, Tape
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.losses import Loss
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape
from numlean.scalar.protocol import Numbers
from numlean.scalar.wrappers.tracing import (
    BACKWARD,
    FORWARD,
    UPDATE,
    Location,
    Trace,
    untraced,
)
from numlean.training import Task


class TracingTape(Tape):
    """A tape that sets the location of a trace to the layer whose cotangents it computes."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace
        self._layers: dict[int, str] = {}
        trace.place = Location(FORWARD)

    def record(self, node: Node) -> Tensor:
        """Record a node and its layer."""
        self._layers[id(node)] = self._trace.place.layer
        return super().record(node)

    def gradient(self, value: Tensor, watched: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient, and note it; later operations belong to the update."""
        with self._trace.at(Location(BACKWARD)):
            gradient = super().gradient(value, watched)
        self._trace.place = Location(UPDATE)
        self._trace.gradients = [Numbers(untraced(g.scalar), g.data) for g in gradient]
        return gradient

    def sweep(self, node: Node, g: Tensor, cotangents: dict[int, Tensor]) -> None:
        """Do one node's part of the backward sweep, in its layer."""
        with self._trace.at(Location(BACKWARD, self._layers[id(node)])):
            super().sweep(node, g, cotangents)


def instrument(task: Task, trace: Trace) -> Task:
    """Return a task of the same bits whose layers and loss set the location of a trace.

    Raises:
        NumleanError: A layer declares children, and its ``with_children`` does not use the ones
            it is given.
    """
    return Task(_instrumented(task.model, trace, ()), _InstrumentedLoss(task.loss, trace))


def _instrumented(layer: Layer, trace: Trace, path: tuple[int, ...]) -> _InstrumentedLayer:
    """Instrument a layer and, as far as they are declared, the layers within it."""
    children = layer.children
    # A composite's name lists all layers within it, so its location shows only its class.
    name = type(layer).__name__ if children else layer.name
    location = " ".join(filter(None, (".".join(map(str, path)), name)))
    if children:
        wrapped = tuple(_instrumented(x, trace, (*path, k)) for k, x in enumerate(children))
        layer = _replace_children(layer, wrapped)
    return _InstrumentedLayer(layer, trace, location)


def _replace_children(layer: Layer, children: tuple[Layer, ...]) -> Layer:
    replaced = layer.with_children(children)
    found = replaced.children
    if len(found) != len(children) or any(x is not y for x, y in zip(found, children, strict=True)):
        raise NumleanError(
            f"{type(layer).__name__}.with_children returned a layer with other children; it must"
            " return the layer with exactly the children it is given"
        )
    return replaced


class _InstrumentedLayer(Layer):
    """A layer that sets the location of a trace while it computes."""

    def __init__(self, layer: Layer, trace: Trace, location: str) -> None:
        self._layer = layer
        self._trace = trace
        self._location = location

    @property
    def name(self) -> str:
        return self._layer.name

    @property
    def observed(self) -> Layer:
        return self._layer

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
    def takes_indices(self) -> bool:
        return self._layer.takes_indices

    @property
    def index_count(self) -> int | None:
        return self._layer.index_count

    def output_shape(self, shape: Shape) -> Shape:
        return self._layer.output_shape(shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        with self._trace.at(Location(self._trace.place.phase, self._location)):
            return self._layer(parameters, x, context)


class _InstrumentedLoss(Loss):
    """A loss that sets the location of a trace while it computes."""

    def __init__(self, loss: Loss, trace: Trace) -> None:
        self._loss = loss
        self._trace = trace
        self.takes_labels = loss.takes_labels  # type: ignore[misc]  # another class's variable

    @property
    def ignores_labels(self) -> bool:
        return self._loss.ignores_labels

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        location = Location(self._trace.place.phase, type(self._loss).__name__)
        with self._trace.at(location):
            return self._loss(prediction, target)

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        return self._loss.per_sample(prediction, target)

    def divisor(self, target: Tensor) -> Fraction | None:
        return self._loss.divisor(target)

    def read_labels(self, values: ArrayLike | Tensor) -> Tensor:
        return self._loss.read_labels(values)
