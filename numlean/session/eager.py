"""A tape whose actions are carried out at once."""

from __future__ import annotations

from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar
from numlean.session.actions import Action
from numlean.session.machine import TapeState


class EagerTape:
    """See :class:`numlean.session.engine.TapeEngine`."""

    def __init__(self, scalar: Scalar) -> None:
        self._params: list[Tensor] = []
        self._trainable: list[bool] = []
        self._machine = self._fresh()

    def new_param(self, value: Tensor, *, is_trainable: bool) -> None:
        """Take a parameter."""
        self._params.append(value)
        self._trainable.append(is_trainable)

    def param(self, number: int) -> Tensor:
        """A parameter as it is now."""
        return self._params[number]

    def do(self, action: Action, given: Tensor | None = None) -> None:
        """Carry out an action."""
        action.perform(self._machine, given)

    def value(self, slot: int) -> Tensor:
        """A tensor on the tape."""
        return self._machine.values[slot].detach()

    def gradient(self, slot: int) -> Tensor:
        """By a tensor on the tape."""
        return self._machine.gradient(slot)

    def reset(self) -> None:
        """Begin a new tape."""
        self._machine = self._fresh()

    def _fresh(self) -> TapeState:
        return TapeState(
            take=self._params.__getitem__,
            put=self._params.__setitem__,
            is_trainable=self._trainable.__getitem__,
        )
