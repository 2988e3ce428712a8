"""Positive real numbers of 64 bits, from which elementary functions are built.

**Notation.** A *real* is a pair (e, m): the number m * 2**(e - 63), where m is a word with its
leading one on top, so that the number lies in [2**e, 2**(e + 1)). A *unit* is 2**-63 of the leading
one of a real. Results are cut: they never exceed the exact value, and fall short of it by less than
the stated bound. A *fraction* is a word that counts units of 2**-64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from numlean_kernels.elementary.constants import words
from numlean_kernels.ieee.reciprocal import make_reciprocal
from numlean_kernels.ieee.reciprocal_root import make_reciprocal_root
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

ONE: Final = 1 << 63
"""The significand of powers of two."""


def make_multiply(builder: RoutineBuilder) -> Routine:
    """Return ``multiply(e, m, f, n) -> (e, m)``: the product of two reals, short by < 1 unit."""
    word, signed = builder.word, builder.signed
    high = builder.target.high_product(64)
    top, one, carry = word(63), word(1), signed(1)
    half = word(ONE)

    def multiply(e: Any, m: Any, f: Any, n: Any) -> Any:
        upper, lower = high(m, n), word(m * n)
        full = upper >= half
        shifted = word(word(upper << one) | word(lower >> top))
        exponent = signed(e + f)
        return (signed(exponent + carry) if full else exponent), (upper if full else shifted)

    return multiply


def make_add(builder: RoutineBuilder) -> Routine:
    """Return ``add(e, m, f, n) -> (e, m)``: the sum of two reals, short by less than 2 units."""
    word, signed = builder.word, builder.signed
    shifted = builder.routine(make_shift_right)
    half, one, carry = word(ONE), word(1), signed(1)

    def add(e: Any, m: Any, f: Any, n: Any) -> Any:
        if e < f:
            e, m, f, n = f, n, e, m
        total = word(m + shifted(n, signed(e - f)))
        carried = total < m
        return (
            (signed(e + carry) if carried else e),
            (word(word(total >> one) | half) if carried else total),
        )

    return add


def make_subtract(builder: RoutineBuilder) -> Routine:
    """Return ``subtract(e, m, f, n) -> (e, m)``: the difference of two reals, the first greater.

    Bits cut from the second real count as a whole unit of the first, so that the result is below
    the first however small the second is: short by less than one of its units. The first must be
    greater by more than that.
    """
    word, signed = builder.word, builder.signed
    shifted, normalised = builder.routine(make_shift_right), builder.routine(make_normalise)
    one, zero = word(1), word(0)
    widest = signed(63)

    def subtract(e: Any, m: Any, f: Any, n: Any) -> Any:
        distance = signed(e - f)
        near = distance if distance < widest else widest
        kept = shifted(n, distance)
        lost = (word(kept << word(near)) != n) | (distance != near)
        # Below a power of two, reals are twice as dense as above.
        difference = word(word(m - kept) - (one if lost else zero))
        return normalised(e, difference)

    return subtract


def make_normalise(builder: RoutineBuilder) -> Routine:
    """Return ``normalise(e, m) -> (e, m)``: m * 2**(e - 63) as a real, for a nonzero word m."""
    word, signed, clz = builder.word, builder.signed, builder.clz

    def normalise(e: Any, m: Any) -> Any:
        zeros = clz(m)
        return signed(e - signed(zeros)), word(m << word(zeros))

    return normalise


def make_shift_right(builder: RoutineBuilder) -> Routine:
    """Return ``shift_right(m, n)``: the word m >> n for any signed n >= 0."""
    word, signed = builder.word, builder.signed
    widest, zero = signed(63), word(0)

    def shift_right(m: Any, n: Any) -> Any:
        return word(m >> word(n if n < widest else widest)) if n <= widest else zero

    return shift_right


def make_shift_right_pair(builder: RoutineBuilder) -> Routine:
    """Return ``shift_right_pair(m, n)``: both words of m * 2**64 >> n, for any signed n > 0."""
    word, signed = builder.word, builder.signed
    shift_right = builder.routine(make_shift_right)
    wide, zero = signed(64), word(0)

    def shift_right_pair(m: Any, n: Any) -> Any:
        if n < wide:
            return word(m >> word(n)), word(m << word(signed(wide - n)))
        return zero, shift_right(m, signed(n - wide))

    return shift_right_pair


def make_just_below(builder: RoutineBuilder) -> Routine:
    """Return ``just_below(e, m) -> (e, m)``: the greatest real below a real."""
    word, signed = builder.word, builder.signed
    half, ones, one, below = word(ONE), word((1 << 64) - 1), word(1), signed(1)

    def just_below(e: Any, m: Any) -> Any:
        is_power = m == half
        return (signed(e - below) if is_power else e), (ones if is_power else word(m - one))

    return just_below


def make_near_one(builder: RoutineBuilder) -> Routine:
    """Return ``near_one(falls, e, m, small_falls, f, n) -> (e, m)``: 1 +- x +- a small real.

    x is below 1/2, has at most 63 leading zeros and 64 bits, and is added exactly; the small real
    is cut to units of 2**-127. So the cut result shows on which side of 1 +- x the sum lies.
    """
    word, signed = builder.word, builder.signed
    shift_right_pair = builder.routine(make_shift_right_pair)
    half, zero, one, top = word(ONE), word(0), word(1), word(63)
    same, below = signed(0), signed(-1)

    def near_one(falls: Any, e: Any, m: Any, small_falls: Any, f: Any, n: Any) -> Any:
        upper, low = shift_right_pair(m, signed(-e))
        small_upper, small_low = shift_right_pair(n, signed(-f))
        if falls:
            upper = word(word(half - upper) - (one if low != zero else zero))
            low = word(zero - low)
        else:
            upper = word(half + upper)
        if small_falls:
            # One more unit stands for the bits that were cut.
            taken = word(small_low + one)
            small_upper = word(small_upper + (one if taken == zero else zero))
            upper = word(word(upper - small_upper) - (one if low < taken else zero))
            low = word(low - taken)
        else:
            low = word(low + small_low)
            upper = word(word(upper + small_upper) + (one if low < small_low else zero))
        full = upper >= half
        doubled = word(word(upper << one) | word(low >> top))
        return (same if full else below), (upper if full else doubled)

    return near_one


def make_divide(builder: RoutineBuilder) -> Routine:
    """Return ``divide(e, m, f, n) -> (e, m)``: the quotient of two reals, short by under 3 units.

    The reciprocal in 31 bits has a defect d = 1 - x*y below 2**-29, which is exact in two words;
    multiplied by 1 + d + d**2 it is off by d**3 and by cuts, 1.2 units in all. It stays below two,
    so a quotient by a power of two is always below the dividend's significand.
    """
    word, signed = builder.word, builder.signed
    high, reciprocal = builder.target.high_product(64), builder.routine(make_reciprocal)
    most, target = word((1 << 32) - 1), word(1 << 31)
    half, one, zero = word(ONE), word(1), word(0)
    top, up, down, places, lift = word(63), word(62), word(2), word(29), word(32)
    below = signed(1)

    def divide(e: Any, m: Any, f: Any, n: Any) -> Any:
        y = reciprocal(n)
        y = y if y < most else most
        upper, lower = high(n, y), word(n * y)
        upper = word(word(target - upper) - (one if lower != zero else zero))
        defect = word(word(upper << up) | word(word(zero - lower) >> down))
        defect = word(defect + word(high(defect, defect) >> places))
        y = word(y << lift)
        y = word(y + word(high(y, defect) >> places))
        upper, lower = high(m, y), word(m * y)
        full = upper >= half
        shifted = word(word(upper << one) | word(lower >> top))
        exponent = signed(e - f)
        return (exponent if full else signed(exponent - below)), (upper if full else shifted)

    return divide


def make_root_parts(builder: RoutineBuilder) -> Routine:
    """Return ``root_parts(e, m) -> (e, u, y)``: the factors of the square root of a real.

    The real is u / 2**64 * 4**(e + 1) with u / 2**64 in [1/4, 1), and y / 2**63 is its reciprocal
    root, too small by less than 1.3 units, and below 2. The approximation in 31 bits has a defect d
    = 1 - u * y**2 below 2**-29, and 1/sqrt(1 - d) = 1 + d/2 + 3/8 d**2 within d**3.
    """
    word, signed = builder.word, builder.signed
    high, reciprocal_root = builder.target.high_product(64), builder.routine(make_reciprocal_root)
    most, target, zero, one = word((1 << 32) - 1), word(1 << 62), word(0), word(1)
    up, down, places, lift = word(30), word(34), word(28), word(32)
    three, eighth, odd_bit = word(3), word(3), signed(1)

    def root_parts(e: Any, m: Any) -> Any:
        odd = signed(e & odd_bit)
        y, u = reciprocal_root(m, odd != 0)
        y = y if y < most else most
        square = word(y * y)
        upper, lower = high(u, square), word(u * square)
        upper = word(word(target - upper) - (one if lower != zero else zero))
        defect = word(word(upper << up) | word(word(zero - lower) >> down))
        second = word(word(three * word(high(defect, defect) >> places)) >> eighth)
        y = word(y << lift)
        y = word(y + word(high(y, word(word(defect >> one) + second)) >> places))
        return signed(signed(e - odd) >> odd_bit), u, y

    return root_parts


def make_square_root(builder: RoutineBuilder) -> Routine:
    """Return ``square_root(e, m) -> (e, m)``: the root of a real, short by less than 4 units."""
    word, high, root_parts = (
        builder.word,
        builder.target.high_product(64),
        builder.routine(make_root_parts),
    )
    one, top, half = word(1), word(63), word(ONE)

    def square_root(e: Any, m: Any) -> Any:
        f, u, y = root_parts(e, m)
        # The product is in [1/4, 1/2) of a word's range, but the bits cut may bring it below.
        root = word(word(high(u, y) << one) | word(word(u * y) >> top))
        return f, (root if root > half else half)

    return square_root


def make_fraction(builder: RoutineBuilder) -> Routine:
    """Return ``fraction(e, m)``: a real below one as a fraction."""
    signed, shift_right = builder.signed, builder.routine(make_shift_right)
    below = signed(-1)

    def fraction(e: Any, m: Any) -> Any:
        return shift_right(m, signed(below - e))

    return fraction


def series(coefficients: Sequence[int], *, alternating: bool = False) -> Maker:
    """Return the maker of ``sum(t)``: c0 + c1*t + c2*t**2 ... of fractions, by Horner's rule.

    If alternating it is c0 - c1*t + c2*t**2 ..., where the terms must decrease, so that no partial
    sum is negative. Each product is cut, so the sum is off by at most t/(1 - t) units of 2**-64.
    """
    table, last = words(coefficients), len(coefficients) - 1

    def make(builder: RoutineBuilder) -> Routine:
        word, high = builder.word, builder.target.high_product(64)

        def rising(t: Any) -> Any:
            total = word(table[last])
            for k in range(1, last + 1):
                total = word(word(table[last - k]) + high(total, t))
            return total

        def alternate(t: Any) -> Any:
            total = word(table[last])
            for k in range(1, last + 1):
                total = word(word(table[last - k]) - high(total, t))
            return total

        return alternate if alternating else rising

    return make
