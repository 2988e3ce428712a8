"""The shape of tiles, panels and blocks of a product, from the registers and the caches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, final

from numlean_kernels.targets.vector_matmul.machine import Caches, Machine

_MOST_ROWS: Final = {1: 16, 2: 12}
"""The most rows of a tile, by its vectors in a row. With two, 12 rows load 14 operands for 24
terms. With one, 16 rows load 17 for 16, and batches are mostly multiples of 16."""

_SHORT_STEP: Final = 1
"""The registers that a product and a sum need besides sums and operands; fused, they need none."""

_SPREADING: Final = 512
"""The bits of vectors whose instructions spread a number from memory to all lanes (AVX-512)."""


@final
@dataclass(frozen=True)
class Form:
    """The shape of a tile.

    Attributes:
        lanes: The lanes of a vector.
        rows: The rows of a tile.
        vectors: The vectors of a row of a tile.
    """

    lanes: int
    rows: int
    vectors: int

    @property
    def few_rows(self) -> int:
        """The rows of a tile for fewer rows than ``rows``: one pointer serves them."""
        return min(self.rows, 4)

    @property
    def columns(self) -> int:
        """The columns of a tile, and of a panel of b."""
        return self.lanes * self.vectors


@final
@dataclass(frozen=True)
class Shape:
    """The numbers of rows, columns and terms that are computed together.

    Attributes:
        packed: The tile of panels.
        direct: The tile of operands in place.
        terms: The most terms of a block.
        block_rows: The most rows of a block of a, a multiple of the rows of a tile.
    """

    packed: Form
    direct: Form
    terms: int
    block_rows: int


@cache
def shape(machine: Machine, caches: Caches, bits: int, temporaries: int) -> Shape:
    """Return the shape for lanes of some bits and a step that needs some further registers.

    A tile of r rows and v vectors keeps r*v sums, v vectors of b, a number of a and the temporaries
    in registers. It loads r + v operands for r*v terms, so r and v should be near each other, but
    two vectors suffice: the processor then loads less often than it multiplies.

    Where a product takes its number of a from memory, one vector is better for separate products
    and sums. Processors that multiply and add in different pipes (AMD's from Zen on) need all of
    them for both, and spreading a number to a register first takes a pipe for a cycle (measured on
    Zen 4: 12 rows of 2 vectors have 0.67 of the speed of 16 rows of 1). Operands in place have
    narrow tiles, too, for results of few columns.

    A panel of b fills the first cache. Panels of a pass it, so a part of it is fetched again from
    the second, in order and early enough; fewer terms would read and write the sums more often,
    which costs more (measured on Zen 4).
    """
    spreads = machine.bits == _SPREADING and temporaries <= _SHORT_STEP
    narrow, wide = (_form(machine, bits, temporaries, vectors) for vectors in (1, 2))
    packed = narrow if spreads and temporaries == _SHORT_STEP else wide
    size = bits // 8
    terms = caches.first // (packed.columns * size) // 8 * 8
    block_rows = max(caches.second // 2 // (terms * size) // packed.rows, 1) * packed.rows
    return Shape(packed, narrow if spreads else wide, terms, block_rows)


def _form(machine: Machine, bits: int, temporaries: int, vectors: int) -> Form:
    free = machine.registers - vectors - 1 - temporaries
    rows = min(max(free // vectors, 1), _MOST_ROWS[vectors])
    return Form(machine.bits // bits, rows, vectors)
