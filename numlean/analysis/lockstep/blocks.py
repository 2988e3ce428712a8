"""Blocks of steps that all runs make with the same numbers, without Python between the steps.

Each run makes the steps of a block at once and keeps all numbers after each of them; those are
compared as bytes. If any differ, or are not finite, no run has made a step of the block: its steps
are made and compared one by one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from numlean.analysis.lockstep.comparison import compares_bits
from numlean.autograd.tensor import Tensor
from numlean.data import Dataset
from numlean.scalar.protocol import Storage
from numlean.training import Stepper
from numlean.training.loops.step_blocks import Orders, StepBlocks

_BYTES: Final = 1 << 20
"""The size of the numbers that a run keeps for a block."""

_SECONDS: Final = 0.05
"""The duration that a block should not exceed."""


class CommonBlocks:
    """Makes the steps of several runs in blocks, as long as all have the same numbers."""

    def __init__(self, steppers: Sequence[Stepper], datasets: Sequence[Dataset]) -> None:
        self._blocks = [
            StepBlocks(stepper, dataset, keeps_numbers=True)
            for stepper, dataset in zip(steppers, datasets, strict=True)
        ]
        scalars = [stepper.runner.scalar for stepper in steppers]
        self._is_open = all(compares_bits(scalars[0], scalar) for scalar in scalars)
        self._limit = 1

    def run(self, orders: Orders, limit: int) -> list[Tensor] | None:
        """Make steps on the next batches, at most ``limit``; return the losses of the last one.

        None: no step is made, and the batches are left.
        """
        width = orders.width
        repeaters = [block.repeater(width) for block in self._blocks] if self._is_open else []
        found = [each for each in repeaters if each is not None]
        if not found or len(found) < len(self._blocks):
            return None
        if len({each.row_bytes for each in found}) > 1:
            self._is_open = False
            return None
        most = max(_BYTES // max(found[0].row_bytes, 1), 1)
        order = orders.take(min(limit, most, self._limit))
        began = time.perf_counter()
        before = [[t.data.copy() for t in each.buffers] for each in found]
        rates = [block.rates(len(order)) for block in self._blocks]
        count = min(map(len, rates))
        order, rest = np.ascontiguousarray(order[:count]), order[count:]
        orders.give_back(rest)
        rows = [each.kept_steps(order, own[:count]) for each, own in zip(found, rates, strict=True)]
        if not (_are_same(rows) and found[0].is_finite()):
            for each, values in zip(found, before, strict=True):
                each.restore(values)
            orders.give_back(order)
            self._is_open = False
            return None
        seconds = time.perf_counter() - began
        fitting = int(_SECONDS * count / max(seconds, 1e-6))
        self._limit = max(1, min(fitting, 4 * self._limit))
        return [block.adopt(each, order) for block, each in zip(self._blocks, found, strict=True)]


def _are_same(rows: Sequence[Storage | None]) -> bool:
    """Return whether all runs have made the steps, and have the same bytes after each."""
    first, *others = rows
    return first is not None and all(
        own is not None and np.array_equal(first.view(np.uint64), own.view(np.uint64))
        for own in others
    )
