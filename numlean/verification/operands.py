"""binary32 operands on which arithmetic goes wrong, if it does.

A batch is a mixture, drawn from a stream of its own: encodings uniformly at random; interesting
exponents with patterned significands, as Berkeley TestFloat combines them; and operands chosen for
each other, whose sum cancels or whose product or quotient lies at an end of the range.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

Bits = np.ndarray[Any, np.dtype[np.uint32]]

# Ends of the range, 1, the precision's distance from each, and their neighbours.
_EXPONENTS: Final = np.array(
    [near + k for near in (2, 23, 104, 127, 150, 231, 253) for k in range(-2, 3)], dtype=np.uint32
)


def operands(count: int, arity: int, batch: int, seed: int = 0) -> list[Bits]:
    """``arity`` arrays of ``count`` encodings, the same for the same batch number and seed."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(batch,))))
    first = _mixture(rng, count)
    rest = [_related(rng, first) for _ in range(arity - 1)]
    return [first, *rest]


def _mixture(rng: np.random.Generator, count: int) -> Bits:
    uniform = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    patterned = _patterned(rng, count)
    return np.where(uniform & 1 == 1, np.roll(uniform, 1), patterned)


def _patterned(rng: np.random.Generator, count: int) -> Bits:
    """Interesting exponents, and significands of a run of ones with a bit or two flipped."""
    random = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    exponent = _EXPONENTS[random % np.uint32(len(_EXPONENTS))]
    length = (random >> 8) % np.uint32(24)
    flip = np.uint32(1) << ((random >> 13) % np.uint32(23))
    ones = (np.uint32(1) << length) - np.uint32(1)
    top = ones << (np.uint32(23) - length)
    trailing = np.where(random & (1 << 20) == 0, ones, top)
    trailing = trailing ^ np.where(random & (1 << 21) == 0, flip, np.uint32(0))
    sign = random & np.uint32(1 << 31)
    bits: Bits = sign | (exponent << 23) | (trailing & np.uint32(0x7FFFFF))
    return bits


def _related(rng: np.random.Generator, a: Bits) -> Bits:
    """For each of a partner that is independent, close to it, or its counterpart in range."""
    count = len(a)
    choice = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    sign = choice & np.uint32(1 << 31)
    nudge = (choice >> 8) % np.uint32(9)
    exponent_nudge = (choice >> 16) % np.uint32(53)
    close = (a & np.uint32(0x7FFFFFFF)) + nudge - np.uint32(4)
    exponent = ((a >> 23) & np.uint32(0xFF)).astype(np.int32)
    near = np.clip(exponent + exponent_nudge.astype(np.int32) - 26, 0, 255)
    ends = np.where(choice & 4 == 0, 0, 254)
    opposite = np.clip(127 + ends - exponent + (nudge.astype(np.int32) - 4), 0, 255)
    independent = _mixture(rng, count)
    trailing = independent & np.uint32(0x7FFFFF)
    kinds = (
        independent,
        sign | (close & np.uint32(0x7FFFFFFF)),
        sign | (near.astype(np.uint32) << 23) | trailing,
        sign | (opposite.astype(np.uint32) << 23) | trailing,
    )
    return np.choose(choice & np.uint32(3), kinds)
