"""Where the shards of a step are computed: in this process, or by whatever a run is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

from numlean.autograd.tensor import Tensor
from numlean.training.shards.cutting import Shard
from numlean.training.shards.gradient import ShardProgram, ShardResult


class ShardPool(Protocol):
    """Computes the shards of a step."""

    def compute(
        self, shards: Sequence[Shard], params: Sequence[Tensor], step: int, scale: Tensor | None
    ) -> list[ShardResult]:
        """Return what each shard gives, in the order of the shards.

        Args:
            shards: The shards.
            params: All numbers of the run before the step.
            step: The step, from 0.
            scale: The scale of the loss, of shape (); None without.
        """


@final
@dataclass(frozen=True)
class LocalPool:
    """Computes all shards in this process, one after the other.

    Attributes:
        program: Computes a shard with the numbers of the run.
    """

    program: ShardProgram

    def compute(
        self, shards: Sequence[Shard], params: Sequence[Tensor], step: int, scale: Tensor | None
    ) -> list[ShardResult]:
        """Return what each shard gives."""
        return [self.program(shard, step, scale) for shard in shards]
