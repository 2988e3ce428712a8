"""A tape whose actions are planned when they first come in some order, and replayed from then on.

Actions are put off until a value is asked for. Those that have come since are then a *stretch*. If
this stretch came once before at this place, the kernels it took are run again on the same arrays;
else it is carried out as on an eager tape, by a Scalar that keeps a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage, device_copy
from numlean.session.actions import Action, SgdStep
from numlean.session.machine import TapeState
from numlean_kernels.protocol import HostCall, ProgramStep
from numlean_kernels.targets.dead_code import pruned


@dataclass
class Place:
    """Where a tape is after some stretches, and how the last of them is done again.

    Attributes:
        machine: The tensors, in arrays that each replay writes anew.
        written: All arrays that are written on the way here.
        actions: The stretch that led here.
        inputs: The arrays that take what its actions are given; None where nothing is.
        run: Does the stretch again.
        onward: The places that lie behind further stretches.
    """

    machine: TapeState
    written: list[Storage]
    actions: tuple[Action, ...] = ()
    inputs: tuple[Storage | None, ...] = ()
    run: Callable[[], None] = lambda: None
    onward: dict[tuple[Action, ...], Place] = field(default_factory=dict)

    def replay(self, given: Sequence[Tensor | None]) -> None:
        """Come here once more, with other numbers given."""
        for action, tensor in zip(self.actions, given, strict=True):
            action.check(self.machine, tensor)
        for place, tensor in zip(self.inputs, given, strict=True):
            if place is not None and tensor is not None:
                place[...] = tensor.data
        self.run()


class CompiledTape:
    """See :class:`numlean.session.engine.TapeEngine`."""

    def __init__(self, scalar: Scalar) -> None:
        self._scalar = scalar
        self._record: list[ProgramStep] = []
        self._recorder = scalar.with_recorder(self._record)
        self._params: list[Storage] = []
        self._trainable: list[bool] = []
        machine = TapeState(self._taken, self._put, self._trainable.__getitem__)
        self._start = self._here = Place(machine, [])
        self._pending: list[tuple[Action, Tensor | None]] = []
        self._failure: Exception | None = None

    def new_param(self, value: Tensor, *, is_trainable: bool) -> None:
        """Take a parameter."""
        self._params.append(device_copy(self._scalar, value.data))
        self._trainable.append(is_trainable)

    def param(self, number: int) -> Tensor:
        """A parameter as it is now."""
        self._go_on()
        return Tensor(self._scalar, self._params[number].copy())

    def do(self, action: Action, given: Tensor | None = None) -> None:
        """Put an action off."""
        self._pending.append((action, given))

    def value(self, slot: int) -> Tensor:
        """A tensor on the tape."""
        self._go_on()
        return self._outside(self._here.machine.values[slot])

    def gradient(self, slot: int) -> Tensor:
        """By a tensor on the tape."""
        self._go_on()
        return self._outside(self._here.machine.gradient(slot))

    def reset(self) -> None:
        """Begin a new tape; what only concerns the old one is not done any more."""
        if self._failure is None and any(isinstance(a, SgdStep) for a, _ in self._pending):
            self._go_on()
        self._here, self._pending, self._failure = self._start, [], None

    def _go_on(self) -> None:
        """Carry out what was put off; after a failure, fail again until the tape is reset."""
        if self._failure is not None:
            raise self._failure
        if not self._pending:
            return
        actions = tuple(action for action, _ in self._pending)
        given = [tensor for _, tensor in self._pending]
        self._pending = []
        try:
            self._here = self._after(actions, given)
        except Exception as failure:
            self._failure = failure
            raise

    def _after(self, actions: tuple[Action, ...], given: Sequence[Tensor | None]) -> Place:
        """Where the tape is after a stretch."""
        known = self._here.onward.get(actions)
        if known is None:
            known = self._here.onward[actions] = self._planned(actions, given)
        else:
            known.replay(given)
        return known

    def _planned(self, actions: tuple[Action, ...], given: Sequence[Tensor | None]) -> Place:
        """Carry out a stretch for the first time."""
        inputs = tuple(
            None if t is None else device_copy(self._scalar, t.data, host_visible=True)
            for t in given
        )
        before, machine = self._here, self._here.machine.branch()
        self._record.clear()
        for action, tensor, array in zip(actions, given, inputs, strict=True):
            action.perform(machine, self._inside(tensor, array))
        variables = [*before.written, *self._params, *(x for x in inputs if x is not None)]
        results = [t.data for t in (*machine.values, *machine.cotangents.values())]
        # Random bits are counted on even if nothing comes of them.
        drawn = [x for op in self._record if isinstance(op, HostCall) for x in op.written]
        operations = pruned(self._record, variables, [*results, *drawn, *self._params])
        written = [x for operation in self._record for x in operation.written]
        return Place(
            machine,
            [*variables, *written],
            actions,
            inputs,
            self._scalar.compile(operations),
        )

    def _inside(self, tensor: Tensor | None, array: Storage | None) -> Tensor | None:
        if tensor is None or array is None:
            return None
        return Tensor(INDEX if tensor.scalar is INDEX else self._recorder, array)

    def _outside(self, tensor: Tensor) -> Tensor:
        scalar = INDEX if tensor.scalar is INDEX else self._scalar
        return Tensor(scalar, np.array(tensor.data, order="C"))

    def _taken(self, number: int) -> Tensor:
        """A parameter's numbers in an array of their own: the parameter's will change."""
        return Tensor(self._recorder, self._recorder.copy(self._params[number]))

    def _put(self, number: int, value: Tensor) -> None:
        self._recorder.copy_into(value.data, self._params[number])
