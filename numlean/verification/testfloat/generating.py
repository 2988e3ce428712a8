"""Lines for other implementations: operands of level 1 or 2, with our results and flags.

Level 1 has every combination of the simplest operands, level 2 structured and random ones; see
:mod:`numlean.verification.operands`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Final

import numpy as np

from numlean.verification import operands as structured
from numlean.verification.testfloat.functions import Number, TestFunction
from numlean.verification.testfloat.lines import FLAGS, Columns, format_cases

_PART: Final = 1 << 16
_PATTERNS: Final = (0, 1, 2, 3)


def generated_lines(
    function: TestFunction, level: int, number: int | None, seed: int
) -> Iterator[bytes]:
    """Yield many lines at a time: operands, results and flags.

    Args:
        function: The function.
        level: 1 or 2.
        number: The number of lines; None for all of level 1, or lines without end of level 2.
        seed: The seed of level 2.
    """
    fields = (*function.operands, function.result, FLAGS)
    for columns in _operand_columns(function.operands, level, number, seed):
        z, raised = function.compute(columns)
        yield format_cases([*columns, z, raised], fields)


def operand_lines(
    kinds: tuple[Number, ...], level: int, number: int | None, seed: int
) -> Iterator[bytes]:
    """Yield many lines of operands at a time; the arguments are those of ``generated_lines``."""
    for columns in _operand_columns(kinds, level, number, seed):
        yield format_cases(columns, kinds)


def _operand_columns(
    kinds: tuple[Number, ...], level: int, number: int | None, seed: int
) -> Iterator[Columns]:
    total = len(_level_1(kinds[0])) ** len(kinds) if level == 1 else None
    limit = total if number is None else number if total is None else min(number, total)
    made = 0
    for batch in count():
        columns = _batch(kinds, level, batch, seed)
        for start in range(0, len(columns[0]), _PART):
            stop = start + _PART if limit is None else min(start + _PART, start + limit - made)
            part = [column[start:stop] for column in columns]
            made += len(part[0])
            if len(part[0]):
                yield part
            if made == limit:
                return


def _batch(kinds: tuple[Number, ...], level: int, batch: int, seed: int) -> Columns:
    format = kinds[0].format
    if format is not None:
        return structured.operands(format, len(kinds), batch, seed, level=level)
    if level == 1:
        return [_level_1(kinds[0])]
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(batch,))))
    return [_random_integers(kinds[0], rng)]


@cache
def _level_1(kind: Number) -> np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]:
    if kind.format is not None:
        return structured.level_1(kind.format)
    near = {(1 << k) + d for k in range(kind.bits + 1) for d in _PATTERNS}
    near |= {(1 << k) - d for k in range(kind.bits + 1) for d in _PATTERNS}
    near |= {-n for n in near}
    mask = (1 << kind.bits) - 1
    return np.array(sorted({n & mask for n in near}), dtype=kind.storage)


def _random_integers(
    kind: Number, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]:
    """Return integers of every length, random ones and runs of ones with a bit flipped."""
    size, bits = structured.BATCH, np.uint64(kind.bits)
    uniform = rng.integers(0, 1 << kind.bits, size, dtype=np.uint64)
    length = rng.integers(0, kind.bits, size, dtype=np.uint64)
    short = uniform >> length
    ones = np.uint64((1 << kind.bits) - 1) >> length
    run = ones & ~(ones >> (rng.integers(1, kind.bits, size, dtype=np.uint64)))
    flip = np.uint64(1) << rng.integers(0, kind.bits, size, dtype=np.uint64)
    chosen = np.choose(rng.integers(0, 4, size), [uniform, short, run, run ^ flip])
    negated = np.where(rng.integers(0, 2, size) == 0, chosen, np.uint64(0) - chosen)
    mask = np.uint64((1 << kind.bits) - 1)
    assert bits
    return (negated & mask).astype(kind.storage)
