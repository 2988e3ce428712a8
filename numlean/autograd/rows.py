"""Rows of a batch that is cut into shards: a shard reads those of the others, and keeps its own.

A shard is computed on its own, so the rows of the others are not there when an operation asks for
them. The computation then ends with ``RowsNeeded``, and begins again once they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from numlean.autograd.indices import INDEX
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives.movement import take
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage


class RowsNeeded(Exception):  # noqa: N818 - no error: the computation begins again
    """The rows of all shards are needed to go on.

    Attributes:
        rows: The rows of this shard.
    """

    def __init__(self, rows: Tensor) -> None:
        super().__init__("the rows of the other shards")
        self.rows = rows


@final
@dataclass
class Rows:
    """The rows that a shard knows, in the order in which its computation asks for them.

    Attributes:
        own: The positions of the shard's rows in the batch, indices of shape (rows,).
        is_first: Whether this is the first of the shards, which computes what none computes alone.
        known: Tensors of shape (batch, ...) with the rows of all shards.
    """

    own: Tensor
    is_first: bool
    known: Sequence[Tensor] = ()
    _asked: int = field(default=0, init=False)

    def whole(self, x: Tensor) -> Tensor:
        """Return the rows of all shards, of shape (batch, ...), for this shard's x.

        Raises:
            RowsNeeded: They are not known yet.
        """
        return _whole(x, rows=self)

    def part(self, x: Tensor) -> Tensor:
        """Return this shard's rows of x, of shape (batch, ...)."""
        return _part(x, self.own, rows=self)

    def next_known(self, scalar: Scalar, x: Storage) -> Storage:
        """Return the rows of all shards; see ``whole``."""
        self._asked += 1
        if self._asked > len(self.known):
            raise RowsNeeded(Tensor(scalar, x))
        return self.known[self._asked - 1].data


def _whole_storage(scalar: Scalar, x: Storage, *, rows: Rows) -> Storage:
    return rows.next_known(scalar, x)


def _part_storage(scalar: Scalar, x: Storage, own: Storage, *, rows: Rows) -> Storage:
    return take(Tensor(scalar, x), Tensor(INDEX, own), row_axes=x.ndim - 1).data


_whole: Primitive = Primitive(
    "rows of all shards", _whole_storage, (lambda g, z, x, *, rows: _part(g, rows.own, rows=rows),)
)
_part: Primitive = Primitive(
    "rows of a shard", _part_storage, (lambda g, z, x, own, *, rows: _whole(g, rows=rows), None)
)
