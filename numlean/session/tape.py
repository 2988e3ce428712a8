"""The state of a tape: its tensors and their cotangents after the actions so far."""

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
    """The state that the actions of a tape read and change.

    Attributes:
        take: Returns the current value of a parameter, by its number.
        put: Gives a parameter a new value.
        is_trainable: Returns whether a parameter has a gradient.
        tape: Records primitives.
        values: The tensors on the tape, watched where there is a gradient.
        cotangents: The cotangents of the last backward sweep, by the slot of the recording tape.
        uses: The slots of the parameters that are on the tape, by their numbers.
    """

    take: Callable[[int], Tensor]
    put: Callable[[int, Tensor], None]
    is_trainable: Callable[[int], bool]
    tape: Tape = field(default_factory=Tape)
    values: list[Tensor] = field(default_factory=list)
    cotangents: dict[int, Tensor] = field(default_factory=dict)
    uses: dict[int, int] = field(default_factory=dict)

    def branch(self) -> TapeState:
        """Return a copy whose changes leave this state as it is."""
        other = copy(self)
        other.values, other.uses = list(self.values), dict(self.uses)
        return other

    def add(self, x: Tensor, *, is_watched: bool) -> None:
        """Put a tensor on the tape."""
        self.values.append(self.tape.watch(x) if is_watched else x)

    def use(self, number: int) -> None:
        """Put the current value of a parameter on the tape."""
        self.uses[number] = len(self.values)
        self.add(self.take(number), is_watched=self.is_trainable(number))

    def backward(self, slot: int, seed: Tensor | None) -> None:
        """Sweep backward from a tensor on the tape, given its cotangent; None stands for 1.

        Raises:
            ShapeError: The tensor is not a single number and there is no cotangent, or the
                cotangent has another shape.
        """
        value = self.values[slot]
        if seed is None:
            if value.size != 1:
                raise ShapeError(
                    "backward_scalar starts from a single number, got a tensor of shape"
                    f" {value.shape}; pass a cotangent to backward_all"
                )
            seed = Tensor.of(value.scalar, 1.0).reshape(*value.shape)
        self.cotangents = {}
        if value.tape is not None:
            self.cotangents = self.tape.cotangents(value, seed)

    def gradient(self, slot: int) -> Tensor:
        """Return the gradient of the last backward sweep by a tensor; zeros if not reached."""
        value = self.values[slot]
        found = self.cotangents.get(value.slot)
        return zeros_like(value) if found is None else found

    def sgd_step(self, rate: Tensor) -> None:
        """Set p to p - g*rate for each trainable parameter on the tape, in their order."""
        for number, slot in sorted(self.uses.items()):
            if self.is_trainable(number):
                self.put(number, self.take(number) - self.gradient(slot) * rate)
