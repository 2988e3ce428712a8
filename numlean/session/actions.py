"""The actions on a tape, as data: two actions are equal if they do the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.session.tape import TapeState

Static: TypeAlias = tuple[tuple[str, Any], ...]
"""Arguments other than tensors, by name."""


class Action(ABC):
    """An action; it puts at most one tensor on the tape."""

    @abstractmethod
    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Execute the action, with the tensor that the caller gives it, if any."""

    def check(self, state: TapeState, given: Tensor | None) -> None:  # noqa: B027 (most actions have nothing to check)
        """Check the given tensor before a replay of the action."""


@dataclass(frozen=True)
class Input(Action):
    """Put given numbers on the tape.

    Attributes:
        shape: Their shape.
        is_watched: Whether gradients by them are computed.
    """

    shape: tuple[int, ...]
    is_watched: bool

    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Put the given tensor on the tape."""
        assert given is not None
        state.add(given, is_watched=self.is_watched)


@dataclass(frozen=True)
class EnterIndex(Action):
    """Put given indices on the tape.

    Attributes:
        shape: Their shape.
        of: The slot of the tensor that they index.
        axis: The axis that they index.
    """

    shape: tuple[int, ...]
    of: int
    axis: int

    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Put the given tensor on the tape."""
        assert given is not None
        self.check(state, given)
        state.add(given, is_watched=False)

    def check(self, state: TapeState, given: Tensor | None) -> None:
        """Check that all indices are in range.

        Raises:
            ShapeError: One of them is not, or the tensor lacks the axis.
        """
        assert given is not None
        shape = state.values[self.of].shape
        if self.axis >= len(shape):
            raise ShapeError(f"cannot index axis {self.axis} of shape {shape}")
        wrong = given.data[(given.data < 0) | (given.data >= shape[self.axis])]
        if wrong.size:
            raise ShapeError(
                f"index {wrong[0]} is out of range for axis {self.axis} of shape {shape}"
            )


@dataclass(frozen=True)
class UseParameter(Action):
    """Put a parameter on the tape.

    Attributes:
        number: The parameter's number.
    """

    number: int

    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Put the current value of the parameter on the tape."""
        state.use(self.number)


@dataclass(frozen=True, eq=False)
class Apply(Action):
    """Apply a function to tensors on the tape.

    Arguments that are equal but have different texts, such as 0.0 and -0.0, make different actions.

    Attributes:
        function: Applies primitives in an order that depends on shapes and ``static`` only.
        operands: The slots of its operands.
        static: Its other arguments.
    """

    function: Callable[..., Tensor]
    operands: tuple[int, ...]
    static: Static = ()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Apply)
            and (self.function, self.operands) == (other.function, other.operands)
            and self.static == other.static
            and repr(self.static) == repr(other.static)
        )

    def __hash__(self) -> int:
        return hash((self.function, self.operands, self.static))

    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Put the result on the tape."""
        operands = (state.values[slot] for slot in self.operands)
        state.values.append(self.function(*operands, **dict(self.static)))


@dataclass(frozen=True)
class Backward(Action):
    """Sweep backward from a tensor.

    Attributes:
        slot: The tensor's slot.
        seed_shape: The shape of the given cotangent; None if none is given and it is 1.
    """

    slot: int
    seed_shape: tuple[int, ...] | None

    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Compute the cotangents, in place of those of the last sweep."""
        state.backward(self.slot, given)


@dataclass(frozen=True)
class SgdStep(Action):
    """Subtract rate times gradient from each parameter on the tape, at a given rate."""

    def perform(self, state: TapeState, given: Tensor | None) -> None:
        """Update the parameters."""
        assert given is not None
        state.sgd_step(given)
