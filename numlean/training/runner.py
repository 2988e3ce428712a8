"""A runner: a task in one arithmetic, with its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd import Tape
from numlean.autograd.indices import INDEX
from numlean.autograd.operations import concat
from numlean.autograd.tensor import Tensor
from numlean.data import Dataset, Sample
from numlean.errors import NumleanError, ShapeError, UnavailableError
from numlean.nn.layer import Clock, Context, Mode
from numlean.rng import UniformStream
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.training.options import Options
from numlean.training.task import LossProgram, Predictor, Task
from numlean.training.update import loss_and_gradient, merge_parameters

Answers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

CastFloat: TypeAlias = Callable[[ArrayLike], Storage]

_AT_ONCE: Final = 1024
"""How many samples are evaluated in one batch."""


class Runner:
    """A task's parameters in a Scalar, and its programs in both modes.

    Born in evaluation mode. Inputs and targets are binary64, a lone sample or with a leading batch
    axis; they enter the Scalar through ``cast``. Tensors are taken as they are.

    Attributes:
        task: What is run.
        scalar: In which arithmetic.
        cast: How binary64 numbers enter it: data, initial parameters and hyperparameters.
        options: How it was instantiated.
        mode: The current mode.
        clock: Which step the run is at.
        new_tape: Makes the tape that a step's gradients come from.
    """

    def __init__(
        self,
        task: Task,
        scalar: Scalar,
        params: Sequence[Tensor],
        cast: CastFloat,
        options: Options,
    ) -> None:
        self.task = task
        self.scalar = scalar
        self.cast = cast
        self.options = options
        self.mode = Mode.EVAL
        self.clock = Clock()
        self.predictor_train = task.predictor(Mode.TRAIN, self.clock)
        self.predictor_eval = task.predictor(Mode.EVAL, self.clock)
        self.loss_train = task.module_def(Mode.TRAIN, self.clock)
        self.loss_eval = task.module_def(Mode.EVAL, self.clock)
        self.new_tape: Callable[[], Tape] = Tape
        self._params = tuple(params)
        self.keeper: Callable[[], Sequence[Tensor]] | None = None

    @property
    def params(self) -> Sequence[Tensor]:
        """The parameters and buffers, in the model's order."""
        if self.keeper is not None:
            return tuple(self.keeper())
        return self._params

    @params.setter
    def params(self, params: Sequence[Tensor]) -> None:
        self._params, self.keeper = tuple(params), None

    def set_mode(self, mode: Mode) -> None:
        """Switch to a mode."""
        self.mode = mode

    def train(self) -> None:
        """Switch to training mode."""
        self.set_mode(Mode.TRAIN)

    def eval(self) -> None:
        """Switch to evaluation mode."""
        self.set_mode(Mode.EVAL)

    @contextmanager
    def in_mode(self, mode: Mode) -> Iterator[None]:
        """In a mode for a while; then back in the one before."""
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

    def tensor(self, values: ArrayLike | Tensor) -> Tensor:
        """Binary64 values in the Scalar."""
        return values if isinstance(values, Tensor) else Tensor(self.scalar, self.cast(values))

    def batch(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """A sample's input and target as the model and the loss take them, with a batch axis."""
        x = self._entered(sample.x, self.task.model.takes_indices)
        y = self._entered(sample.y, self.task.loss.takes_labels)
        if not self.task.takes_batch(x.shape):
            x, y = x.reshape(1, *x.shape), y.reshape(1, *y.shape)
        self.task.check_indices(x, y)
        return x, y

    def _entered(self, values: ArrayLike | Tensor, as_indices: bool) -> Tensor:
        if as_indices and not isinstance(values, Tensor):
            return Tensor.of(INDEX, values)
        return self.tensor(values)

    def predict(self, x: ArrayLike | Tensor) -> Tensor:
        """The model's output for an input, in the current mode: of a batch, a batch."""
        entered = self._entered(x, self.task.model.takes_indices)
        if self.task.takes_batch(entered.shape):
            return self.predictor(self.params, entered)
        z = self.predictor(self.params, entered.reshape(1, *entered.shape))
        return z.reshape(*z.shape[1:])

    def predict_batch(self, xs: Sequence[ArrayLike | Tensor]) -> list[Tensor]:
        """The model's output for each of several inputs, one by one, in the current mode."""
        return [self.predict(x) for x in xs]

    def loss(self, sample: Sample) -> Tensor:
        """The loss of a sample or a batch in the current mode, of shape ()."""
        return self.loss_program(self.params, *self.batch(sample))

    def loss_and_gradient(self, sample: Sample) -> tuple[Tensor, list[Tensor]]:
        """The loss of a sample or a batch, and its gradient by every parameter that is no buffer.

        In the current mode; buffers stay as they are.
        """
        context = Context(self.mode, self.clock)
        return loss_and_gradient(self.task, context, self.params, *self.batch(sample))

    def refresh_buffers(self, sample: Sample) -> None:
        """Let buffers such as running statistics see a sample or a batch; only in training mode."""
        if not self.is_training:
            return
        buffer_updates: dict[str, Tensor] = {}
        context = Context(self.mode, self.clock, buffer_updates=buffer_updates)
        x, _ = self.batch(sample)
        self.task.predictor_program(context)(self.params, x)
        named = zip(self.task.model.parameters, self.params, strict=True)
        if buffer_updates:
            self.params = [buffer_updates.get(spec.name, p) for spec, p in named]

    def backward(self, sample: Sample) -> list[Tensor]:
        """The gradient of a sample's or a batch's loss by every parameter; zeros for buffers.

        Switches to training mode and refreshes buffers.
        """
        self.train()
        self.refresh_buffers(sample)
        gradients = self.loss_and_gradient(sample)[1]
        is_trainable = [spec.is_trainable for spec in self.task.model.parameters]
        zeros = [self.tensor(np.zeros(p.shape)) for p in self.params]
        return merge_parameters(is_trainable, gradients, zeros)

    def mean_loss(self, samples: Dataset | Sequence[Sample]) -> Tensor:
        """The samples' own losses, summed in order from +0 and divided by their number.

        Without samples, +0. In the current mode. Of a list, samples are evaluated one by one, and a
        stacked batch counts as one. A dataset is evaluated in batches, in training mode as one;
        the bits are the same unless a model mixes a batch's samples, as batch norm does there.
        """
        if isinstance(samples, Dataset):
            return self._mean_of_own_losses(samples)
        return mean_of([self.loss(sample) for sample in samples]) if samples else self.tensor(0.0)

    def _mean_of_own_losses(self, dataset: Dataset) -> Tensor:
        if dataset.size == 0:
            return self.tensor(0.0)
        batches = [self.batch(batch) for batch in self._batches(dataset)]
        predict, own = self.predictor, self.task.loss.per_sample
        return concat([own(predict(self.params, x), y) for x, y in batches], 0).mean()

    def _batches(self, samples: Dataset | Sequence[Sample]) -> Sequence[Sample]:
        """What is evaluated at once, of a size that memory holds."""
        if not isinstance(samples, Dataset):
            return samples
        return samples.minibatches(max(samples.size, 1) if self.is_training else _AT_ONCE)

    def predict_class(
        self, x: ArrayLike | Tensor
    ) -> int | np.ndarray[tuple[int, ...], np.dtype[np.intp]] | None:
        """The index of the greatest output, the first of equals; None if one is a NaN.

        Of a batch, an array of each sample's, -1 where there is none. The classes are the outputs'
        last axis.
        """
        classes = argmax(self.predict(x))
        if classes.ndim:
            return classes
        return None if classes < 0 else int(classes)

    def accuracy(self, samples: Dataset | Sequence[Sample]) -> tuple[int, int]:
        """How many predicted classes are their targets', one-hot or labels, and of how many.

        Which of the two targets are, the task's loss says. Where a sample has several labels, each
        counts.
        """
        if not self.task.loss.takes_labels:
            return self.accuracy_one_hot(samples)
        return self._counted(samples, lambda predicted, y: argmax(predicted) == y.data)

    def accuracy_one_hot(self, samples: Dataset | Sequence[Sample]) -> tuple[int, int]:
        """How many predicted classes are their targets', and of how many.

        Each sample of a stacked batch counts; so does each place of a sample that has several.

        Raises:
            ShapeError: Targets are not one-hot over the predictions' last axis.
        """
        return self._counted(samples, _right_one_hot)

    def _counted(
        self, samples: Dataset | Sequence[Sample], right: Callable[[Tensor, Tensor], Answers]
    ) -> tuple[int, int]:
        """How many answers are right, and of how many, told from predictions and targets."""
        batches = (self.batch(sample) for sample in self._batches(samples))
        answers = [right(self.predictor(self.params, x), y) for x, y in batches]
        return sum(int(each.sum()) for each in answers), sum(each.size for each in answers)


def _right_one_hot(prediction: Tensor, target: Tensor) -> Answers:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"one-hot targets have the predictions' shape, {prediction.shape}, not {target.shape}"
        )
    predicted = argmax(prediction)
    right: Answers = (predicted == argmax(target)) & (predicted >= 0)
    return right


def argmax(x: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """The index of the greatest number of the last axis, the first of equals; -1 if one is a NaN.

    Of shape (...) for x of shape (..., classes).

    Raises:
        ShapeError: x is a single number.
    """
    if x.ndim == 0:
        raise ShapeError("classes are the last axis of an output; a single number has none")
    defined = x.scalar.eq(x.data, x.data).all(axis=-1)
    return np.where(defined, x.scalar.argmax(x.data), -1)


def mean_of(losses: Sequence[Tensor]) -> Tensor:
    """At least one loss of shape (), summed in order from +0 and divided by their number."""
    return concat([loss.reshape(1) for loss in losses], 0).mean()


def initial_parameters(task: Task, seed: int) -> list[np.ndarray[tuple[int, ...], np.dtype]]:
    """The parameters' initial values as binary64, the same for every Scalar.

    One stream of uniform numbers, named by the seed, is drawn from in the parameters' order.
    """
    uniform = UniformStream(seed)
    return [spec.initial(uniform, spec.shape) for spec in task.model.parameters]


def instantiate(
    task: Task,
    scalar: Scalar | str,
    options: Options | None = None,
    *,
    cast: CastFloat | None = None,
) -> Runner:
    """A runner for a task in an arithmetic, its parameters drawn.

    Args:
        task: What to run.
        scalar: In which arithmetic; a dtype's name stands for its Scalar on the options' device.
        options: How; by default eagerly, with seed 0.
        cast: How binary64 numbers enter the Scalar; by default with one rounding.

    Raises:
        NumleanError: There is no such dtype, or not with these options.
    """
    options = options or Options()
    scalar = resolve_scalar(scalar, options).with_reset_stream()
    cast = cast or scalar.from_float
    params = [Tensor(scalar, cast(values)) for values in initial_parameters(task, options.seed)]
    return Runner(task, scalar, params, cast, options)


def resolve_scalar(scalar: Scalar | str, options: Options) -> Scalar:
    """The Scalar itself, or that of a dtype on the options' device.

    Raises:
        NumleanError: There is none, or it is not as the options want it.
    """
    if isinstance(scalar, str):
        return get_scalar(scalar, options.device, fast_kernels=options.fast_kernels)
    if options.device not in (None, scalar.device):
        raise NumleanError(
            f"{scalar.name} is on {scalar.device}, the options want {options.device}: give"
            " the dtype's name, or no device"
        )
    if not options.fast_kernels:
        return scalar
    fast = get_scalar(scalar.name, scalar.device, fast_kernels=True)
    if fast != scalar:
        raise UnavailableError(f"a {type(scalar).__name__} has no fast kernels")
    return fast
