"""Chains as native code: a loop over blocks that calls the code of each step.

The steps are called as they would be alone, with the arguments of a block: before a call, the loop
writes the number of cells and the places of arrays among the words of the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import gcd
from typing import Any, Final, final

import numpy as np
from numba import carray

from numlean_kernels.protocol import Array, KernelCall
from numlean_kernels.targets.dead_code import memory_of
from numlean_kernels.targets.fusion.chains import Chain, Link, Operand
from numlean_kernels.targets.native_calls import (
    FIRST_BOUND,
    WORD_SIZE,
    Compiled,
    Outcome,
    address_places,
    call,
    caller,
    compiled_entry,
    kernel_code,
    kernel_words,
)
from numlean_kernels.targets.native_steps import NativeCall, copy_entry, copy_words, word_pointer
from numlean_kernels.targets.parallel.partition import UNITS, cut
from numlean_kernels.targets.vector_matmul.machine import caches

_LINE: Final = 64
"""The bytes of a line of a cache."""

_HEAD: Final = 4
"""The words of a chain before those of its steps: first and last cell, cells of a block, steps."""

_STEP: Final = 5
"""The words of a step before its moves: function, words, place of the number of cells, divisor of
that number, moves. A move has the place of an address, the address of cell 0 and the distance of
cells."""

_MOVE: Final = 3

_FEWEST_OF_BLOCK: Final = 256
"""The cells of a block at least: a call of a step takes as long as to compute some hundred."""


@cache
def chain_entry() -> Any:
    """Return the compiled loop over blocks."""
    head, step_size, move_size, word = _HEAD, _STEP, _MOVE, WORD_SIZE

    def entry(address: int) -> None:
        words = carray(word_pointer(address), head)
        first, stop, block, steps = words[0], words[1], words[2], words[3]
        while first < stop:
            cells = min(block, stop - first)
            place = address + head * word
            for _ in range(steps):
                step = carray(word_pointer(place), step_size)
                function, own, moves = step[0], step[1], step[4]
                carray(word_pointer(own + word * step[2]), 1)[0] = cells // step[3]
                place += step_size * word
                for _ in range(moves):
                    move = carray(word_pointer(place), move_size)
                    carray(word_pointer(own + word * move[0]), 1)[0] = move[1] + first * move[2]
                    place += move_size * word
                call(function, own)
            first += block

    return compiled_entry(entry, "chain")


def chain_call(chain: Chain, compiled: Compiled, outcome: Outcome) -> NativeCall:
    """Return the call that runs a chain."""
    code = [_code_of(link, compiled, outcome) for link in chain.links]
    entry = chain_entry()
    return NativeCall(entry.address, _Parts(chain, code).words, (entry, code))


@final
@dataclass(frozen=True)
class _Code:
    """The code of a step for a block.

    Attributes:
        function: The address of what to call.
        words: Its words, for no cells.
        count_place: The place of the number of cells among them.
        divisor: What to divide that number by.
        places: The places of the addresses of its operands.
        kept: What keeps the code.
    """

    function: int
    words: Sequence[int]
    count_place: int
    divisor: int
    places: Sequence[int]
    kept: object


def _code_of(link: Link, compiled: Compiled, outcome: Outcome) -> _Code:
    step = link.step
    if isinstance(step, KernelCall):
        layouts = tuple((x.dtype, x.ndim) for x in step.arrays)
        function, code = kernel_code(compiled, step.loop.source, step.table, layouts)
        words = kernel_words(function, (0, 0), step.arrays, outcome)
        call_words, kept = caller(len(words))
        places = address_places(2, step.arrays)
        return _Code(call_words, words, FIRST_BOUND + 1, 1, places, (code, kept))
    entry = copy_entry(step.source.itemsize)
    source, _ = link.operands
    ones = [(1, 0, 0)] * 2
    if source.cells in (1, link.cells):
        axes, axis, divisor = [*ones, (1, 0, 0), (0, int(source.cells > 1), 1)], 3, 1
    else:
        axes, axis, divisor = [*ones, (0, 0, source.cells), (source.cells, 1, 1)], 2, source.cells
    places = [0, 1]
    words = copy_words([x.array.ctypes.data for x in link.operands], axes)
    return _Code(entry.address, words, len(places) + 3 * axis, divisor, places, entry)


@final
@dataclass
class _Parts:
    """The words of a chain for each number of parts, and the memory that they name."""

    chain: Chain
    code: Sequence[_Code]
    _found: dict[int, tuple[list[list[int]], object]] = field(default_factory=dict)

    def words(self, count: int) -> list[list[int]]:
        """Return the words of at most so many parts."""
        if count not in self._found:
            memory: list[Array] = []
            words = [self._words_of(start, stop, memory) for start, stop in self._bounds(count)]
            self._found[count] = words, memory
        return self._found[count][0]

    def _bounds(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield the cells of parts, which begin where a repeated operand does."""
        cells, unit = self.chain.cells, _unit(self.chain)
        for start, stop in cut(-(-cells // unit), count, ()):
            yield start * unit, min(stop * unit, cells)

    def _words_of(self, start: int, stop: int, memory: list[Array]) -> list[int]:
        """Return the words of a part; append the memory that they name."""
        block = _block_of(self.chain)
        temporary = self._temporary_memory(block, memory)
        found = [start, stop, block, len(self.code)]
        for link, code in zip(self.chain.links, self.code, strict=True):
            words = _aligned(len(code.words) * WORD_SIZE, memory).view(np.uint64)
            words[:] = code.words
            moves: list[int] = []
            for operand, place in zip(link.operands, code.places, strict=True):
                own = temporary.get(memory_of(operand.array))
                if own is not None:
                    words[place] = own
                elif operand.covers_cells:
                    moves += place, operand.place[0], operand.array.itemsize
            count = len(moves) // _MOVE
            own_words = [code.function, words.ctypes.data, code.count_place, code.divisor, count]
            found += [*own_words, *moves]
        return found

    def _temporary_memory(self, block: int, memory: list[Array]) -> dict[int, int]:
        """Return addresses of memory for a block, in place of that which only the chain needs."""
        found: dict[int, int] = {}
        for operand in _streams(self.chain):
            owner = memory_of(operand.array)
            if owner in self.chain.temporary:
                place = _aligned(block * operand.array.itemsize, memory)
                found[owner] = place.ctypes.data
        return found


def _aligned(size: int, memory: list[Array]) -> Array:
    """Return new bytes that share no line of the cache with others; append them to ``memory``."""
    whole = np.zeros(size + 2 * _LINE, np.uint8)
    memory.append(whole)
    start = -whole.ctypes.data % _LINE
    return whole[start : start + size]


def _streams(chain: Chain) -> list[Operand]:
    """Return the operands with a number for each cell, once each."""
    found = {
        operand.place: operand
        for link in chain.links
        for operand in link.operands
        if operand.covers_cells
    }
    return [*found.values()]


def _unit(chain: Chain) -> int:
    """Return what parts and blocks have a multiple of: lines of the cache, of whole repetitions."""
    repeated, line = chain.repeated, UNITS[0]
    return repeated * line // gcd(repeated, line) if repeated < line else repeated


def _block_of(chain: Chain) -> int:
    """Return the cells of a block.

    Their numbers fill half of the first cache: with all of it, a chain of three steps on numbers
    from memory took twice as long (measured on Zen 4).
    """
    size = sum(operand.array.itemsize for operand in _streams(chain))
    unit = _unit(chain)
    return max(max(caches().first // 2 // size, _FEWEST_OF_BLOCK) // unit, 1) * unit
