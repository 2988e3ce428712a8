"""Many compiled steps at once, without Python between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Storage
from numlean.training.engine.plan import Recording
from numlean_kernels.protocol import Repeat, Repeatable, StepArrays


@dataclass(frozen=True)
class StepRepeater:
    """Repeats recorded steps on other samples and at other learning rates.

    It repeats the step of a run, or that of each of several runs on the same samples.

    Attributes:
        program: The program of a step.
        arrays: The arrays of the program that repetition concerns.
        buffers: The arrays that a step changes.
        loss: The tensor that has the loss of the last step, of the first run.
    """

    program: Repeatable
    arrays: StepArrays
    buffers: tuple[Tensor, ...]
    loss: Tensor

    @classmethod
    def of(
        cls,
        plan: Recording,
        run: Repeatable,
        buffers: Sequence[Tensor],
        x: Tensor,
        y: Tensor,
    ) -> StepRepeater | None:
        """Return the repeater of a plan; None if its numbers cannot be checked by their encodings.

        Args:
            plan: The plan, with the inputs x, y and the learning rate.
            run: The plan's program.
            buffers: The arrays that a step changes.
            x: All inputs, from whose rows the program takes those of a step.
            y: All targets.
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
            values=(rate,),
            finite=tuple(t.data for t in (loss, *numbers)),
            mask=format.magnitude_mask,
            limit=format.max_finite,
        )
        return cls(run, arrays, tuple(buffers), loss)

    @classmethod
    def of_all(cls, repeaters: Sequence[StepRepeater]) -> StepRepeater | None:
        """Return what repeats the steps of several runs as long as all leave the same bytes.

        The bytes are those of the losses and of the buffers. None if their arrays are of other
        sizes.
        """
        first, *others = repeaters
        sizes = {tuple(x.nbytes for x in each._results) for each in repeaters}
        if len(sizes) > 1:
            return None
        arrays = replace(
            first.arrays,
            rows=tuple(pair for each in repeaters for pair in each.arrays.rows),
            values=tuple(value for each in repeaters for value in each.arrays.values),
            equal=tuple(
                pair for each in others for pair in zip(first._results, each._results, strict=True)
            ),
        )
        program = first.program.followed_by([each.program for each in others])
        buffers = tuple(t for each in repeaters for t in each.buffers)
        return cls(program, arrays, buffers, first.loss)

    def good_steps(self, order: Storage, rates: Sequence[Storage]) -> int:
        """Make a step for each row of ``order``, up to the first one that is not good.

        A step is good if it leaves only finite numbers, and the same bytes in all runs.

        Args:
            order: The samples of each step, of shape (steps, samples).
            rates: The learning rates of the steps of each run, of shape (steps, 1).

        Returns:
            The number of good steps. The buffers are as the last one left them.
        """
        before = self._values()
        count = self._repeat(order, rates)
        if count < len(order):
            # Steps are functions of the numbers, so those before can be made again.
            self._restore(before)
            self._repeat(order[:count], [each[:count] for each in rates])
        return count

    def steps(self, order: Storage, rates: Storage) -> tuple[int, list[Storage] | None]:
        """Make a step of a run for each row of ``order``; end after one that is not finite.

        Args:
            order: The samples of each step, of shape (steps, samples).
            rates: The learning rate of each step, of shape (steps, 1).

        Returns:
            The number of steps, and the numbers before the last one if that is not finite.
        """
        count = self.good_steps(order, [rates])
        if count == len(order):
            return count, None
        before = self._values()
        self._repeat(order[count : count + 1], [rates[count : count + 1]])
        return count + 1, before

    @cached_property
    def _repeat(self) -> Repeat:
        return self.program.repeater(self.arrays)

    @property
    def _results(self) -> list[Storage]:
        """The arrays that a step leaves: the loss, and the buffers."""
        return [t.data for t in (self.loss, *self.buffers)]

    def _values(self) -> list[Storage]:
        """Return copies of the arrays that a step changes."""
        return [t.data.copy() for t in self.buffers]

    def _restore(self, values: Sequence[Storage]) -> None:
        for t, own in zip(self.buffers, values, strict=True):
            t.data[...] = own
