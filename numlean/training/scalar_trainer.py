"""The lowest level of training: a program that returns one number, and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.data import Sample
from numlean.errors import NumleanError
from numlean.nn.layer import Clock, Mode
from numlean.optim import Cast, Optimizer, State, check_rate, sgd
from numlean.optim.scaled_loss import loss_scale
from numlean.precision import Policy
from numlean.precision.loss_scaling import scaled_value_and_gradient
from numlean.scalar.protocol import Scalar
from numlean.training import Options, Runner, Task, instantiate
from numlean.training.parameters import merge_parameters
from numlean.training.precision import RunPrecision

Program: TypeAlias = Callable[[Sequence[Tensor], Any, Any], Tensor]
"""Returns a number of shape () from parameters, an input and a target."""


@dataclass(frozen=True)
class TaskProgram:
    """The loss of a runner's task in a mode, for parameters and a sample.

    Attributes:
        runner: Converts samples to batches; its parameters are not used.
        mode: Training or evaluation.
    """

    runner: Runner
    mode: Mode

    def __call__(self, params: Sequence[Tensor], x: Any, y: Any) -> Tensor:
        """Return the loss of a sample."""
        runner = self.runner
        loss = runner.loss_train if self.mode is Mode.TRAIN else runner.loss_eval
        return loss(params, *runner.batch(Sample(x, y)))


@dataclass(frozen=True)
class RoundOnce:
    """Converts hyperparameters to a Scalar, with one rounding.

    Attributes:
        scalar: The arithmetic.
    """

    scalar: Scalar

    def __call__(self, value: float) -> Tensor:
        """Return a number of the Scalar."""
        return Tensor.of(self.scalar, value)


@dataclass(frozen=True)
class RunnerCast:
    """Converts hyperparameters as a runner does.

    Attributes:
        runner: The runner, whose ``hyperparameter`` converts.
    """

    runner: Runner

    def __call__(self, value: float) -> Tensor:
        """Return a number of the Scalar in which the optimizer computes."""
        return self.runner.hyperparameter(value)


@checked
class ScalarTrainer:
    """Evaluates and differentiates a program and updates its parameters, one sample at a time.

    A trainer has no mode, and does not update buffers.

    Attributes:
        program: The program to minimize.
        params: The parameters and buffers, in the order that the program takes them.
        optimizer: The optimizer.
        state: The optimizer's state.
        step_count: The number of updates so far.
        clock: The number of the current step, for programs that use random numbers.
        precision: The arithmetics of parameters, gradients and the optimizer.
    """

    def __init__(
        self,
        program: Program,
        params: Sequence[Tensor],
        optimizer: Optimizer = sgd(0.01),
        *,
        is_trainable: Sequence[bool] | None = None,
        cast: Cast | None = None,
        clock: Clock | None = None,
        precision: RunPrecision | None = None,
    ) -> None:
        """Create a trainer.

        Args:
            program: The program to minimize.
            params: The initial parameters; at least one. All are of the same Scalar, unless
                ``precision`` gives others.
            optimizer: The optimizer.
            is_trainable: Whether each parameter has a gradient; by default all have.
            cast: Converts hyperparameters to the Scalar; by default with one rounding.
            clock: The clock that the program reads, if any.
            precision: The arithmetics of a run by a policy; by default one, that of the parameters.

        Raises:
            NumleanError: There are no parameters, or not as many marks as parameters.
            PolicyError: The optimizer itself scales the loss of a run by a policy.
        """
        if not params:
            raise NumleanError("a trainer needs at least one parameter, got none")
        if is_trainable is not None and len(is_trainable) != len(params):
            raise NumleanError(
                f"is_trainable must have a mark for each of the {len(params)} parameters, got"
                f" {len(is_trainable)}"
            )
        scalar = params[0].scalar
        self.program = program
        self.params = list(params)
        self.optimizer = optimizer
        self.step_count = 0
        self.clock = clock or Clock()
        self.precision = precision or RunPrecision.uniform(scalar)
        self._cast: Cast = cast or RoundOnce(scalar)
        self._is_trainable = [True] * len(params) if is_trainable is None else list(is_trainable)
        self._updating = self.precision.optimizer(optimizer)
        self.state = self._updating.initial(self._trained, self._cast)

    @classmethod
    def of(
        cls,
        task: Task,
        scalar: Scalar | Policy | str,
        optimizer: Optimizer = sgd(0.01),
        *,
        mode: Mode = Mode.TRAIN,
        options: Options | None = None,
    ) -> ScalarTrainer:
        """Return a trainer of a task's loss in a mode, with the parameters of ``instantiate``.

        Raises:
            NumleanError: The options ask for another engine than the eager one, or the policy has
                delayed scales.
        """
        if options is not None and options.backend != "eager":
            raise NumleanError(
                f"a ScalarTrainer runs eagerly, but the options ask for {options.backend}; use"
                " nl.instantiate(task, scalar, options) and a Stepper"
            )
        runner = instantiate(task, scalar, options)
        if runner.precision.scale_count:
            raise NumleanError(
                "a ScalarTrainer keeps no delayed scales; use nl.instantiate and a Stepper, or a"
                " policy with current scales such as fp8-current"
            )
        return cls(
            TaskProgram(runner, mode),
            runner.params,
            optimizer,
            is_trainable=[spec.is_trainable for spec in task.model.parameters],
            cast=RunnerCast(runner),
            clock=runner.clock,
            precision=runner.precision,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.program, self.params, self.optimizer, self._is_trainable, self._cast)
        return restore_trainer, (*parts, self.clock, self.state, self.step_count, self.precision)

    def __repr__(self) -> str:
        return f"ScalarTrainer({self.program}, {self.optimizer}, after {self.step_count} updates)"

    def forward_t(self, x: Any, y: Any) -> Tensor:
        """Return the program's number for a sample."""
        return self.program(self.params, x, y)

    def backward_t(self, x: Any, y: Any) -> list[Tensor]:
        """Return the gradient by every parameter; zeros for buffers.

        In a run by a policy, gradients are as the optimizer takes them, without a loss scale.
        """
        gradients = self._loss_and_gradient(x, y)[1]
        zeros = [Tensor.of(p.scalar, np.zeros(p.shape)) for p in self.params]
        return merge_parameters(self._is_trainable, gradients, zeros)

    def step_t(self, x: Any, y: Any) -> Tensor:
        """Update the parameters once; return the program's number before the update."""
        self.clock.step = self.step_count
        self.precision.start_step(self.step_count)
        loss, gradients = self._loss_and_gradient(x, y, loss_scale(self.state))
        trained, self.state = self._updating.update(
            self._trained,
            gradients,
            self.state,
            rate=self._cast(check_rate("lr", self.optimizer.lr)),
            cast=self._cast,
        )
        self.params = merge_parameters(self._is_trainable, trained, self.params)
        self.step_count += 1
        return loss

    @property
    def _trained(self) -> list[Tensor]:
        pairs = zip(self.params, self._is_trainable, strict=True)
        return [p for p, is_trainable in pairs if is_trainable]

    def _loss_and_gradient(
        self, x: Any, y: Any, scale: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        def number(trained: Sequence[Tensor]) -> Tensor:
            return self.program(merge_parameters(self._is_trainable, trained, self.params), x, y)

        leaves, rule = self.precision.leaves(self._trained), self.precision.scalars.cotangents
        loss, gradients = scaled_value_and_gradient(number, leaves, scale, rule=rule)
        return loss, self.precision.handed(gradients)


def restore_trainer(
    program: Program,
    params: Sequence[Tensor],
    optimizer: Optimizer,
    is_trainable: Sequence[bool],
    cast: Cast,
    clock: Clock,
    state: State,
    step_count: int,
    precision: RunPrecision | None = None,
) -> ScalarTrainer:
    """Return the trainer that ``pickle`` kept, after the same updates."""
    trainer = ScalarTrainer(
        program,
        params,
        optimizer,
        is_trainable=is_trainable,
        cast=cast,
        clock=clock,
        precision=precision,
    )
    trainer.state = state
    trainer.step_count = step_count
    return trainer
