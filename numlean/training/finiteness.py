"""Whether a run is finite: its last loss, its parameters and buffers, the optimizer's state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.optim import State
from numlean.scalar.finiteness import Specials, all_finite, specials
from numlean.training.stepper import Stepper

LOSS: Final = "loss"
PARAMETERS: Final = "parameters"
STATE: Final = "optimizer state"
_NONE: Final = Specials()


@dataclass(frozen=True)
class Nonfinite:
    """Numbers of a run that are not finite after a step.

    Attributes:
        loss: Those of the last loss.
        parameters: Those of the parameters and buffers.
        state: Those of the optimizer's state.
    """

    loss: Specials = _NONE
    parameters: Specials = _NONE
    state: Specials = _NONE

    @property
    def is_dead(self) -> bool:
        """Whether numbers that the next step starts from are not finite."""
        return bool(self.parameters.nonfinite or self.state.nonfinite)

    def __bool__(self) -> bool:
        return self.is_dead or bool(self.loss.nonfinite)

    def __str__(self) -> str:
        parts = ((LOSS, self.loss), (PARAMETERS, self.parameters), (STATE, self.state))
        return ", ".join(f"{name}: {found}" for name, found in parts if found.nonfinite)


@dataclass(frozen=True)
class RunNumbers:
    """The numbers of a run between two steps.

    Attributes:
        params: The parameters and buffers.
        state: The optimizer's state.
        step_count: The number of updates so far.
        scale_count: How many of the last of ``params`` belong to delayed scales. Those may be
            infinite: a magnitude of a cotangent that overflowed is part of a history for a time.
    """

    params: tuple[Tensor, ...]
    state: State
    step_count: int
    scale_count: int

    @classmethod
    def of(cls, stepper: Stepper) -> RunNumbers:
        """Return the current numbers of a run; later steps do not change them."""
        runner = stepper.runner
        return cls(
            tuple(runner.params), stepper.state, stepper.step_count, runner.precision.scale_count
        )

    @classmethod
    def at_origin(cls, stepper: Stepper) -> RunNumbers:
        """Return the numbers with which a stepper was made or restored."""
        return cls(*stepper.origin, stepper.runner.precision.scale_count)

    def all_finite(self, loss: Tensor | None = None) -> bool:
        """Return whether all numbers, and a loss, are finite; faster than counting the others."""
        tensors = (*((loss,) if loss is not None else ()), *self._parameters, *self._state)
        return all(all_finite(x.scalar, x.data) for x in tensors if x.scalar is not INDEX)

    def nonfinite(self, loss: Tensor | None = None) -> Nonfinite:
        """Return the numbers that are not finite, and those of a loss."""
        return Nonfinite(
            _specials(() if loss is None else (loss,)),
            _specials(self._parameters),
            _specials(self._state),
        )

    @property
    def _parameters(self) -> tuple[Tensor, ...]:
        return self.params[: len(self.params) - self.scale_count]

    @property
    def _state(self) -> Iterator[Tensor]:
        return (x for tensors in self.state.values() for x in tensors)


def _specials(tensors: Iterable[Tensor]) -> Specials:
    found = (specials(x.scalar, x.data) for x in tensors if x.scalar is not INDEX)
    return sum(found, _NONE)
