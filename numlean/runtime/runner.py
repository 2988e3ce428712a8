"""A runner: a task in one arithmetic, with its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd import value_and_gradient
from numlean.data import Dataset, Sample
from numlean.errors import ShapeError, UnknownNameError
from numlean.nn.layer import Mode
from numlean.runtime.task import LossProgram, Predictor, Task
from numlean.scalar import Scalar, Storage
from numlean.streams import UniformStream
from numlean.tensor import Tensor

CastFloat: TypeAlias = Callable[[ArrayLike], Storage]

BACKENDS = ("eager",)
"""How a step may be executed."""


@dataclass(frozen=True)
class Options:
    """How a task is instantiated.

    Attributes:
        backend: How a step is executed: eager, operation by operation on a tape.
        seed: Names the initial parameters.
    """

    backend: str = "eager"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise UnknownNameError("backend", self.backend, BACKENDS)


class Runner:
    """A task's parameters in a Scalar, and its programs in both modes.

    Born in evaluation mode. Inputs and targets are binary64 with a leading batch axis; they enter
    the Scalar through ``cast``.

    Attributes:
        task: What is run.
        scalar: In which arithmetic.
        cast: How binary64 numbers enter it: data, initial parameters and hyperparameters.
        params: The parameters, in the model's order.
        mode: The current mode.
    """

    def __init__(self, task: Task, scalar: Scalar, params: list[Tensor], cast: CastFloat) -> None:
        self.task = task
        self.scalar = scalar
        self.cast = cast
        self.params = params
        self.mode = Mode.EVAL
        self.predictor_train = task.predictor(Mode.TRAIN)
        self.predictor_eval = task.predictor(Mode.EVAL)
        self.loss_train = task.module_def(Mode.TRAIN)
        self.loss_eval = task.module_def(Mode.EVAL)

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

    def tensor(self, values: ArrayLike) -> Tensor:
        """Binary64 values in the Scalar."""
        return Tensor(self.scalar, self.cast(values))

    def predict(self, x: ArrayLike) -> Tensor:
        """The model's outputs (batch, ...) for inputs (batch, ...), in the current mode."""
        return self.predictor(self.params, self.tensor(x))

    def loss(self, sample: Sample) -> Tensor:
        """The loss of a batch in the current mode, of shape ()."""
        return self.loss_program(self.params, self.tensor(sample.x), self.tensor(sample.y))

    def loss_and_gradient(self, sample: Sample) -> tuple[Tensor, list[Tensor]]:
        """The loss of a batch and its gradient by every parameter, in the current mode."""
        x, y = self.tensor(sample.x), self.tensor(sample.y)
        return value_and_gradient(lambda params: self.loss_program(params, x, y), self.params)

    def backward(self, sample: Sample) -> list[Tensor]:
        """The gradient of a batch's loss by every parameter; switches to training mode."""
        self.train()
        return self.loss_and_gradient(sample)[1]

    def mean_loss(self, dataset: Dataset) -> Tensor:
        """The samples' own losses, summed in order from +0 and divided by their number.

        Of an empty dataset, +0. In the current mode.
        """
        if dataset.size == 0:
            return self.tensor(0.0)
        prediction = self.predict(dataset.x)
        return self.task.loss.per_sample(prediction, self.tensor(dataset.y)).mean()

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
    return Runner(task, scalar, params, cast)
