"""The compiled tape: actions are recorded when they first come in some order, and then replayed.

Actions are deferred until a value is read. The actions deferred since the last read are a
*segment*. If the same segment followed the same segments before, its recording is replayed on the
same arrays. Otherwise it is executed as on an eager tape, by a Scalar that records the operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage
from numlean.session.actions import Action, SgdStep
from numlean.session.tape import TapeState
from numlean.training.engine.plan import Recorder, Recording
from numlean_kernels.protocol import HostCall


@dataclass
class CompiledSegment:
    """A segment of actions, and the tape's state after it.

    Attributes:
        state: The tensors on the tape, in arrays that each replay overwrites.
        written: All arrays that this segment and those before it write.
        actions: The actions; none at the start of a tape.
        recording: Replays the actions; None at the start of a tape.
        next: The segments that have followed this one, by their actions.
    """

    state: TapeState
    written: list[Storage]
    actions: tuple[Action, ...] = ()
    recording: Recording | None = None
    next: dict[tuple[Action, ...], CompiledSegment] = field(default_factory=dict)

    def replay(self, given: Sequence[Tensor | None]) -> None:
        """Execute the actions again, with other inputs."""
        assert self.recording is not None
        for action, tensor in zip(self.actions, given, strict=True):
            action.check(self.state, tensor)
        self.recording.replay([tensor.data for tensor in given if tensor is not None])


class CompiledTape:
    """See :class:`numlean.session.engine.TapeEngine`."""

    def __init__(self, scalar: Scalar) -> None:
        self._scalar = scalar
        self._recorder = Recorder(scalar)
        self._params: list[Storage] = []
        self._trainable: list[bool] = []
        state = TapeState(self._take, self._put, self._trainable.__getitem__)
        self._start = self._last = CompiledSegment(state, [])
        self._deferred: list[tuple[Action, Tensor | None]] = []
        self._failure: Exception | None = None

    def new_param(self, value: Tensor, *, is_trainable: bool) -> None:
        """Add a parameter."""
        self._params.append(self._scalar.device_copy(value.data))
        self._trainable.append(is_trainable)

    def param(self, number: int) -> Tensor:
        """Return the current value of a parameter."""
        self._execute()
        return Tensor(self._scalar, self._params[number].copy())

    def do(self, action: Action, given: Tensor | None = None) -> None:
        """Defer an action."""
        self._deferred.append((action, given))

    def value(self, slot: int) -> Tensor:
        """Return a tensor on the tape."""
        self._execute()
        return self._copy(self._last.state.values[slot])

    def gradient(self, slot: int) -> Tensor:
        """Return the gradient of the last backward sweep by a tensor on the tape."""
        self._execute()
        return self._copy(self._last.state.gradient(slot))

    def reset(self) -> None:
        """Start a new tape; drop deferred actions that do not change a parameter."""
        if self._failure is None and any(isinstance(a, SgdStep) for a, _ in self._deferred):
            self._execute()
        self._last, self._deferred, self._failure = self._start, [], None

    def _execute(self) -> None:
        """Execute the deferred actions; after a failure, fail again until the tape is reset."""
        if self._failure is not None:
            raise self._failure
        if not self._deferred:
            return
        actions = tuple(action for action, _ in self._deferred)
        given = [tensor for _, tensor in self._deferred]
        self._deferred = []
        try:
            self._last = self._segment(actions, given)
        except Exception as failure:
            self._failure = failure
            raise

    def _segment(
        self, actions: tuple[Action, ...], given: Sequence[Tensor | None]
    ) -> CompiledSegment:
        """Execute a segment, recorded or replayed, and return it."""
        known = self._last.next.get(actions)
        if known is None:
            known = self._last.next[actions] = self._record(actions, given)
        else:
            known.replay(given)
        return known

    def _record(
        self, actions: tuple[Action, ...], given: Sequence[Tensor | None]
    ) -> CompiledSegment:
        """Execute a segment for the first time."""
        recorder, state = self._recorder, self._last.state.branch()
        inputs = iter(recorder.start([tensor for tensor in given if tensor is not None]))
        for action, tensor in zip(actions, given, strict=True):
            action.perform(state, None if tensor is None else next(inputs))
        results = [t.data for t in (*state.values, *state.cotangents.values())]
        # Random bits are counted, so they are drawn even where no result depends on them.
        drawn = [x for step in recorder.steps if isinstance(step, HostCall) for x in step.written]
        variables = [*self._last.written, *self._params]
        recording = recorder.finish(variables=variables, results=[*results, *drawn, *self._params])
        written = [x for step in recorder.steps for x in step.written]
        return CompiledSegment(state, [*variables, *recording.inputs, *written], actions, recording)

    def _copy(self, tensor: Tensor) -> Tensor:
        return self._recorder.detach(tensor, np.array(tensor.data, order="C"))

    def _take(self, number: int) -> Tensor:
        """Return a copy of a parameter, whose own array is overwritten by later steps."""
        recording = self._recorder.scalar
        return Tensor(recording, recording.copy(self._params[number]))

    def _put(self, number: int, value: Tensor) -> None:
        self._recorder.scalar.copy_into(value.data, self._params[number])
