"""Random words as a function of a key and a counter: Philox4x32-10.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.protocol import Routine, Table, Target

PHILOX: Final = "philox"
"""The name of the routine."""

_MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)  # parts of the golden ratio and of sqrt(3)
_ROUNDS: Final = 10


@cache
def philox_table(target: Target) -> Table:
    """Return the table of the one routine ``philox(key, high, low)``.

    The routine returns the first 64 bits of the block of a 64-bit key and the 128-bit counter high
    * 2**64 + low.
    """
    routine = target.routine(_make_philox(target))
    return Table(key="philox4x32-10", zero=0, make={PHILOX: routine}.__getitem__)


def _make_philox(target: Target) -> Routine:
    word, long = target.unsigned(32), target.unsigned(64)
    half, rounds = long(32), _ROUNDS
    multiplier_0, multiplier_1 = map(long, _MULTIPLIERS)
    weyl_0, weyl_1 = map(word, _WEYL)

    def philox(key: Any, high: Any, low: Any) -> Any:
        key, high, low = long(key), long(high), long(low)
        key_0, key_1 = word(key), word(key >> half)
        x0, x1, x2, x3 = word(low), word(low >> half), word(high), word(high >> half)
        for _ in range(rounds):
            product_0, product_1 = long(multiplier_0 * long(x0)), long(multiplier_1 * long(x2))
            x0, x1, x2, x3 = (
                word(word(product_1 >> half) ^ x1 ^ key_0),
                word(product_1),
                word(word(product_0 >> half) ^ x3 ^ key_1),
                word(product_0),
            )
            key_0, key_1 = word(key_0 + weyl_0), word(key_1 + weyl_1)
        return long(long(long(x1) << half) | long(x0))

    return philox
