"""A task: what is to be learned, apart from any arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from numlean.autograd.indices import INDEX, check_below
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.losses import Loss, Reduction, cross_entropy_one_hot, mse
from numlean.nn.layer import Clock, Context, Layer, Mode, Shape

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
        """The shapes of the parameters and buffers, in order."""
        return tuple(spec.shape for spec in self.model.parameters)

    def takes_batch(self, shape: Shape) -> bool:
        """Whether inputs of a shape are a batch, not a lone sample.

        The first axis is the batch if the model takes the others; else the whole may be a sample.

        Raises:
            ShapeError: It is neither.
        """
        if len(shape) and self._takes(shape[1:]):
            return True
        if self._takes(shape):
            return False
        try:
            self.model.output_shape(shape[1:])
        except ShapeError as error:
            raise ShapeError(f"{error}; nor is the whole, {shape}, a sample") from None
        return True

    def _takes(self, shape: Shape) -> bool:
        try:
            self.model.output_shape(shape)
        except ShapeError:
            return False
        return True

    def check_indices(self, x: Tensor, y: Tensor) -> None:
        """Refuse a batch with tokens or labels that name nothing.

        Raises:
            DataError: There is one.
        """
        count = self.model.index_count
        if count is not None and x.scalar is INDEX:
            check_below(count, x.data, "token")
        if self.loss.takes_labels and y.scalar is INDEX:
            check_below(self.model.output_shape(x.shape[1:])[-1], y.data, "label")

    def predictor(self, mode: Mode, clock: Clock | None = None) -> Predictor:
        """The model in a mode, as a function of its parameters."""
        return self.predictor_program(Context(mode, clock or Clock()))

    def predictor_program(self, context: Context) -> Predictor:
        """The model under some circumstances, as a function of its parameters."""

        def predict(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
            self.model.output_shape(x.shape[1:])  # or an error that names the layer
            return self.model(parameters, x, context)

        return predict

    def module_def(self, mode: Mode = Mode.TRAIN, clock: Clock | None = None) -> LossProgram:
        """The loss of the model in a mode, as a function of its parameters and a batch."""
        return self.loss_program(Context(mode, clock or Clock()))

    def loss_program(self, context: Context) -> LossProgram:
        """The loss under some circumstances, as a function of parameters and a batch."""
        predict = self.predictor_program(context)

        def loss(parameters: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
            return self.loss(predict(parameters, x), y)

        return loss
