"""The blocks of test vectors: what libraries disagree about, and random numbers.

Blocks are binary32 encodings. They follow from the format alone, so that the same blocks serve
every rule and preset.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from numlean.precision.blocks import BlockFormat
from numlean.precision.blocks.values import values_of_element, values_of_format
from numlean_kernels.blocks.rules import PowerRule, TwoLevelRule

Block = np.ndarray[Any, np.dtype[np.uint32]]

_SEED: Final = 20260101
_RANDOM_BLOCKS: Final = 12
_ZERO, _INFINITY, _SIGN = 0, 0x7F800000, 0x80000000
_NANS: Final = (0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF)
_LEAST_NORMAL: Final = 0x00800000
_GREATEST: Final = 0x7F7FFFFF


def tensors(f: BlockFormat) -> Iterator[list[Block]]:
    """Yield tensors, each a list of blocks that share the tensor's scale."""
    boundaries = list(_element_boundaries(f))
    if isinstance(f.rule, PowerRule):
        yield from ([block] for block in _power_blocks(f, boundaries))
    else:
        yield from _two_level_tensors(f, f.rule, boundaries)


def _power_blocks(f: BlockFormat, boundaries: list[float]) -> Iterator[Block]:
    greatest = float(np.nanmax(values_of_element(f.rule.element)))
    # The greatest element first, so that every rule has the same scale, and it divides exactly.
    for exponent in (0, -127 + 20, 100):
        numbers = _with_neighbours(np.ldexp(boundaries, exponent))
        yield from _blocks(f.size, numbers, first=_encoding(np.ldexp(greatest, exponent)))
    yield from _amax_blocks(f, greatest)
    yield from _corner_blocks(f)
    yield from _random_blocks(f.size)


def _amax_blocks(f: BlockFormat, greatest: float) -> Iterator[Block]:
    """Yield blocks whose greatest magnitude is where a scale rule turns."""
    fraction = _encoding(greatest) & 0x7FFFFF
    half = 1 << (22 - f.rule.element.format.trailing_bits)
    turns = [0, 1, 0x7FFFFF, *(fraction + d for d in (-1, 0, 1))]
    turns += [0x800000 - half + d for d in (-1, 0, 1)]
    for biased in (0, 1, 2, 10, 127, 240, 253, 254):
        for turn in turns:
            amax = (biased << 23) + turn
            if 0 <= amax <= _GREATEST:
                below = [amax - 1 if amax else 0, amax >> 1, max(amax - (1 << 23), 0)]
                yield _padded(f.size, [amax, *below, *(x | _SIGN for x in below)])


def _corner_blocks(f: BlockFormat) -> Iterator[Block]:
    """Yield blocks of zeros, subnormal numbers, infinities, NaNs and the ends of the range."""
    one = 0x3F800000
    yield _padded(f.size, [_ZERO])
    yield np.full(f.size, _SIGN, np.uint32)
    yield _padded(f.size, [_ZERO, _SIGN, _ZERO])
    for amax in (1, 2, 3, 0x003FFFFF, 0x00400000, 0x007FFFFF, _LEAST_NORMAL):
        yield _padded(f.size, [amax | _SIGN, amax, 1, 1 | _SIGN, amax >> 1])
    for special in (_INFINITY, _INFINITY | _SIGN, *_NANS):
        yield _padded(f.size, [special, one, one | _SIGN, _ZERO, _SIGN])
        yield _padded(f.size, [one, 1, special])
        yield np.full(f.size, special, np.uint32)
    yield _padded(f.size, [_NANS[0], _INFINITY, one])
    for amax in (_GREATEST, 0x7F000000, 0x7F7FFFFE):
        yield _padded(f.size, [amax, amax | _SIGN, one, 1])


def _two_level_tensors(
    f: BlockFormat, rule: TwoLevelRule, boundaries: list[float]
) -> Iterator[list[Block]]:
    greatest = float(np.nanmax(values_of_element(rule.element)))
    scales = values_of_format(rule.scale)[1 : rule.scale.max_finite + 1]
    most = greatest * float(scales[-1])
    chosen = [0, 1, 6, 7, 8, 9, 15, 40, 55, 56, 57, 63, 77, 100, len(scales) - 2, len(scales) - 1]
    # The tensor's scale is 1 if the greatest magnitude is the greatest product.
    for whole in (1.0, 0.75, 1.0 + 2.0**-23, 1.0 / 3.0, 2.0**-100, 2.0**100):
        tensor = [_padded(f.size, [_encoding(most * whole)])]
        for scale in (float(scales[i]) for i in dict.fromkeys(chosen) if i < len(scales)):
            numbers = _with_neighbours(np.array(boundaries) * scale * whole)
            tensor += _blocks(f.size, numbers, first=_encoding(greatest * scale * whole))
        yield tensor
    yield [*_scale_boundaries(f, scales, greatest, most)]
    for block in _corner_blocks(f):
        yield [block]
        yield [block, _padded(f.size, [0x40490FDB])]
    yield [*_random_blocks(f.size)]


def _scale_boundaries(f: BlockFormat, scales: Any, greatest: float, most: float) -> Iterator[Block]:
    """Yield the blocks of a tensor whose greatest magnitudes lie between two scales."""
    yield _padded(f.size, [_encoding(most)])
    middles = (scales[1:] + scales[:-1]) / 2
    for middle in middles[:: max(1, len(middles) // 24)]:
        for amax in _with_neighbours(np.array([middle * greatest])):
            yield _padded(f.size, [int(amax), int(amax) - 0x800000])


def _element_boundaries(f: BlockFormat) -> Iterator[float]:
    """Yield the points where rounding turns, to nearest and in a direction."""
    values = values_of_element(f.rule.element)
    magnitudes = sorted({float(v) for v in values if np.isfinite(v) and v >= 0})
    for low, high in itertools.pairwise(magnitudes):
        yield (low + high) / 2
        yield high


def _with_neighbours(numbers: Any) -> Block:
    """Return positive numbers rounded to binary32, each with both neighbours."""
    encodings = np.asarray(numbers).astype(np.float32).view(np.uint32)
    return np.stack([encodings - 1, encodings, encodings + 1], axis=-1).reshape(-1)


def _blocks(size: int, numbers: Block, *, first: int) -> list[Block]:
    """Return numbers, every other one negative, in blocks that begin with one number."""
    signed = numbers | (np.arange(len(numbers), dtype=np.uint32) % 2) << np.uint32(31)
    parts = range(0, len(signed), size - 1)
    return [_padded(size, [first, *signed[k : k + size - 1].tolist()]) for k in parts]


def _random_blocks(size: int) -> Iterator[Block]:
    """Yield random encodings, and normal-looking numbers of one magnitude."""
    raw = np.random.Philox(np.random.SeedSequence(_SEED)).random_raw(2 * _RANDOM_BLOCKS * size)
    words = (raw >> np.uint64(32)).astype(np.uint32).reshape(2, _RANDOM_BLOCKS, size)
    is_number = words & np.uint32(_INFINITY) != np.uint32(_INFINITY)
    yield from np.where(is_number, words, words & np.uint32(0xBFFFFFFF))[0]
    # Sign and fraction as they are, and one of eight exponents.
    exponents = np.uint32(124) + (words[1] >> np.uint32(23)) % np.uint32(8)
    yield from words[1] & np.uint32(0x807FFFFF) | exponents << np.uint32(23)


def _padded(size: int, numbers: list[int]) -> Block:
    """Return a block that begins with some numbers; the others are zeros."""
    block = np.zeros(size, np.uint32)
    kept = numbers[:size]
    block[: len(kept)] = kept
    return block


def _encoding(value: float) -> int:
    """Return a number rounded to binary32, as an encoding."""
    return int(np.float32(value).view(np.uint32))
