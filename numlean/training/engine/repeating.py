"""Many compiled steps at once, without Python between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.finiteness import all_finite
from numlean.scalar.protocol import Storage
from numlean.training.engine.plan import Recording
from numlean_kernels.protocol import Repeat, Repeatable, StepArrays, kept_starts


@dataclass(frozen=True)
class StepRepeater:
    """Repeats a recorded step on other samples and at other learning rates.

    Attributes:
        repeat: Runs the program; see :data:`numlean_kernels.protocol.Repeat`.
        buffers: The arrays that a step changes.
        loss: The tensor that has the loss of the last step.
        row_bytes: The size of what is kept of each step: its loss, and perhaps all numbers.
    """

    repeat: Repeat
    buffers: tuple[Tensor, ...]
    loss: Tensor
    row_bytes: int

    @classmethod
    def of(
        cls,
        plan: Recording,
        run: Repeatable,
        buffers: Sequence[Tensor],
        x: Tensor,
        y: Tensor,
        *,
        keeps_numbers: bool = False,
    ) -> StepRepeater | None:
        """Return the repeater of a plan; None if its numbers cannot be checked by their encodings.

        Args:
            plan: The plan, with the inputs x, y and the learning rate.
            run: The plan's program.
            buffers: The arrays that a step changes.
            x: All inputs, from whose rows the program takes those of a step.
            y: All targets.
            keeps_numbers: Whether to keep all numbers after each step, for ``kept_steps``.
        """
        loss = plan.outputs["loss"]
        own, format = loss.scalar, loss.scalar.format
        numbers = [t for t in buffers if t.scalar is not INDEX]
        if format is None or not format.is_sign_magnitude or any(t.scalar != own for t in numbers):
            return None
        if loss.data.itemsize != format.storage_dtype.itemsize:
            return None
        x_place, y_place, rate = plan.inputs
        arrays = StepArrays(
            rows=((x.data, x_place), (y.data, y_place)),
            value=rate,
            result=loss.data,
            finite=tuple(t.data for t in (loss, *numbers)),
            mask=format.magnitude_mask,
            limit=format.max_finite,
            numbers=tuple(t.data for t in buffers) if keeps_numbers else (),
        )
        row_bytes = kept_starts(arrays.kept)[-1]
        return cls(run.repeater(arrays), tuple(buffers), loss, row_bytes)

    def steps(self, order: Storage, rates: Storage) -> tuple[int, list[Storage] | None]:
        """Make a step for each row of ``order``; end early after one that is not finite.

        Args:
            order: The samples of each step, of shape (steps, samples).
            rates: The learning rate of each step, of shape (steps, 1).

        Returns:
            The number of steps, and the numbers before the last one if that is not finite.
        """
        before = [t.data.copy() for t in self.buffers]
        losses = np.empty(rates.shape, self.loss.data.dtype)
        made = self.repeat(order, rates, losses)
        if self.is_finite():
            return made, None
        # Steps are functions of the numbers, so those before the last one can be made again.
        self.restore(before)
        last = made - 1
        if last:
            self.repeat(order[:last], rates[:last], losses[:last])
        before = [t.data.copy() for t in self.buffers]
        self.repeat(order[last:made], rates[last:made], losses[last:made])
        return made, before

    def kept_steps(self, order: Storage, rates: Storage) -> Storage | None:
        """Make a step for each row of ``order``; return the bytes of all numbers after each.

        The result has a row for each step. It is None if a step but the last one left a number that
        is not finite; then the later ones are not made.
        """
        rows = np.empty((len(order), self.row_bytes), np.uint8)
        return rows if self.repeat(order, rates, rows) == len(order) else None

    def restore(self, values: Sequence[Storage]) -> None:
        """Set the arrays that a step changes."""
        for t, own in zip(self.buffers, values, strict=True):
            t.data[...] = own

    def is_finite(self) -> bool:
        """Return whether the loss, and all numbers that a step changes, are finite."""
        numbers = (t for t in (self.loss, *self.buffers) if t.scalar is not INDEX)
        return all(all_finite(t.scalar, t.data) for t in numbers)
