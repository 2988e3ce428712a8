"""Steps planned once and replayed: the same kernels on the same arrays, with no Python between.

The first step on a batch of some shape is carried out as an eager one is, but by a Scalar that
records what it does. From then on the record is done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.scalar.protocol import Scalar, Storage, device_copy
from numlean.training.engine.plan import Plan
from numlean.training.update import make_update, trainable_parameters
from numlean_kernels.targets.dead_code import memory_of

if TYPE_CHECKING:
    from numlean.training.runner import Runner


class CompiledEngine:
    """See :class:`numlean.training.engine.protocol.Engine`.

    Attributes:
        plans: The plans made so far, by the shapes of the batch.
    """

    def __init__(self, runner: Runner, optimizer: Optimizer) -> None:
        self._runner = runner
        self._optimizer = optimizer
        self._params = [self._own(p) for p in runner.params]
        state = optimizer.initial(trainable_parameters(runner.task, runner.params), runner.tensor)
        self._state = {name: [self._own(t) for t in several] for name, several in state.items()}
        self.plans: dict[tuple[object, ...], Plan] = {}
        self._keeper = self._current
        runner.keeper = self._keeper

    @property
    def state(self) -> State:
        """What the optimizer remembers, as it is now."""
        return {name: [_copy(t) for t in several] for name, several in self._state.items()}

    @state.setter
    def state(self, state: State) -> None:
        for name, tensors in state.items():
            for own, tensor in zip(self._state[name], tensors, strict=True):
                own.data[...] = tensor.data

    @property
    def places(self) -> list[Tensor]:
        """Where a step finds parameters and state, and leaves them."""
        return [*self._params, *(t for several in self._state.values() for t in several)]

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once."""
        self._take_over()
        key = (x.shape, x.data.dtype, y.shape, y.data.dtype)
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = self._planned(x, y, rate)
        else:
            plan.replay(x.data, y.data, rate.data)
        return Tensor(self._runner.scalar, plan.loss.copy())

    def _own(self, tensor: Tensor, *, host_visible: bool = False) -> Tensor:
        """A copy for a plan to read and write."""
        scalar = self._runner.scalar
        return Tensor(tensor.scalar, device_copy(scalar, tensor.data, host_visible=host_visible))

    def _current(self) -> list[Tensor]:
        return [_copy(p) for p in self._params]

    def _take_over(self) -> None:
        """Begin with the runner's parameters, if somebody has given it others."""
        if self._runner.keeper is not self._keeper:
            for own, p in zip(self._params, self._runner.params, strict=True):
                own.data[...] = p.data
            self._runner.keeper = self._keeper

    def _planned(self, x: Tensor, y: Tensor, rate: Tensor) -> Plan:
        """Carry out a step, and have it recorded."""
        runner, inputs = self._runner, [self._own(t, host_visible=True) for t in (x, y, rate)]
        plan = Plan(runner.scalar, tuple(t.data for t in inputs))
        scalar = plan.recorder

        def recorded(tensors: Sequence[Tensor]) -> list[Tensor]:
            return [t if t.scalar != runner.scalar else Tensor(scalar, t.data) for t in tensors]

        update = make_update(
            runner.task,
            self._optimizer,
            runner.clock,
            lambda v: Tensor(scalar, runner.cast(v)),
            new_tape=runner.new_tape,
        )
        state = {name: recorded(several) for name, several in self._state.items()}
        loss, new_params, new_state = update(recorded(self._params), state, *recorded(inputs))
        moves = list(zip(self._params, new_params, strict=True))
        for name, several in self._state.items():
            moves += zip(several, new_state[name], strict=True)
        plan.finish(loss.data, _apart(scalar, [(place.data, new.data) for place, new in moves]))
        return plan


def _copy(tensor: Tensor) -> Tensor:
    return Tensor(tensor.scalar, np.array(tensor.data))


def _apart(scalar: Scalar, moves: list[tuple[Storage, Storage]]) -> list[tuple[Storage, Storage]]:
    """Where what goes; nothing that is still to be read is written before."""
    places = {memory_of(place) for place, _ in moves}
    changed = [(place, new) for place, new in moves if new is not place]
    return [(z, scalar.copy(x) if memory_of(x) in places else x) for z, x in changed]
