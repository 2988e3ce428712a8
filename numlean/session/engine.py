"""What carries out the actions of a session, by the name of the backend."""

from __future__ import annotations

from typing import Final, Protocol

from numlean.autograd.tensor import Tensor
from numlean.errors import UnknownNameError
from numlean.scalar.protocol import Scalar
from numlean.session.actions import Action
from numlean.session.compiled import CompiledTape
from numlean.session.eager import EagerTape


class TapeEngine(Protocol):
    """Parameters and a tape, on which actions are carried out in order."""

    def __init__(self, scalar: Scalar) -> None: ...

    def new_param(self, value: Tensor, *, is_trainable: bool) -> None:
        """Take a parameter; they are numbered from 0."""

    def param(self, number: int) -> Tensor:
        """A parameter as it is now."""

    def do(self, action: Action, given: Tensor | None = None) -> None:
        """Carry out an action, now or before anything is asked for."""

    def value(self, slot: int) -> Tensor:
        """A tensor on the tape, by its place."""

    def gradient(self, slot: int) -> Tensor:
        """By a tensor on the tape, in the last backward sweep."""

    def reset(self) -> None:
        """Begin a new tape; parameters stay."""


_ENGINES: Final[dict[str, type[TapeEngine]]] = {"eager": EagerTape, "compiled": CompiledTape}


def tape_engine(backend: str, scalar: Scalar) -> TapeEngine:
    """The engine of that name.

    Raises:
        UnknownNameError: There is none.
    """
    if backend not in _ENGINES:
        raise UnknownNameError("backend", backend, tuple(_ENGINES))
    return _ENGINES[backend](scalar)
