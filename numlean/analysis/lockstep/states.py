"""All numbers of a run after a step, for the comparison of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from numlean.analysis.lockstep.comparison import Differing, are_same, first_difference
from numlean.autograd.tensor import Tensor
from numlean.nn.layer import ParameterSpec
from numlean.optim import Cast, State
from numlean.optim.optimizer import zeros_like
from numlean.optim.wrapping import WrappingOptimizer
from numlean.precision.delayed_scales import PREFIX
from numlean.training import Stepper

GRADIENT = "gradient"
_PARAMETERS = "parameters"

Name: TypeAlias = tuple[str, ...]
"""The name of a number of a run: its group, and its own name in the group."""


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
        params: The parameters and buffers, and the numbers of delayed scales.
        state: The optimizer's state, and the last gradients.
        specs: The names of ``params``.
        loss: The last loss; None before the first step.
        outputs: The model's outputs and the targets in the last step, if the runner keeps outputs.
    """

    params: tuple[Tensor, ...]
    state: State
    specs: tuple[ParameterSpec, ...]
    loss: Tensor | None = None
    outputs: tuple[tuple[Tensor, Tensor], ...] = ()

    @classmethod
    def of(cls, stepper: Stepper, loss: Tensor | None = None) -> RunState:
        """Return the current state of a run whose optimizer is a ``RecordingOptimizer``."""
        runner, outputs = stepper.runner, tuple(stepper.outputs)
        return cls(tuple(runner.params), stepper.state, runner.store.specs, loss, outputs)

    @property
    def parameters(self) -> list[Tensor]:
        """The model's parameters and buffers."""
        named = zip(self.specs, self.params, strict=True)
        return [p for spec, p in named if not spec.name.startswith(PREFIX)]

    @property
    def numbers(self) -> dict[Name, Tensor]:
        """All numbers: loss, gradients, the rest of the optimizer's state, parameters."""
        found: dict[Name, Tensor] = {} if self.loss is None else {("loss",): self.loss}
        trained = [spec.name for spec in self.specs if spec.is_trainable]
        for name in (GRADIENT, *(name for name in self.state if name != GRADIENT)):
            tensors = self.state[name]
            own = trained if len(tensors) == len(trained) else map(str, range(len(tensors)))
            found |= {(name, of): t for of, t in zip(own, tensors, strict=True)}
        named = zip(self.specs, self.params, strict=True)
        return found | {(_PARAMETERS, spec.name): p for spec, p in named}


def common_numbers(a: RunState, b: RunState) -> list[tuple[str, Tensor, Tensor]]:
    """Return the numbers that two runs both have, with their names.

    Runs by different policies may have other ones each, such as the scale of a loss.
    """
    others = b.numbers
    return [(_text(name), x, others[name]) for name, x in a.numbers.items() if name in others]


def _text(name: Name) -> str:
    group, *own = name
    return own[0] if group == _PARAMETERS else " of ".join(name)


def first_differing(
    a: RunState, b: RunState, compare: Differing | None = None
) -> tuple[str, tuple[int, ...]] | None:
    """Return the name and the index of the first common number in which two states differ.

    Args:
        a: The state of one run.
        b: The state of the other run.
        compare: Returns where arrays differ; by default the exact comparison of their Scalars.
    """
    for name, x, y in common_numbers(a, b):
        if not are_same(x, y, compare):
            place = first_difference(x, y, compare)
            if place is not None:
                return name, place
    return None
