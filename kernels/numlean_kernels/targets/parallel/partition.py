"""Parts of the domain of a kernel, which different threads may compute.

A kernel computes each cell of its domain as if the cell were alone (see ``Loop``), so the parts
decide about speed and nothing else. They are of about equal size, and most begin where a line of
the cache or a tile of a product begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.matmul_of_views import MATMUL_FMA_OF_VIEWS, MATMUL_OF_VIEWS
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.vector_matmul.product import tile_of

Domain: TypeAlias = tuple[int, ...]
Bounds: TypeAlias = tuple[int, ...]
"""``start, stop`` for each axis of a domain."""

_PRODUCTS: Final = {MATMUL, MATMUL_FMA, MATMUL_OF_VIEWS, MATMUL_FMA_OF_VIEWS}

UNITS: Final = (64, 4)
"""What parts are multiples of: a line of bytes, as many rows as some kernels take at once."""

_FEWEST: Final = 4
"""The units of a part at least; with fewer, parts would differ too much."""


def split(loop: Loop, table: Table, domain: Domain, parts: int) -> list[Bounds]:
    """Return the bounds of at most ``parts`` parts, which together are the domain."""
    whole = [bound for extent in domain for bound in (0, extent)]
    if parts == 1:
        return [tuple(whole)]
    axis = _axis(loop, domain, parts)
    found = []
    for start, stop in cut(domain[axis], parts, _units(loop, table, axis)):
        whole[2 * axis : 2 * axis + 2] = start, stop
        found.append(tuple(whole))
    return found


def cut(extent: int, parts: int, units: Sequence[int] = UNITS) -> list[tuple[int, int]]:
    """Return the starts and stops of at most ``parts`` parts of an axis.

    Args:
        extent: The cells of the axis.
        parts: The parts.
        units: What the starts are multiples of: the first one of which each part has several.
    """
    unit = next((unit for unit in units if extent >= _FEWEST * unit * parts), 1)
    count = -(-extent // unit)
    parts = max(min(parts, count), 1)
    starts = [count * part // parts * unit for part in range(parts)]
    return [*zip(starts, [*starts[1:], extent], strict=True)]


def cut_axis(extents: Sequence[int], parts: int) -> int:
    """Return the axis to cut: the first one with enough cells, or else the longest."""
    for axis, extent in enumerate(extents):
        if extent >= 2 * parts:
            return axis
    return max(range(len(extents)), key=lambda axis: extents[axis])


def _axis(loop: Loop, domain: Domain, parts: int) -> int:
    if loop.source in _PRODUCTS and domain[0] < 2 * parts:
        # The rows of a block of a product are copied for all columns, and the reverse: threads
        # share the columns of a wide product, since each copies all rows.
        return 1 + (domain[2] > domain[1])
    return cut_axis(domain, parts)


def _units(loop: Loop, table: Table, axis: int) -> Sequence[int]:
    tile = tile_of(loop.source, table) if axis > 0 and loop.source in _PRODUCTS else None
    return UNITS if tile is None else (tile[axis - 1],)
