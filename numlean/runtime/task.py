"""A task: what is to be learned, apart from any arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from numlean.losses import Loss, Reduction, cross_entropy_one_hot, mse
from numlean.nn.layer import Layer, Mode, Shape
from numlean.tensor import Tensor

Predictor: TypeAlias = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Outputs (batch, ...) from parameters and inputs (batch, ...)."""

LossProgram: TypeAlias = Callable[[Sequence[Tensor], Tensor, Tensor], Tensor]
"""A loss of shape () from parameters, inputs and targets."""


@dataclass(frozen=True)
class Task:
    """A model and the loss it is to make small.

    Attributes:
        model: The layer that predicts.
        loss: How far a prediction is from its target.
    """

    model: Layer
    loss: Loss

    @classmethod
    def regression(cls, model: Layer, reduction: Reduction = Reduction.MEAN) -> Task:
        """A task whose loss is the squared error."""
        return cls(model, mse(reduction=reduction))

    @classmethod
    def classification(cls, model: Layer, reduction: Reduction = Reduction.MEAN) -> Task:
        """A task whose loss is the cross-entropy of logits with one-hot targets."""
        return cls(model, cross_entropy_one_hot(reduction=reduction))

    @property
    def param_shapes(self) -> tuple[Shape, ...]:
        """The shapes of the parameters, in order."""
        return tuple(spec.shape for spec in self.model.parameters)

    def predictor(self, mode: Mode) -> Predictor:
        """The model in a mode, as a function of its parameters."""

        def predict(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
            self.model.output_shape(x.shape[1:])  # or an error that names the layer
            return self.model(parameters, x, mode)

        return predict

    def module_def(self, mode: Mode = Mode.TRAIN) -> LossProgram:
        """The loss of the model in a mode, as a function of its parameters and a batch."""
        predict = self.predictor(mode)

        def loss(parameters: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
            return self.loss(predict(parameters, x), y)

        return loss
