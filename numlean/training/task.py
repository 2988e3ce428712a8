"""A task: a model and a loss, independent of any arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from numlean.arguments import checked
from numlean.autograd.indices import INDEX, check_below
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.losses import Loss, Reduction, cross_entropy_one_hot, mse
from numlean.nn.layer import Clock, Context, Layer, Mode, Shape

Predictor: TypeAlias = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Outputs (batch, ...) from parameters and inputs (batch, ...)."""

LossProgram: TypeAlias = Callable[[Sequence[Tensor], Tensor, Tensor], Tensor]
"""A loss of shape () from parameters, inputs and targets."""


@checked
@dataclass(frozen=True)
class Task:
    """A model and the loss to minimize.

    Attributes:
        model: The layer that predicts.
        loss: The distance of a prediction from its target.
    """

    model: Layer
    loss: Loss

    @classmethod
    def regression(cls, model: Layer, reduction: Reduction = Reduction.MEAN) -> Task:
        """Return a task whose loss is the squared error."""
        return cls(model, mse(reduction=reduction))

    @classmethod
    def classification(cls, model: Layer, reduction: Reduction = Reduction.MEAN) -> Task:
        """Return a task whose loss is the cross-entropy of logits with one-hot targets."""
        return cls(model, cross_entropy_one_hot(reduction=reduction))

    @property
    def param_shapes(self) -> tuple[Shape, ...]:
        """The shapes of the parameters and buffers, in order."""
        return tuple(spec.shape for spec in self.model.parameters)

    def takes_batch(self, shape: Shape) -> bool:
        """Return whether inputs of a shape are a batch, rather than one sample.

        The first axis is the batch axis if the model takes samples of the other axes. Otherwise all
        axes are one sample's. A layer reports a wrong shape by an exception, so call this once per
        shape, as a runner does.

        Raises:
            ShapeError: The model takes neither.
        """
        error = self._shape_error(shape[1:])
        if len(shape) and error is None:
            return True
        if self._shape_error(shape) is None:
            return False
        raise ShapeError(f"{error}; and {shape} is not the shape of one sample")

    def _shape_error(self, shape: Shape) -> ShapeError | None:
        """Return the error of a layer that does not take samples of a shape, or None."""
        try:
            self.model.output_shape(shape)
        except ShapeError as error:
            return error
        return None

    def check_indices(self, x: Tensor, y: Tensor) -> None:
        """Check that all tokens and labels of a batch are in range.

        Raises:
            DataError: One of them is not.
        """
        count = self.model.index_count
        if count is not None and x.scalar is INDEX:
            check_below(count, x.data, "token")
        if self.loss.takes_labels and y.scalar is INDEX:
            check_below(self.model.output_shape(x.shape[1:])[-1], y.data, "label")

    def predictor(self, mode: Mode, clock: Clock | None = None) -> Predictor:
        """Return the model in a mode, as a function of its parameters and inputs."""
        return self.predictor_program(Context(mode, clock or Clock()))

    def predictor_program(self, context: Context) -> Predictor:
        """Return the model in a context, as a function of its parameters and inputs."""

        def predict(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
            self.model.output_shape(x.shape[1:])  # raises an error that names the layer
            return self.model(parameters, x, context)

        return predict

    def module_def(self, mode: Mode = Mode.TRAIN, clock: Clock | None = None) -> LossProgram:
        """Return the loss of the model in a mode, as a function of its parameters and a batch."""
        return self.loss_program(Context(mode, clock or Clock()))

    def loss_program(self, context: Context) -> LossProgram:
        """Return the loss in a context, as a function of parameters and a batch."""
        predict = self.predictor_program(context)

        def loss(parameters: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
            return self.loss_of(context, predict(parameters, x), y)

        return loss

    def loss_of(self, context: Context, output: Tensor, y: Tensor) -> Tensor:
        """Return the loss of outputs, in the arithmetic of losses."""
        return self.loss(*context.arithmetic.compared(output, y))
