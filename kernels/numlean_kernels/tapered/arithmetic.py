"""The basic operations, each rounded once."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.protocol import Routine
from numlean_kernels.tapered.builder import WORD_BITS, TaperedBuilder
from numlean_kernels.tapered.codes import (
    make_magnitude,
    make_pack,
    make_shift_right_jam,
    make_unpack,
)

_HALF: Final = WORD_BITS // 2


def make_neg(builder: TaperedBuilder) -> Routine:
    """Return ``neg(a)``: the two's complement; zero and NaR remain."""
    word, zero, mask = builder.word, builder.word(0), builder.word(builder.format.code_mask)

    def neg(a: Any) -> Any:
        return word(word(zero - word(a)) & mask)

    return neg


def make_sum(builder: TaperedBuilder) -> Routine:
    """Return ``total(negative, e, sig, negative, e, sig)``: the sum of two unpacked numbers.

    A significand has at most 60 bits. Where bits of the lesser term are jammed, the terms differ
    by more than a binade, so that the sum loses at most one leading bit.
    """
    word, signed, clz = builder.word, builder.signed, builder.clz
    shift_right_jam, pack = builder.routine(make_shift_right_jam), builder.routine(make_pack)
    one, zero, one_exp = word(1), word(0), signed(1)
    shift_mask = signed(WORD_BITS - 1)

    def total(negative_a: Any, e_a: Any, sig_a: Any, negative_b: Any, e_b: Any, sig_b: Any) -> Any:
        ordered = (e_a > e_b) | ((e_a == e_b) & (sig_a >= sig_b))
        e, distance = (e_a if ordered else e_b), signed(e_a - e_b if ordered else e_b - e_a)
        big = word((sig_a if ordered else sig_b) >> one)
        small = shift_right_jam(word((sig_b if ordered else sig_a) >> one), word(distance))
        negative = negative_a if ordered else negative_b
        sig = word(big - small) if negative_a != negative_b else word(big + small)
        shift = signed(signed(clz(sig)) - one_exp)
        normal = word(sig << word(shift & shift_mask))
        z = pack(negative, signed(e + one_exp - shift), normal)
        return zero if sig == zero else z

    return total


def make_product(builder: TaperedBuilder) -> Routine:
    """Return ``product(m, n) -> (e, sig)``: the exact product of two magnitudes, unpacked."""
    word, signed = builder.word, builder.signed
    unpack, half, top = builder.routine(make_unpack), word(_HALF - 1), word(WORD_BITS - 1)

    def product(m: Any, n: Any) -> Any:
        e_m, sig_m = unpack(m)
        e_n, sig_n = unpack(n)
        sig = word(word(sig_m >> half) * word(sig_n >> half))
        carry = word(sig >> top)
        return signed(e_m + e_n + signed(carry)), word(sig >> carry)

    return product


def make_add(builder: TaperedBuilder) -> Routine:
    """Return ``add(a, b)``: the sum; NaR if an operand is."""
    word, magnitude, unpack = (
        builder.word,
        builder.routine(make_magnitude),
        builder.routine(make_unpack),
    )
    total, zero, nar = builder.routine(make_sum), builder.word(0), word(builder.format.nar)

    def add(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        e_a, sig_a = unpack(magnitude(a))
        e_b, sig_b = unpack(magnitude(b))
        z = total((a & nar) != zero, e_a, sig_a, (b & nar) != zero, e_b, sig_b)
        return nar if (a == nar) | (b == nar) else z

    return add


def make_sub(builder: TaperedBuilder) -> Routine:
    """Return ``sub(a, b)``: the difference; NaR if an operand is."""
    add, neg = builder.routine(make_add), builder.routine(make_neg)

    def sub(a: Any, b: Any) -> Any:
        return add(a, neg(b))

    return sub


def make_mul(builder: TaperedBuilder) -> Routine:
    """Return ``mul(a, b)``: the product; NaR if an operand is."""
    word, magnitude, product = (
        builder.word,
        builder.routine(make_magnitude),
        builder.routine(make_product),
    )
    pack, zero, nar = builder.routine(make_pack), builder.word(0), word(builder.format.nar)

    def mul(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        e, sig = product(magnitude(a), magnitude(b))
        z = pack(word((a ^ b) & nar) != zero, e, sig)
        z = zero if (a == zero) | (b == zero) else z
        return nar if (a == nar) | (b == nar) else z

    return mul


def make_fma(builder: TaperedBuilder) -> Routine:
    """Return ``fma(a, b, c)``: a * b + c, rounded once; NaR if an operand is."""
    word, magnitude, unpack = (
        builder.word,
        builder.routine(make_magnitude),
        builder.routine(make_unpack),
    )
    product, total = builder.routine(make_product), builder.routine(make_sum)
    zero, nar = builder.word(0), word(builder.format.nar)

    def fma(a: Any, b: Any, c: Any) -> Any:
        a, b, c = word(a), word(b), word(c)
        e, sig = product(magnitude(a), magnitude(b))
        e_c, sig_c = unpack(magnitude(c))
        z = total(word((a ^ b) & nar) != zero, e, sig, (c & nar) != zero, e_c, sig_c)
        # The exponent of a product with a zero is not below that of every number.
        z = c if (a == zero) | (b == zero) else z
        return nar if (a == nar) | (b == nar) | (c == nar) else z

    return fma


def make_div(builder: TaperedBuilder) -> Routine:
    """Return ``div(a, b)``: the quotient; NaR if an operand is, or if b is zero."""
    word, signed, clz = builder.word, builder.signed, builder.clz
    magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)
    pack, zero, one = builder.routine(make_pack), word(0), word(1)
    nar, half, half_exp = word(builder.format.nar), word(_HALF - 1), signed(_HALF)

    def div(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        e_a, sig_a = unpack(magnitude(a))
        e_b, sig_b = unpack(magnitude(b))
        divisor = word(sig_b >> half)
        divisor = one if divisor == zero else divisor
        quotient = word(sig_a // divisor)
        inexact = one if word(quotient * divisor) != sig_a else zero
        zeros = word(clz(quotient if quotient != zero else one))
        sig = word(word(quotient << word(zeros - one)) | inexact)
        e = signed(e_a - e_b + half_exp - signed(zeros))
        z = pack(word((a ^ b) & nar) != zero, e, sig)
        z = zero if a == zero else z
        return nar if (a == nar) | (b == nar) | (b == zero) else z

    return div


def make_sqrt(builder: TaperedBuilder) -> Routine:
    """Return ``sqrt(a)``: the square root; NaR for NaR and for a number below zero.

    A radicand of 64 bits has a root of 32, whose bits are tried one after the other.
    """
    word, signed, unpack = builder.word, builder.signed, builder.routine(make_unpack)
    pack, zero, one, one_exp = builder.routine(make_pack), word(0), word(1), signed(1)
    nar, lead, up = word(builder.format.nar), word(_HALF - 1), word(_HALF - 1)

    def sqrt(a: Any) -> Any:
        a = word(a)
        e, sig = unpack(a)
        odd = signed(e & one_exp)
        radicand = word(sig << word(odd))
        root = zero
        for k in range(_HALF):
            trial = word(root | word(one << word(lead - word(k))))
            root = trial if word(trial * trial) <= radicand else root
        inexact = one if word(root * root) != radicand else zero
        z = pack(False, signed(signed(e - odd) >> one_exp), word(word(root << up) | inexact))
        return (nar if (a & nar) != zero else zero) if (a == zero) | ((a & nar) != zero) else z

    return sqrt
