"""The loss and the gradient of a shard: computed eagerly, or recorded once and replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

from numlean.autograd.tensor import Tensor
from numlean.training.engine.plan import Recorder, Recording
from numlean.training.shards.cutting import Shard, stream_index
from numlean.training.update import Gradients, make_gradient

if TYPE_CHECKING:
    from numlean.training.runner import Runner


@final
@dataclass(frozen=True)
class ShardResult:
    """What a shard gives a step.

    Attributes:
        gradients: Its loss, times its share, and what follows from it.
        output: The model's output; None unless the runner keeps outputs.
    """

    gradients: Gradients
    output: Tensor | None


class ShardProgram(Protocol):
    """Computes shards with the present numbers of a runner."""

    def __call__(self, shard: Shard, step: int, scale: Tensor | None) -> ShardResult:
        """Return what a shard gives.

        Args:
            shard: The shard.
            step: The step, from 0; it and the shard's index determine random numbers.
            scale: The scale of the loss, of shape (); None without.
        """


def shard_program(runner: Runner) -> ShardProgram:
    """Return the program of a runner's engine."""
    return _PROGRAMS[runner.options.backend](runner)


@final
class EagerShards:
    """Computes shards operation by operation."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._outputs: list[Tensor] = []
        self._gradient = make_gradient(
            runner.task,
            runner.clock,
            runner.precision,
            new_tape=runner.new_tape,
            on_output=self._outputs.append,
        )

    def __call__(self, shard: Shard, step: int, scale: Tensor | None) -> ShardResult:
        """Return what a shard gives."""
        runner = self._runner
        start_part(runner, step, shard.index)
        self._outputs.clear()
        share = runner.tensor(float(shard.share))
        found = self._gradient(runner.store.values, shard.x, shard.y, scale, share)
        output = self._outputs[0].detach() if runner.keeps_outputs else None
        return ShardResult(found, output)


@dataclass(frozen=True)
class _Plan:
    """The recording of a shard, and the structure of its results."""

    recording: Recording
    structure: Gradients


@final
class CompiledShards:
    """Computes shards by a recording for each shape."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._params = runner.store.arrays()
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def __call__(self, shard: Shard, step: int, scale: Tensor | None) -> ShardResult:
        """Return what a shard gives."""
        x, y = shard.x, shard.y
        share = self._runner.tensor(float(shard.share))
        inputs = [x, y, share, *([] if scale is None else [scale])]
        key = (x.shape, x.data.dtype, y.shape, y.data.dtype, scale is None)
        start_part(self._runner, step, shard.index)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._record(inputs)
        else:
            plan.recording.replay([each.data for each in inputs])
        outputs = plan.recording.outputs
        names = map(str, range(len(plan.structure.tensors)))
        found = plan.structure.with_tensors(_copy(outputs[name]) for name in names)
        return ShardResult(found, _copy(outputs[_OUTPUT]) if _OUTPUT in outputs else None)

    def _record(self, tensors: Sequence[Tensor]) -> _Plan:
        """Compute a shard and return its recording."""
        runner = self._runner
        recorder = Recorder(runner.scalar, runner.precision.everything)
        x, y, share, *scale = recorder.start(tensors)
        seen: list[Tensor] = []
        gradient = make_gradient(
            runner.task,
            runner.clock,
            runner.precision,
            new_tape=runner.new_tape,
            on_output=seen.append,
        )
        params = [recorder.attach(p) for p in self._params]
        found = gradient(params, x, y, scale[0] if scale else None, share)
        for k, tensor in enumerate(found.tensors):
            recorder.output(str(k), tensor)
        if runner.keeps_outputs:
            recorder.output(_OUTPUT, seen[0])
        variables = [p.data for p in self._params]
        return _Plan(recorder.finish(variables=variables, results=()), found)


_OUTPUT: Final = "output"

_PROGRAMS: Final[dict[str, Callable[[Runner], ShardProgram]]] = {
    "eager": EagerShards,
    "compiled": CompiledShards,
}


def start_part(runner: Runner, step: int, part: int) -> None:
    """Make the next random numbers of a run a function of the step and a part of it."""
    index = stream_index(step, part, runner.options.shards)
    runner.clock.step = index
    runner.precision.start_step(index)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.like(tensor.data.copy())
