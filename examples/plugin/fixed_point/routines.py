"""Every operation on single fixed-point numbers, which are integers n with the value n / 2**F.

The least integer is the NaN; the others are symmetric about zero. Intermediate results have 64
bits, which hold every product of two numbers plus a third.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numlean_kernels.protocol import Routine, Table, Target

NAN = -(1 << 31)
GREATEST = (1 << 31) - 1
UNORDERED = 2
ROOT_BITS = 31


@cache
def fixed_table(fraction_bits: int, target: Target) -> Table:
    """Return the routines of ``fixed32:F``, compiled for a target on first use."""
    made: dict[str, Routine] = {}

    def make(name: str) -> Routine:
        if name not in made:
            made[name] = target.routine(_make(name, fraction_bits, target, make))
        return made[name]

    return Table(key=f"fixed-point/{fraction_bits}", zero=0, make=make)


def _make(name: str, bits: int, target: Target, table: Any) -> Routine:
    if name.startswith("to_int"):
        return _to_int(name.split()[1], bits, target)
    if name in _ARITHMETIC:
        return _ARITHMETIC[name](bits, target, table)
    return _COMPARING[name](table)


def _saturate(bits: int, target: Target, table: Any) -> Routine:
    def saturate(n: Any) -> Any:
        high = n if n < GREATEST else GREATEST
        return high if high > -GREATEST else -GREATEST

    return saturate


def _shift(bits: int, target: Target, table: Any) -> Routine:
    """Return ``shift(n)``: n / 2**F, rounded to nearest even, saturated."""
    saturate, half, mask = table("saturate"), 1 << (bits - 1), (1 << bits) - 1

    def shift(n: Any) -> Any:
        quotient, rest = n >> bits, n & mask
        up = (rest > half) | ((rest == half) & (quotient & 1 == 1))
        return saturate(quotient + 1 if up else quotient)

    return shift


def _add(bits: int, target: Target, table: Any) -> Routine:
    long, saturate = target.signed(64), table("saturate")

    def add(a: Any, b: Any) -> Any:
        total = saturate(long(a) + long(b))
        return NAN if (a == NAN) | (b == NAN) else total

    return add


def _sub(bits: int, target: Target, table: Any) -> Routine:
    long, saturate = target.signed(64), table("saturate")

    def sub(a: Any, b: Any) -> Any:
        difference = saturate(long(a) - long(b))
        return NAN if (a == NAN) | (b == NAN) else difference

    return sub


def _mul(bits: int, target: Target, table: Any) -> Routine:
    long, shift = target.signed(64), table("shift")

    def mul(a: Any, b: Any) -> Any:
        product = shift(long(a) * long(b))
        return NAN if (a == NAN) | (b == NAN) else product

    return mul


def _fma(bits: int, target: Target, table: Any) -> Routine:
    long, shift = target.signed(64), table("shift")

    def fma(a: Any, b: Any, c: Any) -> Any:
        exact = long(a) * long(b) + (long(c) << bits)
        return NAN if (a == NAN) | (b == NAN) | (c == NAN) else shift(exact)

    return fma


def _div(bits: int, target: Target, table: Any) -> Routine:
    long, saturate = target.signed(64), table("saturate")

    def div(a: Any, b: Any) -> Any:
        dividend, divisor = long(a) << bits, long(b) if b != 0 else long(1)
        quotient = dividend // divisor
        twice, size = 2 * abs(dividend - quotient * divisor), abs(divisor)
        up = (twice > size) | ((twice == size) & (quotient & 1 == 1))
        z = saturate(quotient + 1 if up else quotient)
        by_zero = NAN if a == 0 else (GREATEST if a > 0 else -GREATEST)
        return NAN if (a == NAN) | (b == NAN) else (by_zero if b == 0 else z)

    return div


def _sqrt(bits: int, target: Target, table: Any) -> Routine:
    long = target.signed(64)

    def sqrt(a: Any) -> Any:
        radicand, root = long(a if a > 0 else 0) << bits, long(0)
        for k in range(ROOT_BITS):
            trial = root | (long(1) << (ROOT_BITS - 1 - k))
            root = trial if trial * trial <= radicand else root
        # Halfway is (root + 1/2)**2 = root**2 + root + 1/4, which no integer is.
        rounded = root + 1 if radicand - root * root > root else root
        return NAN if a < 0 else rounded

    return sqrt


def _neg(bits: int, target: Target, table: Any) -> Routine:
    def neg(a: Any) -> Any:
        return NAN if a == NAN else -a

    return neg


def _abs(bits: int, target: Target, table: Any) -> Routine:
    def absolute(a: Any) -> Any:
        return NAN if a == NAN else (a if a >= 0 else -a)

    return absolute


def _to_int(rounding: str, bits: int, target: Target) -> Routine:
    long, half, mask = target.signed(64), 1 << (bits - 1), (1 << bits) - 1
    even, away = rounding == "ties_to_even", rounding == "ties_to_away"
    zero, positive = rounding == "toward_zero", rounding == "toward_positive"
    odd, outward = rounding == "to_odd", rounding == "away_from_zero"

    def to_int(a: Any) -> Any:
        below, rest = long(a) >> bits, long(a) & mask
        tie = (even & (below & 1 == 1)) | (away & (a > 0))
        nearest = (even | away) & ((rest > half) | ((rest == half) & tie))
        directed = positive | (zero & (a < 0)) | (odd & (below & 1 == 0)) | (outward & (a > 0))
        up = nearest | (directed & (rest != 0))
        return 0 if a == NAN else (below + 1 if up else below)

    return to_int


def _eq(table: Any) -> Routine:
    def eq(a: Any, b: Any) -> Any:
        return (a == b) & (a != NAN)

    return eq


def _lt(table: Any) -> Routine:
    def lt(a: Any, b: Any) -> Any:
        return (a < b) & (a != NAN) & (b != NAN)

    return lt


def _le(table: Any) -> Routine:
    def le(a: Any, b: Any) -> Any:
        return (a <= b) & (a != NAN) & (b != NAN)

    return le


def _compare(table: Any) -> Routine:
    def compare(a: Any, b: Any) -> Any:
        ordered = -1 if a < b else (0 if a == b else 1)
        return UNORDERED if (a == NAN) | (b == NAN) else ordered

    return compare


def _minimum(table: Any) -> Routine:
    def minimum(a: Any, b: Any) -> Any:
        return NAN if (a == NAN) | (b == NAN) else (a if a < b else b)

    return minimum


def _maximum(table: Any) -> Routine:
    def maximum(a: Any, b: Any) -> Any:
        return NAN if (a == NAN) | (b == NAN) else (a if a > b else b)

    return maximum


def _min_num(table: Any) -> Routine:
    minimum = table("minimum")

    def min_num(a: Any, b: Any) -> Any:
        return b if a == NAN else (a if b == NAN else minimum(a, b))

    return min_num


def _max_num(table: Any) -> Routine:
    maximum = table("maximum")

    def max_num(a: Any, b: Any) -> Any:
        return b if a == NAN else (a if b == NAN else maximum(a, b))

    return max_num


_ARITHMETIC = {
    "saturate": _saturate,
    "shift": _shift,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "fma": _fma,
    "div": _div,
    "sqrt": _sqrt,
    "neg": _neg,
    "abs": _abs,
}

_COMPARING = {
    "eq": _eq,
    "lt": _lt,
    "le": _le,
    "compare": _compare,
    "minimum": _minimum,
    "maximum": _maximum,
    "min_num": _min_num,
    "max_num": _max_num,
}
