"""The shape of tiles, panels and blocks of a product, from the registers and the caches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, final

from numlean_kernels.targets.vector_matmul.machine import Machine

_PANEL_BYTES: Final = 24 << 10
"""A panel of b stays in the first cache, of 32 KiB or more, while panels of a pass."""

_BLOCK_BYTES: Final = 192 << 10
"""A block of a stays in the second cache, of 256 KiB or more, while panels of b pass."""

_COLUMNS_BYTES: Final = 2 << 20
"""A block of b stays in the last cache."""


@final
@dataclass(frozen=True)
class Shape:
    """The numbers of rows, columns and terms that are computed together.

    Attributes:
        lanes: The lanes of a vector.
        rows: The rows of a tile.
        vectors: The vectors of a row of a tile.
        terms: The terms of a block: a multiple of eight.
        block_rows: The rows of a block of a, a multiple of ``rows``.
        block_columns: The columns of a block of b, a multiple of ``columns``.
    """

    lanes: int
    rows: int
    vectors: int
    terms: int
    block_rows: int
    block_columns: int

    @property
    def heights(self) -> tuple[int, int, int]:
        """The rows of tiles: as many as fit into the registers, few, and one."""
        return self.rows, max(self.rows // 3, 1), 1

    @property
    def columns(self) -> int:
        """The columns of a tile, and of a panel of b."""
        return self.lanes * self.vectors


@cache
def shape(machine: Machine, bits: int, temporaries: int) -> Shape:
    """Return the shape for lanes of some bits and a step that needs some further registers.

    A tile of r rows and v vectors keeps r*v sums, v vectors of b, a number of a and the temporaries
    in registers. It loads r + v operands for r*v terms, so r and v should be near each other, but
    two vectors suffice: the processor then loads less often than it multiplies.
    """
    lanes = machine.bits // bits
    vectors = 2
    free = machine.registers - vectors - 1 - temporaries
    rows = max(free // vectors, 1)
    rows = min(rows, 12)
    columns, item = lanes * vectors, bits // 8
    terms = _PANEL_BYTES // (columns * item) // 8 * 8
    block_rows = max(_BLOCK_BYTES // (terms * item) // rows, 1) * rows
    block_columns = max(_COLUMNS_BYTES // (terms * item) // columns, 1) * columns
    return Shape(lanes, rows, vectors, terms, block_rows, block_columns)
