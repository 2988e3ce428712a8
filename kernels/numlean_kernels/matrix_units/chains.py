"""How a long k is split over chains of instructions, as ranges of k."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from numlean_kernels.matrix_units.rule import BlockFma, Chain, Rule
from numlean_kernels.protocol import Array

Terms: TypeAlias = range
"""The k of one accumulator."""

Block: TypeAlias = list[Terms]
"""The accumulators of a block: one if they are not promoted."""

Split: TypeAlias = list[list[Block]]
"""The blocks of each range of k."""


def split_terms(chain: Chain, k: int) -> Split:
    """Return the accumulators of each block of each range of k, in ascending order.

    A part of no terms is left out, but there is at least one accumulator.
    """
    ranges = _parts(range(k), -(-k // chain.split_k))
    return [
        [_parts(block, chain.promote_every) for block in _parts(terms, chain.k_block)]
        for terms in ranges
    ]


def _parts(terms: range, size: int | None) -> list[range]:
    """Return consecutive parts of a size; the last may be shorter."""
    if not size or not terms:
        return [terms]
    return [terms[start : start + size] for start in range(0, len(terms), size)]


def places_of(rule: Rule, terms: Terms) -> Array:
    """Return the k of each operand in the order in which instructions take them; -1 for zeros.

    Zeros fill up the last instruction.
    """
    size = rule.instruction
    order = np.array((rule.k_order if isinstance(rule, BlockFma) else ()) or range(size), np.int64)
    places = (np.arange(terms.start, terms.stop, size)[:, np.newaxis] + order).reshape(-1)
    return np.where(places < terms.stop, places, -1)
