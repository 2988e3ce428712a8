"""Blocks of steps that are made at once: no Python runs between them.

A block ends after some milliseconds, so that a request to end, which Python sees between blocks,
waits no longer than that. The bits do not depend on the blocks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.data import Dataset
from numlean.data._minibatches import Order
from numlean.errors import NumleanError
from numlean.optim import check_rate
from numlean.scalar.entering import entering
from numlean.scalar.innermost import innermost
from numlean.scalar.protocol import Storage
from numlean.training.engine.compiled import CompiledEngine
from numlean.training.engine.repeating import StepRepeater
from numlean.training.stepper import Numbers, Stepper

_SECONDS: Final = 0.01
"""The duration of a block."""

_FIRST: Final = 8
"""The steps of the first block, of unknown duration."""

_GROWTH: Final = 4
"""The maximum ratio of the steps of a block to those of the one before."""

_LARGEST: Final = 1 << 28
"""The maximum size of the data in the run's Scalar, in bytes, which are kept for a run."""


class Orders:
    """The batches of a run, as indices of samples, in order."""

    def __init__(self, orders: Iterator[Order]) -> None:
        self._orders = orders
        self._current = next(orders)

    @property
    def width(self) -> int:
        """The number of samples of the next batch."""
        return int(self._current.shape[1])

    def take(self, limit: int) -> Order:
        """Return the next batches, at least one and at most ``limit``, all of one size."""
        parts, count, width = list[Order](), 0, self.width
        while count < limit and self.width == width:
            part = self._current[: limit - count]
            parts.append(part)
            count += len(part)
            self._current = self._current[len(part) :]
            if not len(self._current):
                self._current = next(self._orders)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def give_back(self, order: Order) -> None:
        """Return batches that were taken and not used; they are the next ones again."""
        if len(order):
            self._orders = chain([self._current], self._orders)
            self._current = order


class BlockLength:
    """The length of blocks that take about as long as a block should.

    Attributes:
        steps: The number of steps of the next block.
    """

    def __init__(self) -> None:
        self.steps = _FIRST

    def adapt(self, made: int, seconds: float) -> None:
        """Adapt the length to the duration of a block of some steps, if that was a whole one."""
        if made == self.steps:
            fitting = int(_SECONDS * made / max(seconds, _SECONDS / 1000))
            self.steps = max(1, min(fitting, _GROWTH * self.steps))


class StepBlocks:
    """Makes the steps of a run in blocks, where its engine can.

    A run that draws random numbers, scales its loss, keeps its outputs or computes in several
    arithmetics makes its steps one by one.
    """

    def __init__(self, stepper: Stepper, dataset: Dataset) -> None:
        self._stepper = stepper
        self._dataset = dataset
        self._rows = _rows(stepper, dataset)
        self._repeaters: dict[int, StepRepeater] = {}
        self._length = BlockLength()

    @property
    def step_count(self) -> int:
        """The number of updates of the run so far."""
        return self._stepper.step_count

    def run(self, orders: Orders, limit: int) -> Tensor:
        """Make at least one step and at most ``limit``; return the loss of the last one."""
        end = time.perf_counter() + _SECONDS
        while True:
            before = self._stepper.step_count
            repeater = self.repeater(orders.width) if limit > 1 else None
            if repeater is None:
                return self._stepper.step(self._dataset.batch(orders.take(1)[0]))
            loss = self._repeat(repeater, orders, min(limit, self._length.steps))
            limit -= self._stepper.step_count - before
            if limit <= 0 or time.perf_counter() > end or self._stepper.previous is not None:
                return loss

    def _repeat(self, repeater: StepRepeater, orders: Orders, limit: int) -> Tensor:
        """Make steps of the size of the next batch."""
        stepper, engine = self._stepper, self._stepper.engine
        assert isinstance(engine, CompiledEngine)
        order = orders.take(limit)
        rates = self.rates(valid_rates(stepper, len(order)))
        began = time.perf_counter()
        made, before = repeater.steps(np.ascontiguousarray(order[: len(rates)]), rates)
        self._length.adapt(made, time.perf_counter() - began)
        orders.give_back(order[made:])
        count = stepper.step_count + made
        previous = None if before is None else engine.numbers_of(before, count - 1)
        return self.adopt(order[:made], previous)

    def adopt(self, order: Order, previous: Numbers | None = None) -> Tensor:
        """Take over the steps that a repeater has made; return the loss of the last one."""
        stepper, engine = self._stepper, self._stepper.engine
        assert isinstance(engine, CompiledEngine)
        own = self._repeaters[order.shape[1]].loss
        loss = own.like(own.data.copy())
        engine.mark_written()
        stepper.adopt_steps(len(order), self._dataset.batch(order[-1]), loss, previous)
        return loss

    def repeater(self, size: int) -> StepRepeater | None:
        """Return what makes steps of ``size`` samples at once; None if it cannot."""
        engine = self._stepper.engine
        if self._rows is None or not isinstance(engine, CompiledEngine):
            return None
        if size not in self._repeaters:
            found = engine.repeater(*self._rows, size)
            if found is None:
                return None
            self._repeaters[size] = found
        return self._repeaters[size]

    def rates(self, rates: Sequence[float]) -> Storage:
        """Return learning rates in the run's Scalar, of shape (steps, 1)."""
        return self._stepper.runner.tensor(np.array(rates)).data.reshape(len(rates), 1)


def valid_rates(stepper: Stepper, count: int) -> list[float]:
    """Return the learning rates of the next steps of a run.

    There are fewer if a later one is not valid: it is an error when its step is due.
    """
    if stepper.schedule is None:
        return [check_rate("lr", stepper.optimizer.lr)] * count
    rates = list[float]()
    for index in range(stepper.schedule_count, stepper.schedule_count + count):
        try:
            rates.append(check_rate("lr", stepper.rate_at(index)))
        except NumleanError:
            if not rates:
                raise
            break
    return rates


def _rows(stepper: Stepper, dataset: Dataset) -> tuple[Tensor, Tensor] | None:
    """Return all inputs and targets of a run in its Scalar; None if it cannot make blocks."""
    runner, engine = stepper.runner, stepper.engine
    scalar = runner.scalar
    is_plain = runner.precision.policy is None and innermost(scalar) is scalar
    if not (is_plain and scalar.is_deterministic and runner.cast == entering(scalar)):
        return None
    if not isinstance(engine, CompiledEngine) or runner.keeps_outputs or engine.scaled_step:
        return None
    size = dataset.x[:1].size + dataset.y[:1].size
    if dataset.size * size * scalar.storage_dtype.itemsize > _LARGEST:
        return None
    try:
        x, y = runner.batch(dataset.stacked())
    except NumleanError:  # an error of the step that takes the sample
        return None
    return tuple(t.like(np.ascontiguousarray(t.data)) for t in (x, y))  # type: ignore[return-value]
