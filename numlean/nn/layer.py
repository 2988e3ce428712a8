"""What a layer is: shapes, initial values and a function, but no state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.rng import UniformStream

Shape: TypeAlias = tuple[int, ...]
Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Uniform: TypeAlias = Callable[[Shape], Floats]
"""Draws independent uniform binary64 numbers in [0, 1) of a given shape."""


class Mode(Enum):
    """How a model is run: some layers do otherwise in training."""

    TRAIN = "train"
    EVAL = "eval"


@dataclass
class Clock:
    """Which step a run is at, counted from 0.

    Attributes:
        step: The step.
    """

    step: int = 0


@dataclass(frozen=True)
class Context:
    """The circumstances under which a layer is run.

    Attributes:
        mode: Whether it is for training.
        clock: The run's; what is drawn at random is drawn anew at each step.
        path: The layer's place in the model: its index, that of the layer within it, and so on.
        refreshed: Where new values of buffers are put by their full names; None drops them.
    """

    mode: Mode
    clock: Clock = field(default_factory=Clock)
    path: tuple[int, ...] = ()
    buffer_updates: dict[str, Tensor] | None = None

    @property
    def is_training(self) -> bool:
        """Whether the mode is training."""
        return self.mode is Mode.TRAIN

    def at(self, index: int) -> Context:
        """The circumstances of the layer of that index within this one."""
        return replace(self, path=(*self.path, index))

    def update_buffer(self, name: str, value: Tensor) -> None:
        """Give one of the layer's buffers, by its own name, the value it has from now on."""
        if self.buffer_updates is not None:
            self.buffer_updates[".".join((*map(str, self.path), name))] = value.detach()

    def uniform(self, seed: int, shape: Shape) -> Callable[[], Floats]:
        """Draws uniform numbers in [0, 1): the same ones for a seed, a step and a place."""
        return lambda: UniformStream(seed, self.clock.step, *self.path)(shape)


EVALUATION = Context(Mode.EVAL)
"""The circumstances of a single layer out of training."""


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter of a layer, or a buffer: an entry that no gradient changes.

    Attributes:
        name: Its name within the layer.
        shape: Its shape.
        initial: Draws its initial values as binary64, in + - * / and sqrt only.
        is_trainable: Whether it is a parameter; a buffer is set by ``Context.refresh``, or never.
    """

    name: str
    shape: Shape
    initial: Callable[[Uniform, Shape], Floats]
    is_trainable: bool = True


class Layer(ABC):
    """A function of parameters and an input whose first axis is the batch.

    If you write one: make it a frozen dataclass that says what it is, never what it has learnt.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name shown in errors and summaries."""

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The parameters and buffers, in the order ``__call__`` takes them."""
        return ()

    @property
    def input_shape(self) -> Shape | None:
        """The shape of a sample, if the layer takes only one, apart from axes it leaves alone."""
        return None

    @property
    def keeps_leading_axes(self) -> bool:
        """Whether a sample may have further axes in front, which stay as they are."""
        return False

    @property
    def takes_indices(self) -> bool:
        """Whether inputs are whole numbers that name things, not numbers of a Scalar."""
        return self.index_count is not None

    @property
    def index_count(self) -> int | None:
        """How many things indices name, from 0 on; None if the layer takes none."""
        return None

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of a sample's output, given a sample's input shape; by default the same.

        Raises:
            ShapeError: The layer does not take such a sample.
        """
        return shape

    @abstractmethod
    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """The outputs, of shape (batch, *output_shape), for x of shape (batch, *shape)."""


def zeros(uniform: Uniform, shape: Shape) -> Floats:
    """Zeros; nothing is drawn."""
    return np.zeros(shape)


def ones(uniform: Uniform, shape: Shape) -> Floats:
    """Ones; nothing is drawn."""
    return np.ones(shape)


def wrong_shape(layer: Layer, expected: str, shape: Shape) -> ShapeError:
    """The error of a layer that is given a sample of another shape."""
    return ShapeError(f"{layer.name} takes samples of shape {expected}, not {shape}")
