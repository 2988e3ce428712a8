"""The loss and the gradient of a shard: computed eagerly, or recorded once and replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

from numlean.autograd.rows import Rows, RowsNeeded
from numlean.autograd.tensor import Tensor
from numlean.training.engine.plan import Recorder, Recording
from numlean.training.engine.shards.cutting import Shard, stream_index
from numlean.training.options import BATCH
from numlean.training.update import GradientProgram, Gradients, make_gradient

if TYPE_CHECKING:
    from numlean.training.runner import Runner


_OUTPUT, _ROWS = "output", "rows"
"""Names of outputs of a recording."""


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

    def __call__(
        self, shard: Shard, step: int, scale: Tensor | None, known: Sequence[Tensor] = ()
    ) -> ShardResult | Tensor:
        """Return what a shard gives, or the rows it needs of all shards next, its own only.

        Args:
            shard: The shard.
            step: The step, from 0; it and the shard's index determine random numbers.
            scale: The scale of the loss, of shape (); None without.
            known: The rows of all shards that it has asked for so far.
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
        self._gradient = _gradient_program(runner, self._outputs)

    def __call__(
        self, shard: Shard, step: int, scale: Tensor | None, known: Sequence[Tensor] = ()
    ) -> ShardResult | Tensor:
        """Return what a shard gives, or the rows it needs."""
        runner = self._runner
        start_part(runner, step, shard.index)
        self._outputs.clear()
        share = runner.tensor(float(shard.share))
        is_first = shard.first == 0
        rows = Rows(shard.rows, is_first, known) if reads_other_shards(runner) else None
        params = runner.store.values
        try:
            found = self._gradient(params, shard.x, shard.y, scale, share, rows)
        except RowsNeeded as needed:
            return needed.rows
        output = self._outputs[0].detach() if runner.keeps_outputs else None
        return ShardResult(found, output)


@dataclass(frozen=True)
class _Plan:
    """The recording of a shard, and the structure of its results; None if it asks for rows."""

    recording: Recording
    structure: Gradients | None

    def result(self) -> ShardResult | Tensor:
        """Return copies of the results of the last replay."""
        outputs = {name: self.recording.result(name) for name in self.recording.outputs}
        if self.structure is None:
            return outputs[_ROWS]
        names = map(str, range(len(self.structure.tensors)))
        found = self.structure.with_tensors(outputs[name] for name in names)
        return ShardResult(found, outputs.get(_OUTPUT))


@final
class CompiledShards:
    """Computes shards by a recording for each shape."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._params = runner.store.arrays()
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def __call__(
        self, shard: Shard, step: int, scale: Tensor | None, known: Sequence[Tensor] = ()
    ) -> ShardResult | Tensor:
        """Return what a shard gives, or the rows it needs."""
        share = self._runner.tensor(float(shard.share))
        inputs = [shard.x, shard.y, share, *([] if scale is None else [scale])]
        inputs += [shard.rows, *known] if reads_other_shards(self._runner) else []
        key = (scale is None, shard.first == 0, *((each.shape, each.data.dtype) for each in inputs))
        start_part(self._runner, step, shard.index)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._record(
                inputs, has_scale=scale is not None, is_first=shard.first == 0
            )
        else:
            plan.recording.replay([each.data for each in inputs])
        return plan.result()

    def _record(self, tensors: Sequence[Tensor], *, has_scale: bool, is_first: bool) -> _Plan:
        """Compute a shard, as far as it comes, and return the recording."""
        runner = self._runner
        recorder = Recorder(runner.scalar, runner.precision.everything)
        x, y, share, *others = recorder.start(tensors)
        scale = others.pop(0) if has_scale else None
        rows = Rows(others[0], is_first, others[1:]) if others else None
        seen: list[Tensor] = []
        params = [recorder.attach(p) for p in self._params]
        found = None
        try:
            found = _gradient_program(runner, seen)(params, x, y, scale, share, rows)
        except RowsNeeded as needed:
            recorder.output(_ROWS, needed.rows)
        else:
            for k, tensor in enumerate(found.tensors):
                recorder.output(str(k), tensor)
            if runner.keeps_outputs:
                recorder.output(_OUTPUT, seen[0])
        variables = [p.data for p in self._params]
        return _Plan(recorder.finish(variables=variables, results=()), found)


def _gradient_program(runner: Runner, outputs: list[Tensor]) -> GradientProgram:
    return make_gradient(
        runner.task,
        runner.clock,
        runner.precision,
        new_tape=runner.new_tape,
        on_output=outputs.append,
        joins_statistics=runner.options.batch_statistics == BATCH,
    )


def reads_other_shards(runner: Runner) -> bool:
    """Return whether a shard of a run reads rows of the others."""
    joins_statistics = runner.options.batch_statistics == BATCH
    return joins_statistics or runner.precision.layers.sums_exactly


_PROGRAMS: Final[dict[str, Callable[[Runner], ShardProgram]]] = {
    "eager": EagerShards,
    "compiled": CompiledShards,
}


def start_part(runner: Runner, step: int, part: int) -> None:
    """Make the next random numbers of a run a function of the step and a part of it."""
    index = stream_index(step, part, runner.options.shards)
    runner.clock.step = index
    runner.precision.start_step(index)
