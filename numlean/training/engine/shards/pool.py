"""Where the shards of a step are computed: in this process, or by whatever a run is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

from numlean.autograd.primitives import concat
from numlean.autograd.tensor import Tensor
from numlean.training.engine.shards.cutting import Shard
from numlean.training.engine.shards.gradient import ShardProgram, ShardResult


class ShardPool(Protocol):
    """Computes the shards of a step."""

    def compute(
        self, shards: Sequence[Shard], inputs: StepInputs, known: Sequence[Tensor]
    ) -> list[ShardResult | Tensor]:
        """Return what each shard gives, or the rows it needs, in the order of the shards.

        Args:
            shards: The shards.
            inputs: What they share; the same object for all calls of a step.
            known: The rows of all shards that each has asked for so far in this step.
        """


@final
@dataclass(frozen=True)
class StepInputs:
    """What all shards of a step share.

    Attributes:
        params: All numbers of the run before the step.
        step: The step, from 0.
        scale: The scale of the loss, of shape (); None without.
    """

    params: Sequence[Tensor]
    step: int
    scale: Tensor | None


def compute_step(pool: ShardPool, shards: Sequence[Shard], inputs: StepInputs) -> list[ShardResult]:
    """Return what each shard of a step gives, once they all know the rows they need."""
    known: list[Tensor] = []
    while True:
        found = pool.compute(shards, inputs, known)
        results = [each for each in found if isinstance(each, ShardResult)]
        if len(results) == len(found):
            return results
        rows = [each for each in found if isinstance(each, Tensor)]
        assert len(rows) == len(found), "all shards ask for rows at the same operation"
        known.append(concat(rows, 0))


@final
@dataclass(frozen=True)
class LocalPool:
    """Computes all shards in this process, one after the other.

    Attributes:
        program: Computes a shard with the numbers of the run.
    """

    program: ShardProgram

    def compute(
        self, shards: Sequence[Shard], inputs: StepInputs, known: Sequence[Tensor]
    ) -> list[ShardResult | Tensor]:
        """Return what each shard gives, or the rows it needs."""
        return [self.program(each, inputs.step, inputs.scale, known) for each in shards]
