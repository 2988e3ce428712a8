"""The interface of a layer: shapes, initial values and a function, without state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from itertools import accumulate
from typing import TypeAlias

import numpy as np

from numlean.arguments import checked
from numlean.arguments.option import described_fields, given_options
from numlean.autograd.rows import Rows
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision.arithmetic import UNIFORM, Arithmetic, LayerArithmetics, Use
from numlean.rng import UniformStream
from numlean.scalar.constants import Constant
from numlean.text_table import TextTable

Shape: TypeAlias = tuple[int, ...]
Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Uniform: TypeAlias = Callable[[Shape], Floats]
"""Draw independent uniform binary64 numbers in [0, 1) of a given shape."""


class Mode(Enum):
    """Whether a model is run to train it or to evaluate it; some layers differ in training."""

    TRAIN = "train"
    EVAL = "eval"


@checked
@dataclass
class Clock:
    """The current step of a run.

    Attributes:
        step: The step, counted from 0.
    """

    step: int = 0


@checked
@dataclass(frozen=True)
class Context:
    """The settings that a layer reads when it is called.

    Attributes:
        mode: Training or evaluation.
        clock: The run's clock; random numbers are drawn again at each step.
        path: The position of the layer in the model: the index at each level, outermost first.
        buffer_updates: Receives new values of buffers by their full names; None drops them.
        key_padding_mask: The times of each sample that attention leaves out, of shape (batch,
            time): booleans, or numbers that are positive where a key is left out; None keeps all.
        arithmetics: The arithmetics of the run's layers.
        rows: The rows of the other shards of the batch; None if the batch is whole, and if a layer
            takes its statistics over a shard.
    """

    mode: Mode
    clock: Clock = field(default_factory=Clock)
    path: tuple[int, ...] = ()
    buffer_updates: dict[str, Tensor] | None = None
    key_padding_mask: Tensor | Flags | None = None
    arithmetics: LayerArithmetics = UNIFORM
    rows: Rows | None = None

    @property
    def arithmetic(self) -> Arithmetic:
        """The arithmetic of the layer."""
        return self.arithmetics.at(self.path)

    @property
    def is_training(self) -> bool:
        """Whether the mode is training."""
        return self.mode is Mode.TRAIN

    def at(self, index: int) -> Context:
        """Return the context of the child with that index."""
        return replace(self, path=(*self.path, index))

    def update_buffer(self, name: str, value: Tensor) -> None:
        """Set one of the layer's buffers, by its own name, for the steps that follow."""
        if self.buffer_updates is not None:
            self.buffer_updates[".".join((*map(str, self.path), name))] = value.detach()

    def uniform(self, seed: int, shape: Shape) -> Callable[[], Floats]:
        """Return a generator of uniform numbers in [0, 1), fixed by seed, step and path."""
        return lambda: UniformStream(seed, self.clock.step, *self.path)(shape)


EVALUATION = Context(Mode.EVAL)
"""The context of a single layer in evaluation."""


@checked
@dataclass(frozen=True)
class ParameterSpec:
    """A parameter of a layer, or a buffer, which has no gradient.

    Attributes:
        name: The name within the layer.
        shape: The shape.
        initial: Draws the initial values as binary64, using only + - * / and sqrt.
        is_trainable: Whether this is a parameter. Only ``Context.update_buffer`` changes a buffer.
        use: What the layer does with it, which determines the arithmetic of its copy.
    """

    name: str
    shape: Shape
    initial: Callable[[Uniform, Shape], Floats]
    is_trainable: bool = True
    use: Use = Use.OWN


class Layer(ABC):
    """A function of parameters and an input whose first axis is the batch.

    To write one, make a frozen dataclass of its settings; the run keeps the parameters. If the
    layer calls other layers, declare them with ``children`` and ``with_children``, in whatever
    form you keep them: a list, a dict or a single layer. ``nl.crosscheck`` then traces inside
    them, and ``nl.nn.summary`` lists them. A layer that declares no children is traced as a
    whole.
    """

    def __init_subclass__(cls) -> None:
        """Keep the representation without default options: a dataclass makes none then."""
        super().__init_subclass__()
        if "__repr__" not in vars(cls):
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        if not is_dataclass(self):
            return super().__repr__()
        shown = {own.name for own in fields(self) if own.repr}
        settings = described_fields(self).items()
        listed = ", ".join(f"{name}={value!r}" for name, value in settings if name in shown)
        return f"{type(self).__qualname__}({listed})"

    @property
    @abstractmethod
    def name(self) -> str:
        """The name shown in errors and summaries."""

    @property
    def observed(self) -> Layer:
        """The layer itself; of a layer that only observes another one's calls, that one."""
        return self

    @property
    def children(self) -> tuple[Layer, ...]:
        """The layers that this layer calls, in the order of their parameters; by default none."""
        return ()

    def with_children(self, children: Sequence[Layer]) -> Layer:
        """Return this layer with other children, as many as it has, in the same order.

        The new children may wrap the old ones: use only the interface of ``Layer`` on them.

        Raises:
            NumleanError: The layer declares children and does not implement this method.
        """
        if self.children:
            raise NumleanError(
                f"{type(self).__name__} declares children but not with_children; implement"
                " with_children(children) so that it returns the layer with these children"
            )
        return self

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The parameters and buffers, in the order ``__call__`` takes them.

        By default those of the children, named ``index.name``. Split them with
        ``split_parameters``.
        """
        return qualified_parameters(self.children)

    @property
    def products(self) -> tuple[str, ...]:
        """The names of the products that the layer makes by ``context.arithmetic.product``.

        The product of a weight has the name of the weight. By default there is one of each weight,
        and none in a layer with children, whose products are theirs. Numbers that a run keeps for
        each product, such as delayed scales, have these names.
        """
        if self.children:
            return ()
        return tuple(spec.name for spec in self.parameters if spec.use is Use.WEIGHT)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that enter a Scalar, without those of children; by default none.

        They are declared so that a run can warn of those that round to something harmful.
        """
        return ()

    @property
    def input_shape(self) -> Shape | None:
        """The shape of a sample without leading axes, if the layer accepts only one; else None."""
        return None

    @property
    def keeps_leading_axes(self) -> bool:
        """Whether a sample may have further leading axes, which the layer keeps."""
        return False

    @property
    def takes_indices(self) -> bool:
        """Whether inputs are integer indices instead of numbers of a Scalar."""
        return self.index_count is not None

    @property
    def index_count(self) -> int | None:
        """The number of valid indices, which start at 0; None if the layer takes no indices."""
        return None

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample's output for a sample's input shape; by default the same.

        Raises:
            ShapeError: The layer does not accept samples of this shape.
        """
        return shape

    def _repr_html_(self) -> str:
        rows = tuple((spec.name, str(spec.shape), _kind(spec)) for spec in self.parameters)
        return TextTable(("parameter", "shape", ""), rows, title=repr(self)).to_html()

    @abstractmethod
    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, *output_shape) for x of shape (batch, *shape)."""


def _kind(spec: ParameterSpec) -> str:
    return "trained" if spec.is_trainable else "buffer"


def qualified_parameters(layers: Sequence[Layer]) -> tuple[ParameterSpec, ...]:
    """Return the parameters of the children of a layer, named ``index.name``."""
    return tuple(
        replace(spec, name=f"{index}.{spec.name}")
        for index, layer in enumerate(layers)
        for spec in layer.parameters
    )


@checked
def split_parameters(
    layers: Sequence[Layer], parameters: Sequence[Tensor]
) -> Iterator[tuple[Layer, Sequence[Tensor]]]:
    """Yield each child of a layer with its own parameters.

    Raises:
        NumleanError: The parameters are not as many as the layers have.
    """
    counts = [len(layer.parameters) for layer in layers]
    if sum(counts) != len(parameters):
        raise NumleanError(
            f"the layers take {sum(counts)} parameters and buffers, got {len(parameters)}"
        )
    stops = accumulate(counts)
    for layer, count, stop in zip(layers, counts, stops, strict=True):
        yield layer, parameters[stop - count : stop]


def zeros(uniform: Uniform, shape: Shape) -> Floats:
    """Return zeros, without drawing random numbers."""
    return np.zeros(shape)


def ones(uniform: Uniform, shape: Shape) -> Floats:
    """Return ones, without drawing random numbers."""
    return np.ones(shape)


def label(layer: Layer, *settings: object) -> str:
    """Return a layer's class with its settings, and with the options that it was given."""
    given = (f"{name}={value!r}" for name, value in given_options(layer).items())
    return f"{type(layer).__name__}({', '.join([*map(str, settings), *given])})"


def wrong_shape(layer: Layer, expected: str, shape: Shape) -> ShapeError:
    """Return the error for a sample of a shape that a layer does not accept."""
    return ShapeError(f"{layer.name} takes samples of shape {expected}, not {shape}")
