"""The compiled engine: a step is planned once and then replayed, without Python between kernels.

The first step on a batch of some shape is executed operation by operation, as on the eager engine,
by a Scalar that records the operations. Later steps on batches of that shape replay the recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.optim.scaled_loss import ScaledStep, scaling_state
from numlean.scalar.protocol import Storage
from numlean.training.engine.plan import Recorder, Recording
from numlean.training.engine.repeating import StepRepeater
from numlean.training.engine.shards.combining import combine
from numlean.training.engine.shards.cutting import Shard
from numlean.training.engine.state_check import check_state
from numlean.training.options import BATCH
from numlean.training.parameters import trainable_parameters
from numlean.training.update import Gradients, make_apply, make_update
from numlean_kernels.protocol import Repeatable

if TYPE_CHECKING:
    from numlean.training.runner import Runner


class CompiledEngine:
    """See :class:`numlean.training.engine.protocol.Engine`.

    Attributes:
        plans: The recordings of steps, by the shapes and dtypes of the batch.
    """

    def __init__(self, runner: Runner, optimizer: Optimizer) -> None:
        self._runner = runner
        self._optimizer = runner.precision.optimizer(optimizer)
        self._params = runner.store.arrays()
        trained = trainable_parameters(runner.store.specs, runner.params)
        state = self._optimizer.initial(trained, runner.hyperparameter)
        self._state = {
            name: [self._device_copy(t) for t in tensors] for name, tensors in state.items()
        }
        self.plans: dict[tuple[object, ...], Recording] = {}
        self.output: Tensor | None = None

    @property
    def state(self) -> State:
        """A copy of the optimizer's state."""
        return _copies(self._state)

    @state.setter
    def state(self, state: State) -> None:
        check_state(self._state, state)
        for name, tensors in state.items():
            for own, tensor in zip(self._state[name], tensors, strict=True):
                own.data[...] = tensor.data

    @property
    def scaled_step(self) -> ScaledStep | None:
        """What loss scaling has done in the last step; None if the loss is not scaled."""
        return ScaledStep.of(_copies(scaling_state(self._state)))

    @property
    def buffers(self) -> list[Tensor]:
        """The arrays in which a step finds parameters and state, and leaves them."""
        return [*self._params, *(t for tensors in self._state.values() for t in tensors)]

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once by a batch; return its loss before the update."""
        key = (x.shape, x.data.dtype, y.shape, y.data.dtype)
        plan = self.plans.get(key)
        try:
            if plan is None:
                plan = self.plans[key] = self._plan(x, y, rate)
            else:
                plan.replay((x.data, y.data, rate.data))
        finally:
            self._runner.store.mark_written()
        self.output = plan.result("output") if "output" in plan.outputs else None
        return plan.result("loss")

    def apply(self, parts: Sequence[Gradients], shards: Sequence[Shard], rate: Tensor) -> Tensor:
        """Update the parameters once by the shards of a batch; return its loss."""
        tensors = [tensor for part in parts for tensor in part.tensors]
        key = (*(shard.samples for shard in shards), *((t.shape, t.data.dtype) for t in tensors))
        plan = self.plans.get(key)
        try:
            if plan is None:
                plan = self.plans[key] = self._applying_plan(parts, shards, rate)
            else:
                plan.replay([*(t.data for t in tensors), rate.data])
        finally:
            self._runner.store.mark_written()
        return plan.result("loss")

    def repeater(self, x: Tensor, y: Tensor, size: int) -> StepRepeater | None:
        """Return what makes many steps on rows of larger inputs; None if no plan can do so.

        Args:
            x: All inputs that a step may take, in the run's Scalar, with a batch axis.
            y: Their targets.
            size: The number of samples of a step.
        """
        key = ((size, *x.shape[1:]), x.data.dtype, (size, *y.shape[1:]), y.data.dtype)
        plan = self.plans.get(key)
        if plan is None or not isinstance(plan.run, Repeatable):
            return None
        return StepRepeater.of(plan, plan.run, self.buffers, x, y)

    def mark_written(self) -> None:
        """Record that a repeater has made steps."""
        self._runner.store.mark_written()
        self.output = None

    def numbers_of(
        self, values: Sequence[Storage], step_count: int
    ) -> tuple[tuple[Tensor, ...], State, int]:
        """Return the numbers of a run after some steps, from the values of ``buffers``."""
        tensors = [t.like(x) for t, x in zip(self.buffers, values, strict=True)]
        rest = iter(tensors[len(self._params) :])
        state = {name: [next(rest) for _ in each] for name, each in self._state.items()}
        return tuple(tensors[: len(self._params)]), state, step_count

    def _device_copy(self, tensor: Tensor) -> Tensor:
        return tensor.like(tensor.scalar.device_copy(tensor.data))

    def _plan(self, x: Tensor, y: Tensor, rate: Tensor) -> Recording:
        """Execute a step and return its recording."""
        runner = self._runner
        recorder = Recorder(runner.scalar, runner.precision.everything)
        inputs = recorder.start([x, y, rate])
        outputs: list[Tensor] = []
        update = make_update(
            runner.task,
            self._optimizer,
            runner.clock,
            lambda v: recorder.attach(runner.hyperparameter(v)),
            runner.precision,
            new_tape=runner.new_tape,
            on_output=outputs.append,
        )
        params = [recorder.attach(p) for p in self._params]
        state = self._attached_state(recorder)
        loss, params, state = update(params, state, *inputs)
        recorder.output("loss", loss)
        if runner.keeps_outputs:
            recorder.output("output", outputs[0])
        return self._finish(recorder, params, state)

    def _applying_plan(
        self, parts: Sequence[Gradients], shards: Sequence[Shard], rate: Tensor
    ) -> Recording:
        """Apply the shards of a batch and return the recording."""
        runner = self._runner
        recorder = Recorder(runner.scalar, runner.precision.everything)
        *tensors, rate = recorder.start([*(t for part in parts for t in part.tensors), rate])
        rest = iter(tensors)
        found = combine(
            [part.with_tensors(rest) for part in parts],
            shards,
            is_whole=runner.options.batch_statistics == BATCH,
        )
        apply = make_apply(
            runner.task,
            self._optimizer,
            lambda v: recorder.attach(runner.hyperparameter(v)),
            runner.precision,
        )
        params = [recorder.attach(p) for p in self._params]
        params, state = apply(params, self._attached_state(recorder), found, rate)
        recorder.output("loss", found.loss)
        return self._finish(recorder, params, state)

    def _attached_state(self, recorder: Recorder) -> State:
        return {name: [recorder.attach(t) for t in each] for name, each in self._state.items()}

    def _finish(self, recorder: Recorder, params: Sequence[Tensor], state: State) -> Recording:
        """Record that parameters and state take new values; return the recording."""
        results = [*params, *(t for name in self._state for t in state[name])]
        buffers = [t.data for t in self.buffers]
        with _restored_on_failure(buffers):
            recorder.write_back([*zip(self.buffers, results, strict=True)])
            return recorder.finish(variables=buffers, results=buffers)


def _copies(state: State) -> State:
    return {name: [t.like(np.array(t.data)) for t in tensors] for name, tensors in state.items()}


@contextmanager
def _restored_on_failure(arrays: Sequence[Storage]) -> Iterator[None]:
    """Give arrays their values back if the block fails."""
    before = [np.array(array) for array in arrays]
    try:
        yield
    except BaseException:
        for array, values in zip(arrays, before, strict=True):
            array[...] = values
        raise
