"""A runner: a task in one arithmetic, with its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.data import Dataset, Sample
from numlean.errors import ShapeError, UnknownNameError
from numlean.execution.engine import BACKENDS
from numlean.execution.update import loss_and_gradient, merged
from numlean.indices import INDICES
from numlean.nn.layer import Clock, Context, Mode
from numlean.runtime.task import LossProgram, Predictor, Task
from numlean.scalar import Scalar, Storage
from numlean.streams import UniformStream
from numlean.tensor import Tensor

CastFloat: TypeAlias = Callable[[ArrayLike], Storage]


@dataclass(frozen=True)
class Options:
    """How a task is instantiated.

    Attributes:
        backend: How a step is executed: eager, operation by operation on a tape; or compiled,
            planned at the first step and replayed.
        seed: Names the initial parameters.
    """

    backend: str = "eager"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise UnknownNameError("backend", self.backend, BACKENDS)


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
        if self.task.takes_batch(x.shape):
            return x, y
        return x.reshape(1, *x.shape), y.reshape(1, *y.shape)

    def _entered(self, values: ArrayLike | Tensor, as_indices: bool) -> Tensor:
        if as_indices and not isinstance(values, Tensor):
            return Tensor.of(INDICES, values)
        return self.tensor(values)

    def predict(self, x: ArrayLike) -> Tensor:
        """The model's output for an input, in the current mode: of a batch, a batch."""
        entered = self._entered(x, self.task.model.takes_indices)
        if self.task.takes_batch(entered.shape):
            return self.predictor(self.params, entered)
        z = self.predictor(self.params, entered.reshape(1, *entered.shape))
        return z.reshape(*z.shape[1:])

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
        refreshed: dict[str, Tensor] = {}
        context = Context(self.mode, self.clock, refreshed=refreshed)
        x, _ = self.batch(sample)
        self.task.predictor_in(context)(self.params, x)
        named = zip(self.task.model.parameters, self.params, strict=True)
        if refreshed:
            self.params = [refreshed.get(spec.name, p) for spec, p in named]

    def backward(self, sample: Sample) -> list[Tensor]:
        """The gradient of a sample's or a batch's loss by every parameter; zeros for buffers.

        Switches to training mode and refreshes buffers.
        """
        self.train()
        self.refresh_buffers(sample)
        gradients = self.loss_and_gradient(sample)[1]
        is_trainable = [spec.is_trainable for spec in self.task.model.parameters]
        zeros = [self.tensor(np.zeros(p.shape)) for p in self.params]
        return merged(is_trainable, gradients, zeros)

    def mean_loss(self, dataset: Dataset) -> Tensor:
        """The samples' own losses, summed in order from +0 and divided by their number.

        Of an empty dataset, +0. In the current mode.
        """
        if dataset.size == 0:
            return self.tensor(0.0)
        prediction = self.predict(dataset.x)
        target = self._entered(dataset.y, self.task.loss.takes_labels)
        return self.task.loss.per_sample(prediction, target).mean()

    def predict_class(self, x: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """The index of each sample's greatest output, the first of equals; -1 if one is a NaN."""
        return first_maximum(self.predict(x))

    def accuracy_one_hot(self, dataset: Dataset) -> tuple[int, int]:
        """How many samples' predicted class is their target's, and of how many."""
        if dataset.size == 0:
            return 0, 0
        prediction = self.predict(dataset.x)
        if prediction.shape != dataset.y.shape:
            raise ShapeError(
                f"one-hot targets have the predictions' shape, {prediction.shape}, not"
                f" {dataset.y.shape}"
            )
        correct = first_maximum(prediction) == np.argmax(dataset.y, axis=1)
        return int(correct.sum()), dataset.size


def first_maximum(x: Tensor) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The index of each row's greatest number, the first of equals; -1 where one is a NaN."""
    scalar, columns = x.scalar, x.data.T
    best, index = columns[0], np.zeros(x.shape[0], np.intp)
    defined = scalar.eq(best, best)
    for k, column in enumerate(columns[1:], start=1):
        greater = scalar.lt(best, column)
        best, index = np.where(greater, column, best), np.where(greater, k, index)
        defined &= scalar.eq(column, column)
    return np.where(defined, index, -1)


def initial_parameters(task: Task, seed: int) -> list[np.ndarray[tuple[int, ...], np.dtype]]:
    """The parameters' initial values as binary64, the same for every Scalar.

    One stream of uniform numbers, named by the seed, is drawn from in the parameters' order.
    """
    uniform = UniformStream(seed)
    return [spec.initial(uniform, spec.shape) for spec in task.model.parameters]


def instantiate(
    task: Task, scalar: Scalar, options: Options | None = None, *, cast: CastFloat | None = None
) -> Runner:
    """A runner for a task in an arithmetic, its parameters drawn.

    Args:
        task: What to run.
        scalar: In which arithmetic.
        options: How; by default eagerly, with seed 0.
        cast: How binary64 numbers enter the Scalar; by default with one rounding.
    """
    options, scalar = options or Options(), scalar.renewed()
    cast = cast or scalar.from_float
    params = [Tensor(scalar, cast(values)) for values in initial_parameters(task, options.seed)]
    return Runner(task, scalar, params, cast, options)
