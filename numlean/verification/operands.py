"""Operands that are likely to reveal errors, structured as those of Berkeley TestFloat.

Level 1 combines the exponents at which the arithmetic changes with the simplest trailing
significands. Level 2 draws from more exponents and from runs of ones with bits flipped, from
encodings uniformly at random, and from partners chosen for each other, whose sum cancels or whose
product or quotient lies at an end of the range. A batch is a function of its number and the seed.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.formats import Format

Bits = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]

BATCH: Final = 1 << 20

_WORD: Final = np.uint64


@cache
def level_1(format: Format) -> Bits:
    """Return the encodings of level 1, of both signs, with specials."""
    return np.array(
        [
            sign | exponent << format.trailing_bits | trailing
            for sign in (0, format.sign_mask)
            for exponent in _exponents(format, reach=1)
            for trailing in _simple_trailing(format)
        ],
        dtype=format.storage_dtype,
    )


def combinations_of_level_1(format: Format, arity: int) -> int:
    """Return the number of operand tuples of level 1."""
    count: int = level_1(format).size ** arity
    return count


def operands(
    format: Format, arity: int, batch: int, seed: int = 0, *, level: int = 2
) -> list[Bits]:
    """Return ``arity`` arrays of at most ``BATCH`` encodings.

    Level 1 runs through its combinations and has no more batches than those fill; level 2 has
    infinitely many batches.
    """
    if level == 1:
        values = level_1(format)
        last = min((batch + 1) * BATCH, combinations_of_level_1(format, arity))
        index = np.arange(batch * BATCH, last)
        return [values[index // len(values) ** k % len(values)] for k in range(arity)]
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(batch,))))
    first = _mixture(rng, format)
    x = [first, *(_related(rng, format, first) for _ in range(arity - 1))]
    return [a.astype(format.storage_dtype) for a in x]


def all_operands(format: Format, arity: int, batch: int) -> list[Bits]:
    """Return a batch of all operand tuples; of three operands, the third is from level 1.

    Raises:
        IndexError: The batch does not exist.
    """
    values, index = level_1(format), np.arange(batch * BATCH, (batch + 1) * BATCH, dtype=_WORD)
    total = count_of_all(format, arity)
    if batch * BATCH >= total:
        raise IndexError(batch)
    index = index[: total - batch * BATCH]
    width, mask = _WORD(format.width), _WORD((1 << format.width) - 1)
    x: list[Bits] = [index >> width * _WORD(k) & mask for k in range(min(arity, 2))]
    x = [a.astype(format.storage_dtype) for a in x]
    return [*x, values[index >> _WORD(2) * width]] if arity == 3 else x


def count_of_all(format: Format, arity: int) -> int:
    """Return the number of operand tuples of ``all_operands``."""
    pairs = 1 << format.width * min(arity, 2)
    return pairs * (len(level_1(format)) if arity == 3 else 1)


def _exponents(format: Format, reach: int) -> list[int]:
    """Return biased exponents near changes: the ends, one, and a precision from each."""
    limit, bias, p = format.exponent_limit, format.bias, format.precision
    centres = (0, p, bias - p, bias, bias + p, limit - p, limit)
    near = {centre + k for centre in centres for k in range(-reach, reach + 1)}
    return sorted(exponent for exponent in near if 0 <= exponent <= limit)


def _simple_trailing(format: Format) -> list[int]:
    top, ones = format.implicit_bit >> 1, format.trailing_mask
    patterns = {0, 1, 2, top - 1, top, top + 1, ones - 1, ones}
    return sorted(pattern for pattern in patterns if 0 <= pattern <= ones)


def _mixture(rng: np.random.Generator, format: Format) -> Bits:
    uniform = rng.integers(0, 1 << format.width, BATCH, dtype=_WORD)
    choice = rng.integers(0, 4, BATCH)
    simple = rng.choice(level_1(format), BATCH).astype(_WORD)
    return np.choose(choice, [uniform, simple, *(_patterned(rng, format) for _ in range(2))])


def _patterned(rng: np.random.Generator, format: Format) -> Bits:
    """Return encodings of chosen exponents, with runs of ones with a bit or two flipped."""
    t = format.trailing_bits
    exponents = np.array(_exponents(format, reach=2), dtype=_WORD)
    exponent = rng.choice(exponents, BATCH)
    length = rng.integers(0, t + 1, BATCH, dtype=_WORD)
    ones = (_WORD(1) << length) - _WORD(1)
    trailing: Bits = np.where(rng.integers(0, 2, BATCH) == 0, ones, ones << (_WORD(t) - length))
    for _ in range(2):
        flip: Bits = rng.integers(0, 2, BATCH, dtype=_WORD) << rng.integers(
            0, max(t, 1), BATCH, dtype=_WORD
        )
        trailing = trailing ^ flip
    sign = rng.integers(0, 2, BATCH, dtype=_WORD) << _WORD(format.width - 1)
    bits: Bits = sign | exponent << _WORD(t) | trailing
    return bits


def _related(rng: np.random.Generator, format: Format, a: Bits) -> Bits:
    """Return for each operand an independent partner, a close one, or its counterpart in range."""
    t, limit = format.trailing_bits, format.exponent_limit
    exponent = (a >> _WORD(t)).astype(np.int64) & limit
    sign = rng.integers(0, 2, BATCH, dtype=_WORD) << _WORD(format.width - 1)
    magnitude = a & _WORD(format.magnitude_mask)
    nudged = magnitude.astype(np.int64) + rng.integers(-4, 5, BATCH)
    close = np.clip(nudged, 0, format.magnitude_mask).astype(_WORD)
    near = exponent + rng.integers(-format.precision - 2, format.precision + 3, BATCH)
    ends = np.where(rng.integers(0, 2, BATCH) == 0, 0, limit - 1)
    opposite = format.bias + ends - exponent + rng.integers(-4, 5, BATCH)
    independent = _mixture(rng, format)
    trailing = independent & _WORD(format.trailing_mask)

    def with_exponent(biased: np.ndarray[Any, np.dtype[np.int64]]) -> Bits:
        bits: Bits = sign | np.clip(biased, 0, limit).astype(_WORD) << _WORD(t) | trailing
        return bits

    kinds = [independent, sign | close, with_exponent(near), with_exponent(opposite)]
    return np.choose(rng.integers(0, len(kinds), BATCH), kinds)
