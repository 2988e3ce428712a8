"""The basic operations, each rounded once in L."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.logarithmic.builder import LogBuilder
from numlean_kernels.logarithmic.sum_table import places, sum_table
from numlean_kernels.protocol import Routine

_FARTHEST = 4096
"""Scaling by this power of two, or a greater one, takes every number out of the range."""


def make_log(builder: LogBuilder) -> Routine:
    """Return ``log(a)``: L of a code, as a signed integer; the reserved one of zero and of NaN."""
    word, long = builder.word, builder.long
    mask, top = word(builder.format.log_mask), word(builder.format.zero)

    def log(a: Any) -> Any:
        return long(long(word(word(a & mask) ^ top)) - long(top))

    return log


def make_pack(builder: LogBuilder) -> Routine:
    """Return ``pack(sign, n)``: the code of L = n, at the end of the range if n is beyond it."""
    word, long, mask = builder.word, builder.long, builder.word(builder.format.log_mask)
    greatest, least = long(builder.format.greatest_log), long(-builder.format.greatest_log)

    def pack(sign: Any, n: Any) -> Any:
        within = greatest if n > greatest else (least if n < least else n)
        return word(sign | word(word(within) & mask))

    return pack


def make_is_nan(builder: LogBuilder) -> Routine:
    """Return ``is_nan(a)``."""
    word, nan = builder.word, builder.word(builder.format.nan)

    def is_nan(a: Any) -> Any:
        return word(a) == nan

    return is_nan


def make_rounded(builder: LogBuilder) -> Routine:
    """Return ``rounded(negative, n, half, more)``: an L that is n, and half a unit, and more."""
    long, rounding = builder.long, builder.arithmetic.rounding
    zero, one = builder.long(0), builder.long(1)
    to_even, away = rounding is Rounding.TIES_TO_EVEN, rounding is Rounding.TIES_TO_AWAY
    positive, negative_ward = (
        rounding is Rounding.TOWARD_POSITIVE,
        rounding is Rounding.TOWARD_NEGATIVE,
    )
    to_odd, always = rounding is Rounding.TO_ODD, rounding is Rounding.AWAY_FROM_ZERO

    def rounded(negative: Any, n: Any, half: Any, more: Any) -> Any:
        is_odd = long(n & one) != zero
        nearest = (to_even | away) & (half != zero) & ((more != zero) | away | is_odd)
        directed = (positive & (not negative)) | (negative_ward & negative)
        directed = directed | (to_odd & (not is_odd)) | always
        up = nearest | (directed & ((half != zero) | (more != zero)))
        return long(n + one) if up else n

    return rounded


def make_sum(builder: LogBuilder) -> Routine:
    """Return ``total(sign, L, sign, L)``: the sum of two numbers that are not zero."""
    word, long, fraction_bits = builder.word, builder.long, builder.format.fraction_bits
    pack, rounded = builder.routine(make_pack), builder.routine(make_rounded)
    table, zero = sum_table(fraction_bits), word(builder.format.zero)
    last, second = long(places(fraction_bits)), long(places(fraction_bits) + 1)
    one, none, unit = long(1), long(0), long(1 << fraction_bits)

    def total(sign_a: Any, log_a: Any, sign_b: Any, log_b: Any) -> Any:
        ordered = log_a >= log_b
        big, sign = (log_a if ordered else log_b), (sign_a if ordered else sign_b)
        d = long(log_a - log_b if ordered else log_b - log_a)
        differ = sign_a != sign_b
        entry = long(table[long((d if d < last else last) + (second if differ else none))])
        is_exact = d == (unit if differ else none)
        n, half = long(big + long(entry >> one)), long(entry & one)
        z = pack(sign, rounded(sign != word(0), n, half, none if is_exact else one))
        return zero if differ & (d == none) else z

    return total


def make_add(builder: LogBuilder) -> Routine:
    """Return ``add(a, b)``: the sum; NaN if an operand is."""
    word, log, total = builder.word, builder.routine(make_log), builder.routine(make_sum)
    sign, zero, nan = (word(getattr(builder.format, n)) for n in ("sign_mask", "zero", "nan"))

    def add(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        z = total(word(a & sign), log(a), word(b & sign), log(b))
        z = b if a == zero else (a if b == zero else z)
        return nan if (a == nan) | (b == nan) else z

    return add


def make_sub(builder: LogBuilder) -> Routine:
    """Return ``sub(a, b)``: the difference; NaN if an operand is."""
    add, neg = builder.routine(make_add), builder.routine(make_neg)

    def sub(a: Any, b: Any) -> Any:
        return add(a, neg(b))

    return sub


def make_neg(builder: LogBuilder) -> Routine:
    """Return ``neg(a)``; zero and NaN remain."""
    word, sign = builder.word, builder.word(builder.format.sign_mask)
    zero, nan = word(builder.format.zero), word(builder.format.nan)

    def neg(a: Any) -> Any:
        a = word(a)
        return a if (a == zero) | (a == nan) else word(a ^ sign)

    return neg


def make_mul(builder: LogBuilder) -> Routine:
    """Return ``mul(a, b)``: the product, exact unless it is beyond the range; NaN if one is."""
    word, long, log = builder.word, builder.long, builder.routine(make_log)
    pack, format = builder.routine(make_pack), builder.format
    sign, zero, nan = word(format.sign_mask), word(format.zero), word(format.nan)

    def mul(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        z = pack(word((a ^ b) & sign), long(log(a) + log(b)))
        z = zero if (a == zero) | (b == zero) else z
        return nan if (a == nan) | (b == nan) else z

    return mul


def make_div(builder: LogBuilder) -> Routine:
    """Return ``div(a, b)``: the quotient; NaN if an operand is, or if b is zero."""
    word, long, log = builder.word, builder.long, builder.routine(make_log)
    pack, format = builder.routine(make_pack), builder.format
    sign, zero, nan = word(format.sign_mask), word(format.zero), word(format.nan)

    def div(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        z = pack(word((a ^ b) & sign), long(log(a) - log(b)))
        z = zero if a == zero else z
        return nan if (a == nan) | (b == nan) | (b == zero) else z

    return div


def make_fma(builder: LogBuilder) -> Routine:
    """Return ``fma(a, b, c)``: a * b + c, rounded once; NaN if an operand is."""
    word, long, log = builder.word, builder.long, builder.routine(make_log)
    total, pack, format = builder.routine(make_sum), builder.routine(make_pack), builder.format
    sign, zero, nan = word(format.sign_mask), word(format.zero), word(format.nan)

    def fma(a: Any, b: Any, c: Any) -> Any:
        a, b, c = word(a), word(b), word(c)
        own, n = word((a ^ b) & sign), long(log(a) + log(b))
        z = total(own, n, word(c & sign), log(c))
        z = pack(own, n) if c == zero else z
        z = c if (a == zero) | (b == zero) else z
        return nan if (a == nan) | (b == nan) | (c == nan) else z

    return fma


def make_sqrt(builder: LogBuilder) -> Routine:
    """Return ``sqrt(a)``: half of L, rounded; NaN for NaN and for a number below zero."""
    word, long, log = builder.word, builder.long, builder.routine(make_log)
    pack, rounded = builder.routine(make_pack), builder.routine(make_rounded)
    sign, zero, nan = (word(getattr(builder.format, n)) for n in ("sign_mask", "zero", "nan"))
    one, none, plus = long(1), long(0), word(0)

    def sqrt(a: Any) -> Any:
        a = word(a)
        n = log(a)
        z = pack(plus, rounded(False, long(n >> one), long(n & one), none))
        return nan if word(a & sign) != plus else (zero if a == zero else z)

    return sqrt


def make_scaleb(builder: LogBuilder) -> Routine:
    """Return ``scaleb(a, n)``: a * 2**n for an integer n; zero and NaN remain."""
    word, long, log = builder.word, builder.long, builder.routine(make_log)
    pack, format = builder.routine(make_pack), builder.format
    sign, zero, nan = word(format.sign_mask), word(format.zero), word(format.nan)
    unit = long(1 << format.fraction_bits)

    def scaleb(a: Any, n: Any) -> Any:
        a = word(a)
        most = long(_FARTHEST if n > _FARTHEST else max(n, -_FARTHEST))
        z = pack(word(a & sign), long(log(a) + long(most * unit)))
        return a if (a == zero) | (a == nan) else z

    return scaleb
