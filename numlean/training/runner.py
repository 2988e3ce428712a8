"""A runner: a task in one arithmetic, with its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.autograd import Tape
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Sample
from numlean.errors import MixedScalarError, NumleanError, ShapeError
from numlean.nn.layer import Clock, Context, Mode, Shape
from numlean.precision.policy import Policy
from numlean.scalar.contract import reset_stream
from numlean.scalar.entering import entering
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar, Storage
from numlean.training import evaluation
from numlean.training.evaluation import Classes, Data
from numlean.training.initial_values import InitialValues, Value, starting_values, to_scalar
from numlean.training.memory import check_run_memory
from numlean.training.options import Options, resolve_part, resolve_scalar
from numlean.training.parameters import ParameterStore, initial_parameters, merge_parameters
from numlean.training.policy_files import check_not_policy
from numlean.training.precision import RunPrecision, Wrap, checked_wrapper
from numlean.training.reported_loss import ReportedLoss
from numlean.training.task import LossProgram, Predictor, Task
from numlean.training.update import loss_and_gradient

CastFloat: TypeAlias = Callable[[ArrayLike], Storage]
"""Converts binary64 numbers to the Scalar's storage."""


@checked
class Runner:
    """A task in one arithmetic: its parameters, and its programs in both modes.

    A new runner is in evaluation mode. Inputs and targets are binary64 arrays, which ``cast``
    converts, or tensors, which are taken as they are. A :class:`Batch` has a leading batch axis.
    A :class:`Sample` may have one: its first axis is the batch if the model takes samples of the
    shape without it. The runner decides that once per shape.

    Attributes:
        task: The model and the loss.
        scalar: The arithmetic; in a run by a policy, that of inputs, targets and losses.
        store: The parameters and buffers; the engine that updates them holds the same store.
        cast: Converts binary64 numbers to the Scalar: data, initial parameters, hyperparameters.
        options: The options of the instantiation.
        mode: The current mode.
        clock: The number of the current step.
        new_tape: Makes the tape that records a step for its gradients.
        precision: The arithmetics of all roles.
        keeps_outputs: Whether steps keep the model's outputs; set it before the first step.
    """

    def __init__(
        self,
        task: Task,
        scalar: Scalar,
        store: ParameterStore,
        cast: CastFloat,
        options: Options,
        clock: Clock | None = None,
        precision: RunPrecision | None = None,
    ) -> None:
        self.task = task
        self.scalar = scalar
        self.store = store
        self.cast = cast
        self.options = options
        self.mode = Mode.EVAL
        self.clock = clock or Clock()
        self.precision = precision or RunPrecision.uniform(scalar)
        self.predictor_train = self._predictor(Mode.TRAIN)
        self.predictor_eval = self._predictor(Mode.EVAL)
        self.loss_train = self._loss_program(Mode.TRAIN)
        self.loss_eval = self._loss_program(Mode.EVAL)
        self.new_tape: Callable[[], Tape] = Tape
        self.keeps_outputs = False
        self._is_batch_shape: dict[Shape, bool] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        cast = None if self.cast == entering(self.scalar) else self.cast
        parts = (self.task, self.scalar, self.options, cast, list(self.params))
        return restore_runner, (*parts, self.mode, self.clock, self.precision)

    def __repr__(self) -> str:
        return (
            f"Runner({self.task}, {self.scalar.name} on {self.scalar.device},"
            f" {self.options.backend}, {self.mode.value} mode, step {self.clock.step})"
        )

    @property
    def params(self) -> Sequence[Tensor]:
        """The parameters and buffers, in the model's order; then the numbers of delayed scales.

        Tensors are immutable: later steps do not change tensors that were read earlier. Assign a
        sequence of tensors to replace all parameters and buffers.
        """
        return self.store.values

    @params.setter
    def params(self, params: Sequence[Tensor]) -> None:
        self.store.assign(params)

    @property
    def model_params(self) -> tuple[Tensor, ...]:
        """The parameters and buffers, without the numbers of delayed scales."""
        return tuple(self.params[: len(self.params) - self.precision.scale_count])

    @property
    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """The parameters and buffers with their names, as ``params``."""
        return [(spec.name, p) for spec, p in zip(self.store.specs, self.params, strict=True)]

    def set_mode(self, mode: Mode) -> None:
        """Switch to a mode."""
        self.mode = mode

    def train(self) -> None:
        """Switch to training mode."""
        self.set_mode(Mode.TRAIN)

    def eval(self) -> None:
        """Switch to evaluation mode."""
        self.set_mode(Mode.EVAL)

    def twin(self, task: Task, wrap: Wrap, options: Options) -> Runner:
        """Return a runner of a task of the same parameters and bits, whose Scalars are wrapped.

        Args:
            task: The task, such as the runner's own with instrumented layers.
            wrap: Returns the wrapper of a Scalar.
            options: The options of the twin.
        """
        precision = self.precision.wrapped(wrap, task)
        own = precision.scalars.data
        cast = entering(own) if self.cast == entering(self.scalar) else self.cast
        params = [precision.adopted(p) for p in self.params]
        store = _store(task, precision, params)
        return Runner(task, own, store, cast, options, precision=precision)

    @contextmanager
    def in_mode(self, mode: Mode) -> Iterator[None]:
        """Switch to a mode inside a ``with`` block, and back to the previous mode after it."""
        before = self.mode
        self.set_mode(mode)
        try:
            yield
        finally:
            self.set_mode(before)

    @property
    def is_training(self) -> bool:
        """Whether the mode is training."""
        return self.mode is Mode.TRAIN

    @property
    def predictor(self) -> Predictor:
        """The model in the current mode."""
        return self.predictor_train if self.is_training else self.predictor_eval

    @property
    def loss_program(self) -> LossProgram:
        """The loss in the current mode."""
        return self.loss_train if self.is_training else self.loss_eval

    def _context(
        self,
        mode: Mode,
        params: Sequence[Tensor],
        buffer_updates: dict[str, Tensor] | None = None,
    ) -> Context:
        arithmetics = self.precision.arithmetics(params)
        return Context(mode, self.clock, buffer_updates=buffer_updates, arithmetics=arithmetics)

    def _predictor(self, mode: Mode) -> Predictor:
        def predict(params: Sequence[Tensor], x: Tensor) -> Tensor:
            program = self.task.predictor_program(self._context(mode, params))
            return program(self._copies(params), x)

        return predict

    def _loss_program(self, mode: Mode) -> LossProgram:
        def loss(params: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
            program = self.task.loss_program(self._context(mode, params))
            return program(self._copies(params), x, y)

        return loss

    def _copies(self, params: Sequence[Tensor]) -> Sequence[Tensor]:
        specs = self.store.specs
        count = len(specs) - self.precision.scale_count
        return self.precision.copies(specs[:count], params[:count])

    def hyperparameter(self, value: float) -> Tensor:
        """Return a binary64 number in the Scalar in which the optimizer computes."""
        if self.precision.policy is None:
            return self.tensor(value)
        return Tensor.of(self.precision.scalars.update, value)

    def tensor(self, values: ArrayLike | Tensor) -> Tensor:
        """Return binary64 values as a tensor of the Scalar; return a tensor as it is."""
        return values if isinstance(values, Tensor) else Tensor(self.scalar, self.cast(values))

    def batch(self, sample: Sample | Batch) -> tuple[Tensor, Tensor]:
        """Return inputs and targets as the model and the loss take them, with a batch axis.

        Raises:
            ShapeError: The model does not take inputs of this shape, or there is no sample.
            MixedScalarError: A tensor belongs to another Scalar.
            DataError: A token or a label is out of range.
        """
        x = self._as_operand(sample.x, self.task.model.takes_indices)
        loss = self.task.loss
        y = self._as_operand(loss.read_labels(sample.y) if loss.takes_labels else sample.y, False)
        if isinstance(sample, Batch):
            _check_batch_axis(x)
        elif not self._has_batch_axis(x.shape):
            x, y = x.reshape(1, *x.shape), y.reshape(1, *y.shape)
        _check_not_empty(x)
        self.task.check_indices(x, y)
        return x, y

    def _has_batch_axis(self, shape: Shape) -> bool:
        """Return whether inputs of this shape are a batch; ask the model once per shape."""
        if shape not in self._is_batch_shape:
            self._is_batch_shape[shape] = self.task.takes_batch(shape)
        return self._is_batch_shape[shape]

    def _as_operand(self, values: ArrayLike | Tensor, as_indices: bool) -> Tensor:
        if not isinstance(values, Tensor):
            return Tensor.of(INDEX, values) if as_indices else self.tensor(values)
        if values.scalar is INDEX:
            return values
        if values.scalar != self.scalar:
            raise MixedScalarError(
                "the Scalars of the run and of the tensor differ:"
                f" {name_both(self.scalar, values.scalar)}"
            )
        return values.in_scalar(self.scalar)

    def predict(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the model's output in the current mode; for a batch of inputs, a batch."""
        operand = self._as_operand(x, self.task.model.takes_indices)
        if self._has_batch_axis(operand.shape):
            return self.predictor(self.params, operand)
        z = self.predictor(self.params, operand.reshape(1, *operand.shape))
        return z.reshape(*z.shape[1:])

    def predict_batch(self, xs: Sequence[ArrayLike | Tensor]) -> list[Tensor]:
        """Return the model's output for each of several inputs, one by one, in the current mode."""
        return [self.predict(x) for x in xs]

    def loss(self, sample: Sample | Batch) -> Tensor:
        """Return the loss of a sample or a batch in the current mode, of shape ()."""
        return self.loss_program(self.params, *self.batch(sample))

    def loss_and_gradient(self, sample: Sample | Batch) -> tuple[Tensor, list[Tensor]]:
        """Return the loss of a sample or a batch, and its gradient by every trainable parameter.

        Use the current mode, and leave the buffers as they are.
        """
        x, y = self.batch(sample)
        context = self._context(self.mode, self.params)
        return loss_and_gradient(self.task, context, self.params, x, y, self.precision)

    def refresh_buffers(self, sample: Sample | Batch) -> None:
        """Update buffers such as running statistics from a sample or a batch.

        Only steps change delayed scales. Do nothing outside training mode.
        """
        if not self.is_training:
            return
        buffer_updates: dict[str, Tensor] = {}
        context = self._context(self.mode, self.params, buffer_updates)
        x, _ = self.batch(sample)
        self.task.predictor_program(context)(self._copies(self.params), x)
        if buffer_updates:
            self.params = [buffer_updates.get(name, p) for name, p in self.named_parameters]

    def backward(self, sample: Sample | Batch) -> list[Tensor]:
        """Return the gradient of the loss by every parameter; zeros for buffers.

        Switch to training mode and refresh the buffers first.
        """
        self.train()
        self.refresh_buffers(sample)
        gradients = self.loss_and_gradient(sample)[1]
        is_trainable = [spec.is_trainable for spec in self.store.specs]
        zeros = [Tensor.of(p.scalar, np.zeros(p.shape)) for p in self.params]
        return merge_parameters(is_trainable, gradients, zeros)

    def mean_loss(self, samples: Data) -> Tensor:
        """Return the samples' own losses, summed in order from +0 and divided by their number.

        Without samples, return +0. Use the current mode. The samples of a list are evaluated one by
        one, and a batch in a list counts as one sample. A dataset is evaluated in batches, in
        training mode as one batch; the bits are the same unless the model mixes the samples of a
        batch, as batch norm does in training mode.
        """
        return evaluation.mean_loss(self, samples)

    def reported_loss(self, samples: Data) -> ReportedLoss:
        """Return the exact mean of the samples' exact losses, rounded once to binary64.

        Without samples, return 0. It is the same measure in every arithmetic: the loss's formula
        over the real numbers, of the predictions and targets as exact numbers; see
        :mod:`numlean.losses.exact_mean`. Mode and batches are those of ``mean_loss``, whose value
        is its attribute ``in_format``.
        """
        return evaluation.reported_loss(self, samples)

    def predict_class(self, x: ArrayLike | Tensor) -> int | Classes | None:
        """Return the index of the greatest output, the first of equals; None if one is a NaN.

        For a batch, return an array with the index of each sample, -1 in place of None. The classes
        are the last axis of the outputs.
        """
        return evaluation.predict_class(self, x)

    def accuracy(self, samples: Data) -> tuple[int, int]:
        """Return the number of correct class predictions, and of all predictions.

        Targets are labels if the task's loss takes labels, otherwise one-hot. If a sample has
        several labels, each counts.
        """
        return evaluation.accuracy(self, samples)

    def accuracy_one_hot(self, samples: Data) -> tuple[int, int]:
        """Return the number of correct class predictions, and of all, for one-hot targets.

        Each sample of a batch counts, and so does each position of a sample that has several.

        Raises:
            ShapeError: Targets are not one-hot over the predictions' last axis.
        """
        return evaluation.accuracy_one_hot(self, samples)


def _check_batch_axis(x: Tensor) -> None:
    if x.ndim == 0:
        raise ShapeError("a Batch needs a leading batch axis, got a single number as its inputs")


def _check_not_empty(x: Tensor) -> None:
    if x.shape[0] == 0:
        raise ShapeError(
            f"a loss needs at least one sample, got inputs of shape {x.shape} without samples"
        )


@checked
def instantiate(
    task: Task,
    scalar: Scalar | Policy | str,
    options: Options | None = None,
    *,
    cast: CastFloat | None = None,
    initial: InitialValues | None = None,
    wrap: Wrap | None = None,
) -> Runner:
    """Return a runner for a task in an arithmetic, with its initial parameters.

    Args:
        task: The model and the loss.
        scalar: The arithmetic, or a policy of several; a dtype's name selects its Scalar on the
            options' device.
        options: The options; by default the eager engine and seed 0.
        cast: Converts binary64 numbers to the Scalar; by default with one rounding.
        initial: The initial parameters: another runner, values by name, such as a ``state_dict`` of
            PyTorch, or values in the model's order. Each is rounded once. By default, and for
            buffers without a value, they are drawn with the options' seed.
        wrap: Called once with each Scalar of the run; the run computes in the Scalars that it
            returns, which must compute numbers of the same format.

    Raises:
        NumleanError: The dtype is unknown, or does not fit the options; or initial values do not
            match the model; or this machine has too little memory.
    """
    options = options or Options()
    precision = _precision(task, scalar, options, wrap)
    own = precision.scalars.data
    if cast is not None and precision.policy is not None:
        raise NumleanError("a run by a policy rounds each number once, and takes no other cast")
    cast = cast or entering(own)
    check_run_memory(task, precision.scalars.parameters)
    specs, scalars = precision.specs(task.model), precision.parameter_scalars(task.model)
    drawn: list[Value] = [*initial_parameters(task, options.seed), *precision.delayed.initial]
    tensors = [
        to_scalar(each, cast if each is own else entering(each), value)
        for each, value in zip(scalars, starting_values(specs, initial, drawn), strict=True)
    ]
    store = _store(task, precision, tensors)
    return Runner(task, own, store, cast, options, precision=precision)


def _store(task: Task, precision: RunPrecision, params: Sequence[Tensor]) -> ParameterStore:
    """Return the store of a run's numbers."""
    model = task.model
    return ParameterStore(precision.parameter_scalars(model), precision.specs(model), params)


def _precision(
    task: Task, scalar: Scalar | Policy | str, options: Options, wrap: Wrap | None
) -> RunPrecision:
    """Return the arithmetics of a run; each starts its random numbers anew."""

    def own(scalar: Scalar) -> Scalar:
        fresh = reset_stream(scalar)
        return fresh if wrap is None else checked_wrapper(fresh, wrap(fresh))

    if isinstance(scalar, Policy) and not scalar.is_uniform:
        return RunPrecision.of(scalar, task, lambda dtype: own(resolve_part(dtype, options)))
    dtype = scalar.parameters if isinstance(scalar, Policy) else scalar
    if isinstance(dtype, str):
        check_not_policy(dtype)
    return RunPrecision.uniform(own(resolve_scalar(dtype, options)))


def restore_runner(
    task: Task,
    scalar: Scalar,
    options: Options,
    cast: CastFloat | None,
    params: Sequence[Tensor],
    mode: Mode,
    clock: Clock,
    precision: RunPrecision,
) -> Runner:
    """Return the runner that ``pickle`` kept: its task, parameters, mode and step."""
    store = _store(task, precision, params)
    runner = Runner(task, scalar, store, cast or entering(scalar), options, clock, precision)
    runner.set_mode(mode)
    return runner
