"""The operations on usual operands: what most results need, and nothing else.

The routines of the other modules are right for all operands, so each also computes what subnormals,
infinities and NaNs need. Those here are right for zeros and for normal numbers with a normal result
or an exact zero, which they recognise; they do about half of the work. They return ``(z, low,
high)``: the result, which is right if neither ``low`` nor ``high`` exceeds its bound. A loop needs
only the maxima of both, which vectors compute faster than conditions. Zeros have a ``low`` of
zero; what else is near zero is made great by a subtraction that wraps around. No flag is known.

They exist for words of 32 bits, and round in every direction but the stochastic one. As everywhere,
they contain no branches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.ieee.arithmetic import Rounding, Subnormal
from numlean_kernels.ieee.div import make_divide
from numlean_kernels.ieee.rounding import make_increment, make_zero_sum
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.ieee.sqrt import make_root
from numlean_kernels.protocol import Routine, UsualResults

_PRODUCT_BITS: Final = 24
"""The bits to which significands are extended before they are multiplied."""

_STICKY: Final = 3
"""The last bits of a working significand below which ones were lost. Two bits, since a selection of
1 or 0 would become a conversion of a condition, which takes more instructions than a selection."""


def supports_usual_results(builder: RoutineBuilder) -> bool:
    """Return whether the routines of this module exist for an arithmetic.

    They compute on encodings as they are stored, in formats like those of IEEE 754.
    """
    format, stored = builder.format, builder.arithmetic.format
    is_like_ieee = stored.is_sign_magnitude and format.has_infinity and format.trailing_bits > 0
    keeps = builder.arithmetic.subnormal is Subnormal.KEEP
    is_directed = builder.arithmetic.rounding is not Rounding.STOCHASTIC
    fits = builder.word_bits == 32 and _PRODUCT_BITS >= format.precision > 2
    return is_like_ieee and keeps and is_directed and fits


def make_usual_add(builder: RoutineBuilder) -> UsualResults:
    """Return ``add(a, b) -> (z, low, high)``, and its bounds."""
    return _make_sum(builder, 0)


def make_usual_sub(builder: RoutineBuilder) -> UsualResults:
    """Return ``sub(a, b) -> (z, low, high)``, and its bounds."""
    return _make_sum(builder, builder.format.sign_mask)


def _make_sum(builder: RoutineBuilder, flip: int) -> UsualResults:
    """Return the sum of a and of b with its sign changed by ``flip``.

    Known are sums of zeros and of numbers so great that the last bit of their significand is a
    normal number, as every nonzero sum is a multiple of that bit; and less than the last binade.
    """
    word, clz, increment = builder.word, builder.clz, builder.routine(make_increment)
    shift_left = builder.target.shift_left(builder.word_bits)
    sign_mask, magnitude_mask, trailing_mask = builder.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, zero = builder.words("implicit_bit", "infinity", "zero")
    trailing_bits, guard_bits = word(builder.format.trailing_bits), word(builder.guard_bits)
    lead, one, flipped = word(builder.guard_bits - 1), word(1), word(flip)
    farthest, head = word(builder.word_bits - 1), word(sign_mask | infinity)
    # A constant, from the function itself: to call the routine would compile it.
    sticky, of_opposites = word(_STICKY), make_zero_sum(builder)(zero, sign_mask)
    least = (builder.format.trailing_bits + 1) << builder.format.trailing_bits

    def add(a: Any, b: Any) -> Any:
        a, b = word(a), word(word(b) ^ flipped)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        big, small = (mag_a, mag_b) if mag_a >= mag_b else (mag_b, mag_a)
        header = word((a if mag_a >= mag_b else b) & head)
        different = word(a ^ b)
        # With the implicit bit, the greater operand of a subnormal or zero exponent is right too,
        # if the other one is zero. From that of the smaller one, vectors need a constant less.
        leading = small if small < implicit_bit else implicit_bit
        sig_big = word(word((big & trailing_mask) | word(leading | implicit_bit)) << lead)
        sig_small = word(word((small & trailing_mask) | leading) << lead)
        distance = word(word(big >> trailing_bits) - word(small >> trailing_bits))
        distance = distance if distance < farthest else farthest
        shifted = word(sig_small >> distance)
        shifted = word(shifted | (sticky if word(shifted << distance) != sig_small else zero))
        is_difference = word(different & sign_mask) != 0
        sig = word(sig_big - shifted) if is_difference else word(sig_big + shifted)
        shift = word(word(clz(sig)) - one)
        sig = shift_left(sig, shift)
        kept = word(word(sig + increment(word(header & sign_mask), sig)) >> guard_bits)
        z = word(word(header - word(shift << trailing_bits)) + kept)
        return (z if different != sign_mask else of_opposites), word(zero - small), big

    return UsualResults(
        builder.target.routine(add), (word((1 << 32) - least), word(infinity - implicit_bit - 1))
    )


def make_usual_mul(builder: RoutineBuilder) -> UsualResults:
    """Return ``mul(a, b) -> (z, low, high)``, and its bounds."""
    word, increment = builder.word, builder.routine(make_increment)
    multiply = builder.routine(_make_multiply)
    sign_mask, magnitude_mask, trailing_mask = builder.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, zero = builder.words("implicit_bit", "infinity", "zero")
    trailing, guard_bits = builder.format.trailing_bits, word(builder.guard_bits)
    two, six, lost, last_bit = word(2), word(6), word((1 << 17) - 1), word(1 << 31)
    # What the sum of the exponents exceeds that of the product, less the implicit bit added to it.
    excess, more = (
        word((builder.format.bias + 1) << trailing),
        word(builder.format.bias << trailing),
    )
    known, sticky = (builder.format.exponent_limit - 2) << trailing, word(_STICKY)

    def mul(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        factor, upper, low = multiply(
            word((a & trailing_mask) | implicit_bit), word(b & trailing_mask)
        )
        # All but the last 17 bits of the product, whose leading one is at the last bit but one or
        # but two.
        sig = word(word(upper >> two) + word(factor << six))
        twice = word(sig + sig)
        is_carried = twice >= last_bit
        sig = word((sig if is_carried else twice) | (sticky if word(low & lost) != 0 else zero))
        sign = word((a ^ b) & sign_mask)
        kept = word(word(sig + increment(sign, sig)) >> guard_bits)
        exps = word(word(a & infinity) + word(b & infinity))
        exps = word(exps - (more if is_carried else excess))
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        small, big = (mag_a, mag_b) if mag_a < mag_b else (mag_b, mag_a)
        above = word(small - implicit_bit)
        above, is_zero = (exps if exps > above else above), small == 0
        z = word(sign | (zero if is_zero else word(exps + kept)))
        return z, (zero if is_zero else above), big

    return UsualResults(builder.target.routine(mul), (word(known - 1), word(infinity - 1)))


def _make_multiply(builder: RoutineBuilder) -> Routine:
    """Return ``multiply(sig, fraction) -> (a, upper, low)``: the product of two significands.

    The second one is given without its leading one. Both are extended to 24 bits, to a and 2**23 +
    f, so that the product is a * f + a * 2**23: ``upper`` has all bits of a * f but the last 15,
    and ``low`` the last 32. If ``sig`` is zero, so are all three.

    Two products of 32 bits give the 47 bits of a * f: its lower 32 bits; and the product of the
    upper 16 bits of both. That is less than the upper 32 bits by less than 2**17 (2**8 * f + 2**7 *
    a < 2**32, over 2**15), so the 17 bits that both have tell the difference.
    """
    word = builder.word
    lead, cut, cut_f = word(_PRODUCT_BITS - builder.format.precision), word(8), word(7)
    places, common = word(15), word((1 << 17) - 1)

    def multiply(sig: Any, fraction: Any) -> Any:
        a, f = word(sig << lead), word(fraction << lead)
        low = word(a * f)
        estimate = word(word(a >> cut) * word(f >> cut_f))
        upper = word(estimate + word(word(word(low >> places) - estimate) & common))
        return a, upper, low

    return multiply


def make_usual_div(builder: RoutineBuilder) -> UsualResults:
    """Return ``div(a, b) -> (z, low, high)``, and its bounds."""
    word, divide, pack = builder.word, builder.routine(make_divide), builder.routine(_make_pack)
    sign_mask, magnitude_mask, trailing_mask = builder.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, zero = builder.words("implicit_bit", "infinity", "zero")
    trailing_bits, one = word(builder.format.trailing_bits), word(1)
    lead, added = word(builder.word_bits - builder.format.precision), word(builder.format.bias - 1)
    known = (builder.format.exponent_limit - 2) << builder.format.trailing_bits

    def div(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        trailing_a, trailing_b = word(a & trailing_mask), word(b & trailing_mask)
        sig = divide(
            word((trailing_a | implicit_bit) << lead), word((trailing_b | implicit_bit) << lead)
        )
        exp = word(word(mag_a >> trailing_bits) - word(mag_b >> trailing_bits))
        exp = word(exp + word(added - (one if trailing_a < trailing_b else zero)))
        sign = word((a ^ b) & sign_mask)
        above_a, above_b = word(mag_a - implicit_bit), word(mag_b - implicit_bit)
        is_zero = mag_a == 0
        low, above_a = (zero, zero) if is_zero else (word(exp << trailing_bits), above_a)
        high = above_a if above_a > above_b else above_b
        return (sign if is_zero else pack(sign, exp, sig)), low, high

    return UsualResults(
        builder.target.routine(div), (word(known - 1), word(infinity - implicit_bit - 1))
    )


def make_usual_sqrt(builder: RoutineBuilder) -> UsualResults:
    """Return ``sqrt(a) -> (z, low, high)``, and its bounds."""
    word, root, pack = builder.word, builder.routine(make_root), builder.routine(_make_pack)
    magnitude_mask, trailing_mask = builder.words("magnitude_mask", "trailing_mask")
    implicit_bit, infinity, zero = builder.words("implicit_bit", "infinity", "zero")
    trailing_bits, one = word(builder.format.trailing_bits), word(1)
    lead = word(builder.word_bits - builder.format.precision)
    is_bias_odd, half_bias = word(builder.format.bias & 1), word(builder.format.bias // 2)

    def sqrt(a: Any) -> Any:
        a = word(a)
        sig = word(((a & trailing_mask) | implicit_bit) << lead)
        exp = word(word(a >> trailing_bits) + is_bias_odd)
        z = pack(zero, word(word(exp >> one) + half_bias - one), root(sig, word(exp & one) != 0))
        is_zero = word(a & magnitude_mask) == 0
        return (a if is_zero else z), (zero if is_zero else word(a - implicit_bit)), zero

    return UsualResults(builder.target.routine(sqrt), (word(infinity - implicit_bit - 1), zero))


def make_usual_fma(builder: RoutineBuilder) -> UsualResults:
    """Return ``fma(a, b, c) -> (z, low, high)``, and its bounds.

    Product and addend are exact in two words, with the leading one of a product at the last bit but
    one or but two, and that of the addend at the former. The one of smaller exponent is shifted
    right, with a sticky bit, by less than a word: an addend that is farther away is not known, and
    a product that is farther away is below all bits of the addend in any case. A sum of less than a
    word is not known unless it is zero.
    """
    word, signed, clz = builder.word, builder.signed, builder.clz
    multiply, pack = builder.routine(_make_multiply), builder.routine(_make_pack)
    zero_sum = builder.routine(make_zero_sum)
    sign_mask, magnitude_mask, trailing_mask = builder.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, zero = builder.words("implicit_bit", "infinity", "zero")
    trailing_bits, lead = word(builder.format.trailing_bits), word(builder.guard_bits)
    one, last_bit, negative, ones = word(1), word(31), word(1 << 31), word((1 << 32) - 1)
    two, six, fifteen = word(2), word(6), word(15)
    # The exponent of a zero is below all others, so that a zero shifts no number away.
    less_one, zero_exp = signed(1 - builder.format.bias), signed(-8 * builder.format.bias)
    known = word(builder.format.exponent_limit - 2)

    def fma(a: Any, b: Any, c: Any) -> Any:
        a, b, c = word(a), word(b), word(c)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        mag_c = word(c & magnitude_mask)
        small, big = (mag_a, mag_b) if mag_a < mag_b else (mag_b, mag_a)
        has_product, has_addend = small != 0, mag_c != 0
        sign_product, sign_c = word((a ^ b) & sign_mask), word(c & sign_mask)
        sig_a = word((a & trailing_mask) | implicit_bit)
        factor, upper, low = multiply(sig_a if has_product else zero, word(b & trailing_mask))
        high = word(word(upper >> two) + word(factor << six))
        low = word(low << fifteen)
        addend = word(((c & trailing_mask) | implicit_bit) << lead)
        addend = addend if has_addend else zero
        exp_p = signed(signed(mag_a >> trailing_bits) + signed(mag_b >> trailing_bits) + less_one)
        exp_p = exp_p if has_product else zero_exp
        exp_c = signed(mag_c >> trailing_bits) if has_addend else zero_exp

        is_addend_first = exp_p < exp_c
        high, other_high = (addend, high) if is_addend_first else (high, addend)
        low, other_low = (zero, low) if is_addend_first else (low, zero)
        exp, other_exp = (exp_c, exp_p) if is_addend_first else (exp_p, exp_c)
        distance = word(exp - other_exp)
        is_near = (distance <= last_bit) | is_addend_first | (other_high == 0)
        distance = distance if distance < last_bit else last_bit
        rest = word(last_bit ^ distance)
        near = word(other_low >> distance)
        sticky = one if word(near << distance) != other_low else zero
        other_low = word(near | word(word(other_high + other_high) << rest) | sticky)
        other_high = word(other_high >> distance)

        # A difference adds the complement, which is that of all bits plus one.
        flip = ones if sign_product != sign_c else zero
        total_low = word(word(low + word(other_low ^ flip)) - flip)
        carried = (low if flip != 0 else total_low) < other_low
        other_high = word(other_high + (one if carried else zero))
        high = word(word(high + word(other_high ^ flip)) - flip)
        negate = word(flip & (ones if high >= negative else zero))
        low = word(word(total_low ^ negate) - negate)
        high = word(word(high ^ negate) + (word(negate & one) if low == 0 else zero))
        sign = word((sign_c if is_addend_first else sign_product) ^ word(negate & sign_mask))

        shift = word(word(clz(high)) & last_bit)
        sig = word(word(high << shift) | word(word(low >> one) >> word(last_bit ^ shift)))
        lost = word(word(low << shift) | word(sig & one))
        sig = word(word(sig >> one) | (one if lost != 0 else zero))
        exp = word(word(exp) - shift)
        is_zero = word(high | low) == 0
        z = zero_sum(sign_product, sign_c) if is_zero else pack(sign, exp, sig)
        is_normal = (((high != 0) & (exp < known)) | is_zero) & is_near
        low, low_c = word(zero - small), word(zero - mag_c)
        low = low if low > low_c else low_c
        return z, (low if is_normal else ones), (big if big > mag_c else mag_c)

    return UsualResults(
        builder.target.routine(fma),
        (word((1 << 32) - builder.format.implicit_bit), word(infinity - 1)),
    )


def _make_pack(builder: RoutineBuilder) -> Routine:
    """Return ``pack(sign, exp, sig)``: the encoding of a normal number, rounded."""
    word, increment = builder.word, builder.routine(make_increment)
    guard_bits, trailing_bits = word(builder.guard_bits), word(builder.format.trailing_bits)

    def pack(sign: Any, exp: Any, sig: Any) -> Any:
        # The significand contains the implicit bit; so 1 is subtracted from exp beforehand.
        kept = word(word(sig + increment(sign, sig)) >> guard_bits)
        return word(sign | word(word(exp << trailing_bits) + kept))

    return pack


USUAL_MAKERS: Final[dict[str, Callable[[RoutineBuilder], UsualResults]]] = {
    "add": make_usual_add,
    "sub": make_usual_sub,
    "mul": make_usual_mul,
    "div": make_usual_div,
    "sqrt": make_usual_sqrt,
    "fma": make_usual_fma,
}
"""The makers of the routines, by operation."""
