"""What can be done to a tape: facts that compare equal if they are the same thing to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.session.machine import TapeState

Static: TypeAlias = tuple[tuple[str, Any], ...]
"""Parameters that are no tensors, by name."""


class Action(ABC):
    """One thing to do; each puts at most one tensor on the tape."""

    @abstractmethod
    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Do it, with what is given from outside."""

    def check(self, machine: TapeState, given: Tensor | None) -> None:  # noqa: B027 (nothing to say)
        """Refuse what is given, if it cannot be taken where the action was once performed."""


@dataclass(frozen=True)
class Input(Action):
    """Numbers come in from outside.

    Attributes:
        shape: Their shape.
        is_watched: Whether there is a gradient by them.
    """

    shape: tuple[int, ...]
    is_watched: bool

    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Put them on the tape."""
        assert given is not None
        machine.add(given, is_watched=self.is_watched)


@dataclass(frozen=True)
class EnterIndex(Action):
    """Indices come in from outside.

    Attributes:
        shape: Their shape.
        of: The slot of the tensor that they are places of.
        axis: Along which axis.
    """

    shape: tuple[int, ...]
    of: int
    axis: int

    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Put them on the tape."""
        assert given is not None
        self.check(machine, given)
        machine.add(given, is_watched=False)

    def check(self, machine: TapeState, given: Tensor | None) -> None:
        """Refuse an index that names no place.

        Raises:
            ShapeError: There is one.
        """
        assert given is not None
        shape = machine.values[self.of].shape
        if self.axis >= len(shape):
            raise ShapeError(f"an index along axis {self.axis} of shape {shape}")
        wrong = given.data[(given.data < 0) | (given.data >= shape[self.axis])]
        if wrong.size:
            raise ShapeError(f"index {wrong[0]} along axis {self.axis} of shape {shape}")


@dataclass(frozen=True)
class UseParameter(Action):
    """A parameter comes onto the tape.

    Attributes:
        number: Which.
    """

    number: int

    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Put it on the tape as it is now."""
        machine.use(self.number)


@dataclass(frozen=True)
class Apply(Action):
    """A function is applied to tensors on the tape.

    Attributes:
        function: What is applied: primitives in an order that depends on shapes and ``static``.
        operands: The slots of its operands.
        static: What else it takes.
    """

    function: Callable[..., Tensor]
    operands: tuple[int, ...]
    static: Static = ()

    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Put the result on the tape."""
        operands = (machine.values[slot] for slot in self.operands)
        machine.values.append(self.function(*operands, **dict(self.static)))


@dataclass(frozen=True)
class Backward(Action):
    """A backward sweep from a tensor.

    Attributes:
        slot: The tensor's.
        seed_shape: The shape of its cotangent, which is given; None if it is a number, and its
            cotangent 1.
    """

    slot: int
    seed_shape: tuple[int, ...] | None

    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Replace the cotangents there are."""
        machine.backward(self.slot, given)


@dataclass(frozen=True)
class SgdStep(Action):
    """Every parameter on the tape makes a step against its gradient, at a rate that is given."""

    def perform(self, machine: TapeState, given: Tensor | None) -> None:
        """Change the parameters."""
        assert given is not None
        machine.descend(given)
