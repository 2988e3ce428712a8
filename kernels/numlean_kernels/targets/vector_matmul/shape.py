"""The shape of tiles, panels and blocks of a product, from the registers and the caches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, final

from numlean_kernels.targets.vector_matmul.machine import Machine

_PANEL_BYTES: Final = {512: 36 << 10}
_FEWEST_PANEL_BYTES: Final = 28 << 10
"""The first cache has at least 32 KiB, and mostly 48 KiB where vectors have 512 bits."""

_BLOCK_BYTES: Final = 160 << 10
"""The second cache has at least 256 KiB."""

_MOST_ROWS: Final = 12
"""With two vectors in a row, 12 rows load 14 operands for 24 terms."""


@final
@dataclass(frozen=True)
class Shape:
    """The numbers of rows, columns and terms that are computed together.

    Attributes:
        lanes: The lanes of a vector.
        rows: The rows of a tile.
        vectors: The vectors of a row of a tile.
        terms: The most terms of a block.
        block_rows: The most rows of a block of a, a multiple of ``rows``.
    """

    lanes: int
    rows: int
    vectors: int
    terms: int
    block_rows: int

    @property
    def few_rows(self) -> int:
        """The rows of a tile for fewer rows than ``rows``: one pointer serves them."""
        return min(self.rows, 4)

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
    lanes, size, vectors = machine.bits // bits, bits // 8, 2
    free = machine.registers - vectors - 1 - temporaries
    rows = min(max(free // vectors, 1), _MOST_ROWS)
    panels = _PANEL_BYTES.get(machine.bits, _FEWEST_PANEL_BYTES)
    terms = panels // ((rows + lanes * vectors) * size) // 8 * 8
    block_rows = max(_BLOCK_BYTES // (terms * size) // rows, 1) * rows
    return Shape(lanes, rows, vectors, terms, block_rows)
