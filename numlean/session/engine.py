"""Tape engines: execute the actions of a session, at once or compiled."""

from __future__ import annotations

from typing import Final, Protocol

from numlean.autograd.tensor import Tensor
from numlean.errors import UnknownNameError
from numlean.scalar.protocol import Scalar
from numlean.session.actions import Action
from numlean.session.compiled import CompiledTape
from numlean.session.tape import TapeState


class TapeEngine(Protocol):
    """Holds parameters and a tape, and executes actions in order."""

    def __init__(self, scalar: Scalar) -> None: ...

    def new_param(self, value: Tensor, *, is_trainable: bool) -> None:
        """Add a parameter; parameters are numbered from 0."""

    def param(self, number: int) -> Tensor:
        """Return the current value of a parameter."""

    def do(self, action: Action, given: Tensor | None = None) -> None:
        """Execute an action, now or before the next value is read."""

    def value(self, slot: int) -> Tensor:
        """Return a tensor on the tape."""

    def gradient(self, slot: int) -> Tensor:
        """Return the gradient of the last backward sweep by a tensor on the tape."""

    def reset(self) -> None:
        """Start a new tape; parameters stay."""


class EagerTape:
    """A tape that executes each action at once; see :class:`TapeEngine`."""

    def __init__(self, scalar: Scalar) -> None:
        self._params: list[Tensor] = []
        self._trainable: list[bool] = []
        self._state = self._new_state()

    def new_param(self, value: Tensor, *, is_trainable: bool) -> None:
        """Add a parameter."""
        self._params.append(value)
        self._trainable.append(is_trainable)

    def param(self, number: int) -> Tensor:
        """Return the current value of a parameter."""
        return self._params[number]

    def do(self, action: Action, given: Tensor | None = None) -> None:
        """Execute an action."""
        action.perform(self._state, given)

    def value(self, slot: int) -> Tensor:
        """Return a tensor on the tape."""
        return self._state.values[slot].detach()

    def gradient(self, slot: int) -> Tensor:
        """Return the gradient of the last backward sweep by a tensor on the tape."""
        return self._state.gradient(slot)

    def reset(self) -> None:
        """Start a new tape."""
        self._state = self._new_state()

    def _new_state(self) -> TapeState:
        return TapeState(
            take=self._params.__getitem__,
            put=self._params.__setitem__,
            is_trainable=self._trainable.__getitem__,
        )


_ENGINES: Final[dict[str, type[TapeEngine]]] = {"eager": EagerTape, "compiled": CompiledTape}


def tape_engine(backend: str, scalar: Scalar) -> TapeEngine:
    """Return a new engine of that name.

    Raises:
        UnknownNameError: There is no such engine.
    """
    if backend not in _ENGINES:
        raise UnknownNameError("backend", backend, tuple(_ENGINES))
    return _ENGINES[backend](scalar)
