"""All numbers of a run after a step, for the comparison of two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from numlean.analysis.lockstep.comparison import Differing, are_same, first_difference
from numlean.autograd.tensor import Tensor
from numlean.optim import Cast, State
from numlean.optim.optimizer import zeros_like
from numlean.optim.wrapping import WrappingOptimizer
from numlean.training import Runner, Stepper

GRADIENT = "gradient"


@dataclass(frozen=True)
class RecordingOptimizer(WrappingOptimizer):
    """An optimizer that also keeps the last gradients in its state, in every engine.

    Attributes:
        optimizer: The optimizer that updates.
    """

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return the inner optimizer's state, and zeros."""
        return {**self.optimizer.initial(parameters, cast), GRADIENT: zeros_like(parameters)}

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the inner optimizer's update, and the gradients."""
        inner = {name: tensors for name, tensors in state.items() if name != GRADIENT}
        params, inner = self.optimizer.update(parameters, gradients, inner, rate=rate, cast=cast)
        return params, {**inner, GRADIENT: list(gradients)}


@dataclass(frozen=True)
class RunState:
    """The state of a run between two steps.

    Attributes:
        params: The parameters and buffers.
        state: The optimizer's state, and the last gradients.
        loss: The last loss; None before the first step.
        outputs: The model's outputs and the targets in the last step, if the runner keeps outputs.
    """

    params: tuple[Tensor, ...]
    state: State
    loss: Tensor | None = None
    outputs: tuple[tuple[Tensor, Tensor], ...] = ()

    @classmethod
    def of(cls, stepper: Stepper, loss: Tensor | None = None) -> RunState:
        """Return the current state of a run whose optimizer is a ``RecordingOptimizer``."""
        return cls(tuple(stepper.runner.params), stepper.state, loss, tuple(stepper.outputs))

    def with_states_of(self, other: RunState) -> RunState:
        """Return the part of the state that another run also has; loss scaling may be missing."""
        if self.state.keys() == other.state.keys():
            return self
        state = {name: tensors for name, tensors in self.state.items() if name in other.state}
        return replace(self, state=state)

    @property
    def numbers(self) -> Iterator[Tensor]:
        """All numbers: loss, gradients, the rest of the optimizer's state, parameters."""
        if self.loss is not None:
            yield self.loss
        yield from self.state[GRADIENT]
        for name, tensors in self.state.items():
            if name != GRADIENT:
                yield from tensors
        yield from self.params

    def names(self, runner: Runner) -> Iterator[str]:
        """Yield the names of the numbers, in the same order."""
        if self.loss is not None:
            yield "loss"
        specs = runner.task.model.parameters
        trained = [spec.name for spec in specs if spec.is_trainable]
        for name in (GRADIENT, *(name for name in self.state if name != GRADIENT)):
            count = len(self.state[name])
            own = trained if count == len(trained) else map(str, range(count))
            yield from (f"{name} of {each}" for each in own)
        yield from (spec.name for spec in specs)


def first_differing(
    a: RunState, b: RunState, runner: Runner, compare: Differing | None = None
) -> tuple[str, tuple[int, ...]] | None:
    """Return the name and the index of the first number in which two states differ.

    Args:
        a: The state of one run.
        b: The state of the other run.
        runner: A runner of their task, which knows the names.
        compare: Returns where arrays differ; by default the exact comparison of their Scalars.
    """
    a, b = a.with_states_of(b), b.with_states_of(a)
    if all(are_same(x, y, compare) for x, y in zip(a.numbers, b.numbers, strict=True)):
        return None
    for name, x, y in zip(a.names(runner), a.numbers, b.numbers, strict=True):
        place = first_difference(x, y, compare)
        if place is not None:
            return name, place
    return None
