"""A tape and its tensors, as they are after so many actions."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from numlean.autograd import Tape
from numlean.autograd.tape import zeros_like
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError


@dataclass
class TapeState:
    """What the actions of a tape work on.

    Attributes:
        take: Gives a parameter by its number, as it is now.
        put: Gives a parameter a new value.
        is_trainable: Tells whether a parameter has a gradient.
        tape: Records primitives.
        values: The tensors on the tape, watched where there is a gradient.
        cotangents: Those of the last backward sweep, by the slot of the recording tape.
        uses: Where on the tape parameters are, by their numbers.
    """

    take: Callable[[int], Tensor]
    put: Callable[[int, Tensor], None]
    is_trainable: Callable[[int], bool]
    tape: Tape = field(default_factory=Tape)
    values: list[Tensor] = field(default_factory=list)
    cotangents: dict[int, Tensor] = field(default_factory=dict)
    uses: dict[int, int] = field(default_factory=dict)

    def branch(self) -> TapeState:
        """The same state, from which to go on without changing this one."""
        other = copy(self)
        other.values, other.uses = list(self.values), dict(self.uses)
        return other

    def add(self, x: Tensor, *, is_watched: bool) -> None:
        """Put a tensor on the tape."""
        self.values.append(self.tape.watch(x) if is_watched else x)

    def use(self, number: int) -> None:
        """Put a parameter on the tape."""
        self.uses[number] = len(self.values)
        self.add(self.take(number), is_watched=self.is_trainable(number))

    def backward(self, slot: int, seed: Tensor | None) -> None:
        """Sweep backward from a tensor on the tape.

        Raises:
            ShapeError: It is no single number and there is no seed, or one of another shape.
        """
        value = self.values[slot]
        if seed is None:
            if value.size != 1:
                raise ShapeError(f"only a single number needs no cotangent; got {value.shape}")
            seed = Tensor.of(value.scalar, 1.0).reshape(*value.shape)
        self.cotangents = {}
        if value.tape is not None:
            self.cotangents = self.tape.cotangents(value, seed)

    def gradient(self, slot: int) -> Tensor:
        """By a tensor on the tape, in the last backward sweep: zeros if it was not reached."""
        value = self.values[slot]
        found = self.cotangents.get(value.slot)
        return zeros_like(value) if found is None else found

    def descend(self, rate: Tensor) -> None:
        """P - g*rate for each parameter on the tape that has a gradient, in their order."""
        for number, slot in sorted(self.uses.items()):
            if self.is_trainable(number):
                self.put(number, self.take(number) - self.gradient(slot) * rate)
