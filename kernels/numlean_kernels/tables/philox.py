"""Random words as a function of a key and a counter: Philox4x32-10.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.protocol import Routine, Table, Target

PHILOX: Final = "philox"
START: Final = "start philox"
RESUME: Final = "resume philox"
"""The names of the routines."""

_MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)  # parts of the golden ratio and of sqrt(3)
_ROUNDS: Final = 10
_STARTED: Final = 2


@cache
def philox_table(target: Target) -> Table:
    """Return the table of ``philox(key, high, low)`` and of its parts.

    The routine returns the first 64 bits of the block of a 64-bit key and the 128-bit counter high
    * 2**64 + low. If low < 2**32, ``start(key, high, low)`` returns a pair that is the same for all
    numbers high of one upper half, and ``resume(key, high, *pair)`` the word of each.
    """
    makers = {PHILOX: _make_philox, START: _make_start, RESUME: _make_resume}
    routines = {name: target.routine(make(target)) for name, make in makers.items()}
    return Table(key="philox4x32-10", zero=0, make=routines.__getitem__)


def _make_philox(target: Target) -> Routine:
    word, long = target.unsigned(32), target.unsigned(64)
    half, cipher = long(32), target.routine(_make_rounds(target, 0, _ROUNDS))

    def philox(key: Any, high: Any, low: Any) -> Any:
        key, high, low = long(key), long(high), long(low)
        x0, x1, x2, x3 = word(low), word(low >> half), word(high), word(high >> half)
        x0, x1, _, _ = cipher(key, x0, x1, x2, x3)
        return long(long(long(x1) << half) | long(x0))

    return philox


def _make_rounds(target: Target, start: int, stop: int) -> Routine:
    """Return ``cipher(key, x0, x1, x2, x3)``: the block after some of the rounds."""
    word, long = target.unsigned(32), target.unsigned(64)
    half, rounds = long(32), stop - start
    multiplier_0, multiplier_1 = map(long, _MULTIPLIERS)
    weyl_0, weyl_1 = map(word, _WEYL)
    passed_0, passed_1 = (word(start * weyl % (1 << 32)) for weyl in _WEYL)

    def cipher(key: Any, x0: Any, x1: Any, x2: Any, x3: Any) -> Any:
        key_0, key_1 = word(word(key) + passed_0), word(word(key >> half) + passed_1)
        for _ in range(rounds):
            product_0, product_1 = long(multiplier_0 * long(x0)), long(multiplier_1 * long(x2))
            x0, x1, x2, x3 = (
                word(word(product_1 >> half) ^ x1 ^ key_0),
                word(product_1),
                word(word(product_0 >> half) ^ x3 ^ key_1),
                word(product_0),
            )
            key_0, key_1 = word(key_0 + weyl_0), word(key_1 + weyl_1)
        return x0, x1, x2, x3

    return cipher


def _make_start(target: Target) -> Routine:
    """Return the routine of what two rounds make of the lower half of the counter alone."""
    word, long = target.unsigned(32), target.unsigned(64)
    half, (multiplier_0, multiplier_1) = long(32), map(long, _MULTIPLIERS)

    def start(key: Any, high: Any, low: Any) -> Any:
        product = long(multiplier_0 * long(low))
        x2 = word(word(product >> half) ^ word(long(high) >> half) ^ word(long(key) >> half))
        return long(multiplier_1 * long(x2)), long(word(product))

    return start


def _make_resume(target: Target) -> Routine:
    word, long = target.unsigned(32), target.unsigned(64)
    half, (multiplier_0, multiplier_1) = long(32), map(long, _MULTIPLIERS)
    weyl_0, weyl_1 = map(word, _WEYL)
    cipher = target.routine(_make_rounds(target, _STARTED, _ROUNDS))

    def resume(key: Any, high: Any, product: Any, low: Any) -> Any:
        # The part of the first two rounds that all places have in common.
        key, uniform = long(key), long(multiplier_1 * long(word(high)))
        common = long(multiplier_0 * long(word(word(uniform >> half) ^ word(key))))
        key_0, key_1 = word(word(key) + weyl_0), word(word(key >> half) + weyl_1)
        x0 = word(word(product >> half) ^ word(word(uniform) ^ key_0))
        x2 = word(word(low) ^ word(word(common >> half) ^ key_1))
        x0, x1, _, _ = cipher(key, x0, word(product), x2, word(common))
        return long(long(long(x1) << half) | long(x0))

    return resume
