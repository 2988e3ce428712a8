"""What a layer is: shapes, initial values and a function, but no state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

import numpy as np

from numlean.tensor import Tensor

Shape: TypeAlias = tuple[int, ...]
Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Uniform: TypeAlias = Callable[[Shape], Floats]
"""Draws independent uniform binary64 numbers in [0, 1) of a given shape."""


class Mode(Enum):
    """How a model is run: some layers do otherwise in training."""

    TRAIN = "train"
    EVAL = "eval"


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter of a layer.

    Attributes:
        name: Its name within the layer.
        shape: Its shape.
        initial: Draws its initial values as binary64, in + - * / and sqrt only.
    """

    name: str
    shape: Shape
    initial: Callable[[Uniform, Shape], Floats]


class Layer(Protocol):
    """A function of parameters and an input whose first axis is the batch."""

    @property
    def name(self) -> str:
        """The name shown in errors and summaries."""

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The parameters, in the order ``__call__`` takes them."""

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of a sample's output, given a sample's input shape.

        Raises:
            ShapeError: The layer does not take such a sample.
        """

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, mode: Mode) -> Tensor:
        """The outputs, of shape (batch, *output_shape), for x of shape (batch, *shape)."""
