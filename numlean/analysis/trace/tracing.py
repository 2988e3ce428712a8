"""A step written down operation by operation: what was computed, from what, and where.

Every number is computed by a method of a Scalar, so that a Scalar that takes down its calls sees
all there is. Where in the model a call belongs is told by layers that announce themselves, and by
a tape that announces whose cotangents it computes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, final

from numlean.autograd import Node, Tape
from numlean.autograd.tensor import Tensor
from numlean.losses import Loss
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape
from numlean.scalar.elementary import ARITIES
from numlean.scalar.protocol import Scalar, Storage
from numlean.training import Task
from numlean_kernels.protocol import ProgramStep

INITIAL: Final = "initial values"
DATA: Final = "data"
FORWARD: Final = "forward"
BACKWARD: Final = "backward"
UPDATE: Final = "update"

ELEMENTWISE: Final = (
    *("add", "sub", "mul", "div", "sqrt", "fma", "rem", "round_to_integral"),
    *("neg", "abs", "minimum", "maximum", "min_num", "max_num", "copy_sign"),
    *ARITIES,
)
"""Operations that compute each number of the result from one of each operand."""

RELATIONS: Final = ("eq", "lt", "le", "compare", "total_order", "classify", "argmax", "to_int")
"""Operations whose results are no numbers of the Scalar."""

CONVERSIONS: Final = ("from_float", "from_int", "from_exact", "from_string")
"""Operations whose operands are no numbers of the Scalar."""

TRACED: Final = frozenset(
    (
        *ELEMENTWISE,
        *RELATIONS,
        *CONVERSIONS,
        *("from_host_callback", "scaleb", "logb", "next_up", "next_down"),
        *("matmul", "bmm", "sum", "max", "scatter_add"),
        *("copy", "concat", "pad", "take", "take_along_axis", "scatter_along_axis", "where"),
    )
)


@dataclass(frozen=True)
class Location:
    """Where in a step an operation belongs.

    Attributes:
        phase: ``initial values``, ``data``, ``forward``, ``backward`` or ``update``.
        layer: The layer, by its indices and its name, or the parameter; "" if there is none.
    """

    phase: str
    layer: str = ""

    def __str__(self) -> str:
        return f"{self.phase}, {self.layer}" if self.layer else self.phase


@dataclass(frozen=True)
class TracedOperation:
    """One operation as it was carried out.

    Attributes:
        place: Where it belongs.
        operation: The name of the Scalar's method.
        operands: What it was given by position.
        options: What it was given by name.
        result: What it returned.
    """

    place: Location
    operation: str
    operands: tuple[Any, ...]
    options: dict[str, Any]
    result: Storage


class Trace:
    """The operations of a step in program order.

    Attributes:
        applications: Those so far.
        place: Where the next one belongs.
    """

    def __init__(self) -> None:
        self.applications: list[TracedOperation] = []
        self.place = Location(DATA)

    def start(self) -> None:
        """Begin anew, before a step."""
        self.applications.clear()
        self.place = Location(DATA)

    @contextmanager
    def at(self, place: Location) -> Iterator[None]:
        """At a place for a while; then back at the one before."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before


@final
class TracingScalar:
    """A Scalar of the same bits that writes its operations into a trace.

    Attributes:
        inner: The Scalar that computes.
        trace: Where the operations go.
    """

    def __init__(self, inner: Scalar, trace: Trace) -> None:
        self.inner = inner
        self.trace = trace

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if name not in TRACED:
            return attribute

        def traced(*operands: Any, **options: Any) -> Any:
            result = attribute(*operands, **options)
            trace = self.trace
            trace.applications.append(TracedOperation(trace.place, name, operands, options, result))
            return result

        return traced

    def with_reset_stream(self) -> TracingScalar:
        """The same Scalar anew, writing into the same trace."""
        return TracingScalar(self.inner.with_reset_stream(), self.trace)

    def with_recorder(self, operations: list[ProgramStep]) -> TracingScalar:
        """The same arithmetic, whose operations are also recorded."""
        return TracingScalar(self.inner.with_recorder(operations), self.trace)


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
