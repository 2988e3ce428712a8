"""Blocks of steps that all runs make with the same numbers, without Python between the steps.

All runs make a step and their numbers are compared as bytes, before they make the next one. A block
ends before the first step that leaves different numbers, or any that is not finite.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from numlean.analysis.lockstep.comparison import compares_bits
from numlean.autograd.tensor import Tensor
from numlean.data import Dataset
from numlean.training import Stepper
from numlean.training.engine.repeating import StepRepeater
from numlean.training.loops.step_blocks import BlockLength, Orders, StepBlocks, valid_rates


class CommonBlocks:
    """Makes the steps of several runs of one config in blocks, while all have the same numbers."""

    def __init__(self, steppers: Sequence[Stepper], datasets: Sequence[Dataset]) -> None:
        self._steppers = steppers
        self._blocks = [StepBlocks(*each) for each in zip(steppers, datasets, strict=True)]
        scalars = [stepper.runner.scalar for stepper in steppers]
        self._is_open = all(compares_bits(scalars[0], scalar) for scalar in scalars)
        self._repeaters: dict[int, StepRepeater] = {}
        self._length = BlockLength()

    def run(self, orders: Orders, limit: int) -> list[Tensor] | None:
        """Make steps on the next batches, at most ``limit``; return the losses of the last one.

        None: no step is made, and the batches are left. It stays so after a step that left
        different numbers, or any that is not finite.
        """
        repeater = self._repeater(orders.width) if self._is_open else None
        if repeater is None:
            return None
        order = orders.take(min(limit, self._length.steps))
        floats = valid_rates(self._steppers[0], len(order))
        rates = [block.rates(floats) for block in self._blocks]
        began = time.perf_counter()
        made = repeater.good_steps(np.ascontiguousarray(order[: len(floats)]), rates)
        self._length.adapt(made, time.perf_counter() - began)
        orders.give_back(order[made:])
        self._is_open = made == len(floats)
        if not made:
            return None
        return [block.adopt(order[:made]) for block in self._blocks]

    def _repeater(self, size: int) -> StepRepeater | None:
        """Return what makes steps of ``size`` samples of all runs; None if one of them cannot."""
        if size not in self._repeaters:
            found = [each for block in self._blocks if (each := block.repeater(size)) is not None]
            common = StepRepeater.of_all(found) if len(found) == len(self._blocks) else None
            if common is None:
                return None
            self._repeaters[size] = common
        return self._repeaters[size]
