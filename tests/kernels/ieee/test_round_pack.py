"""Rounding, unpacking and shifting in toy words and a toy format, case by case, against fractions.

In words of 8 bits a working significand of e3m2 has 3 significant bits and 4 guard bits, so that
every one of them can be rounded, at every exponent in reach and in every direction.
"""

import itertools
import math
from fractions import Fraction
from functools import cache

import pytest

from numlean_kernels.flags import INEXACT, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import Format, Nans, parse_format
from numlean_kernels.ieee import Arithmetic, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.ieee.fields import make_read_operand, make_shift_right_jam, make_unpack
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.ieee.wide import wide_operations
from numlean_kernels.targets import get_target

PYTHON = get_target("python")
E3M2 = parse_format("e3m2")
E3M2_FINITE = Format("e3m2fn", 3, 2, Nans.ALL_ONES, has_infinity=False)
WORD_BITS = 8
"""Bits of a toy word, of which 4 are guard bits."""
EXPONENTS = range(-12, 12)
"""Biased exponents from far below the subnormal range to far beyond the largest number."""
SIGNIFICANDS = range(1 << (WORD_BITS - 2), 1 << (WORD_BITS - 1))
"""All working significands, those with a sticky bit among them."""
DIRECTED = tuple(rounding for rounding in Rounding if rounding is not Rounding.STOCHASTIC)
MODES = {
    **{rounding.value: Arithmetic(E3M2, rounding) for rounding in DIRECTED},
    "tininess before": Arithmetic(E3M2, tininess=Tininess.BEFORE),
    "tininess before, upward": Arithmetic(E3M2, Rounding.TOWARD_POSITIVE, tininess=Tininess.BEFORE),
    "flush": Arithmetic(E3M2, subnormal=Subnormal.FLUSH),
    "flush, upward": Arithmetic(E3M2, Rounding.TOWARD_POSITIVE, subnormal=Subnormal.FLUSH),
    "saturate": Arithmetic(E3M2, overflow=Overflow.SATURATE),
    "no infinity": Arithmetic(E3M2_FINITE),
    "no infinity, saturate": Arithmetic(E3M2_FINITE, overflow=Overflow.SATURATE),
}
in_each_mode = pytest.mark.parametrize("arithmetic", MODES.values(), ids=MODES)


def builder_of(arithmetic, word_bits=WORD_BITS):
    return RoutineBuilder(arithmetic, PYTHON, word_bits=word_bits)


def round_to_integer(q, rounding, negative):
    """Round a nonnegative fraction, the magnitude of a number of that sign, to an integer."""
    floor, rest = math.floor(q), q - math.floor(q)
    half = Fraction(1, 2)
    is_up = {
        Rounding.TIES_TO_EVEN: rest > half or (rest == half and floor % 2 == 1),
        Rounding.TIES_TO_AWAY: rest >= half,
        Rounding.TOWARD_ZERO: False,
        Rounding.TOWARD_POSITIVE: rest > 0 and not negative,
        Rounding.TOWARD_NEGATIVE: rest > 0 and negative,
        Rounding.TO_ODD: rest > 0 and floor % 2 == 0,
        Rounding.AWAY_FROM_ZERO: rest > 0,
    }
    return floor + is_up[rounding]


def rounded(x, format, rounding, negative, emin):
    """Round a positive fraction to the precision of a format, with exponents from emin on."""
    e = math.frexp(x)[1] - 1
    unit = Fraction(2) ** (max(e, emin) - format.trailing_bits)
    return round_to_integer(x / unit, rounding, negative) * unit


@cache
def values_of(format):
    """Return the encodings of nonnegative finite numbers by their exact values."""
    values = {}
    for a in range(format.max_finite + 1):
        field, trailing = a >> format.trailing_bits, a & format.trailing_mask
        significand = trailing + (format.implicit_bit if field else 0)
        scale = Fraction(2) ** (max(field, 1) - format.bias - format.trailing_bits)
        values[significand * scale] = a
    return values


MAX = {format: max(values_of(format)) for format in (E3M2, E3M2_FINITE)}

AWAY_FROM_ZERO = {
    Rounding.TIES_TO_EVEN: (True, True),
    Rounding.TIES_TO_AWAY: (True, True),
    Rounding.TOWARD_ZERO: (False, False),
    Rounding.TOWARD_POSITIVE: (True, False),
    Rounding.TOWARD_NEGATIVE: (False, True),
    Rounding.TO_ODD: (False, False),
    Rounding.AWAY_FROM_ZERO: (True, True),
}
"""For each rounding: whether positive and negative overflow become infinite (clause 7.4)."""


def expected(x, arithmetic, negative):
    """Return encoding and flags of a positive fraction times a sign, by the standard's text."""
    format, rounding = arithmetic.format, arithmetic.rounding
    sign = format.sign_mask if negative else 0
    values = values_of(format)
    z = rounded(x, format, rounding, negative, format.emin)
    least = Fraction(2) ** format.emin
    unbounded = rounded(x, format, rounding, negative, -1000)
    is_tiny = (x if arithmetic.tininess is Tininess.BEFORE else unbounded) < least
    if is_tiny and arithmetic.subnormal is Subnormal.FLUSH:
        return sign, UNDERFLOW | INEXACT
    if z > MAX[format]:
        return overflowed(arithmetic, negative), OVERFLOW | INEXACT
    inexact = INEXACT if z != x else 0
    return sign | values[z], inexact | (UNDERFLOW if is_tiny and inexact else 0)


def overflowed(arithmetic, negative):
    format, sign = arithmetic.format, arithmetic.format.sign_mask if negative else 0
    is_away = AWAY_FROM_ZERO[arithmetic.rounding][negative]
    if not is_away or arithmetic.overflow is Overflow.SATURATE:
        return sign | format.max_finite
    return sign | format.infinity if format.has_infinity else format.default_nan


def exact(sig, exp, word_bits=WORD_BITS):
    return Fraction(sig, 1 << (word_bits - 2)) * Fraction(2) ** (exp - E3M2.bias)


@in_each_mode
def test_every_working_significand_is_rounded_once_at_every_exponent(arithmetic):
    round_pack = builder_of(arithmetic).routine(make_round_pack)
    for sig, exp, negative in itertools.product(SIGNIFICANDS, EXPONENTS, (False, True)):
        sign = E3M2.sign_mask if negative else 0
        actual = round_pack(sign, exp, sig)
        assert actual == expected(exact(sig, exp), arithmetic, negative), (sig, exp, negative)


@pytest.mark.parametrize("word_bits", [32, 64])
@in_each_mode
def test_wider_words_round_alike_and_a_sticky_bit_breaks_ties(arithmetic, word_bits):
    round_pack = builder_of(arithmetic, word_bits).routine(make_round_pack)
    shift = word_bits - WORD_BITS
    for sig, exp in itertools.product(SIGNIFICANDS, range(-3, 9)):
        working = sig << shift | 1
        actual = round_pack(0, exp, working)
        assert actual == expected(exact(working, exp, word_bits), arithmetic, False), (working, exp)


@in_each_mode
def test_a_significand_of_zero_is_a_zero_of_its_sign_without_a_flag(arithmetic):
    round_pack = builder_of(arithmetic).routine(make_round_pack)
    for exp, sign in itertools.product(range(-12, 2), (0, E3M2.sign_mask)):
        assert round_pack(sign, exp, 0) == (sign, 0)


def test_stochastic_rounding_rounds_up_in_proportion_to_the_dropped_bits():
    arithmetic = Arithmetic(E3M2, Rounding.STOCHASTIC)
    round_pack = builder_of(arithmetic).routine(make_round_pack)
    values = values_of(E3M2)
    encodings = {a: value for value, a in values.items()}
    for sig, exp in itertools.product(SIGNIFICANDS, range(1, E3M2.exponent_limit)):
        x = exact(sig, exp)
        below = rounded(x, E3M2, Rounding.TOWARD_ZERO, False, E3M2.emin)
        above = rounded(x, E3M2, Rounding.TOWARD_POSITIVE, False, E3M2.emin)
        results = [round_pack(0, exp, sig, random_bits)[0] for random_bits in range(16)]
        ups = sum(encodings.get(z) != below for z in results)
        assert ups == (0 if above == below else 16 * (x - below) / (above - below)), (sig, exp)


def test_no_direction_but_the_stochastic_one_takes_random_bits():
    for rounding in DIRECTED:
        round_pack = builder_of(Arithmetic(E3M2, rounding)).routine(make_round_pack)
        with pytest.raises(TypeError):
            round_pack(0, 1, 1 << (WORD_BITS - 2), 0)
    stochastic = builder_of(Arithmetic(E3M2, Rounding.STOCHASTIC)).routine(make_round_pack)
    with pytest.raises(TypeError):
        stochastic(0, 1, 1 << (WORD_BITS - 2))


@pytest.mark.parametrize("format", [E3M2, E3M2_FINITE], ids=lambda format: format.name)
def test_every_magnitude_is_unpacked_to_its_value_and_normalised(format):
    unpack = builder_of(Arithmetic(format)).routine(make_unpack)
    for value, magnitude in values_of(format).items():
        exp, sig = unpack(magnitude)
        if magnitude == 0:
            assert sig == 0
            continue
        assert sig.bit_length() == WORD_BITS
        assert Fraction(sig, 1 << (WORD_BITS - 1)) * Fraction(2) ** (exp - format.bias) == value


def test_every_shift_keeps_the_bits_above_and_jams_those_below():
    shift_right_jam = builder_of(Arithmetic(E3M2)).routine(make_shift_right_jam)
    for sig, n in itertools.product(range(1 << WORD_BITS), range(2 * WORD_BITS)):
        is_lost = sig % (1 << n) != 0
        assert shift_right_jam(sig, n) == sig >> n | is_lost, (sig, n)


def test_operands_are_flushed_if_they_are_subnormal_and_the_arithmetic_flushes():
    keep = builder_of(Arithmetic(E3M2)).routine(make_read_operand)
    flush = builder_of(Arithmetic(E3M2, subnormal=Subnormal.FLUSH)).routine(make_read_operand)
    for a in range(1 << E3M2.width):
        is_subnormal = a & E3M2.magnitude_mask < E3M2.implicit_bit
        assert keep(a) == a
        assert flush(a) == (a & E3M2.sign_mask if is_subnormal else a)


WIDE_WORD_BITS = 4
PAIRS = [divmod(x, 1 << WIDE_WORD_BITS) for x in range(1 << 2 * WIDE_WORD_BITS)]
"""All numbers of two words of 4 bits."""


def integer(pair):
    return pair[0] << WIDE_WORD_BITS | pair[1]


@pytest.fixture(scope="module")
def wide():
    return wide_operations(builder_of(Arithmetic(E3M2), WIDE_WORD_BITS))


def test_every_product_of_two_words_is_exact(wide):
    for a, b in itertools.product(range(1 << WIDE_WORD_BITS), repeat=2):
        assert integer(wide.multiply(a, b)) == a * b


def test_every_pair_of_words_is_shifted_and_counted_as_one_number(wide):
    bits = 2 * WIDE_WORD_BITS
    for x, pair in enumerate(PAIRS):
        assert wide.clz(pair) == bits - x.bit_length()
        assert wide.top(pair) == pair[0] | (pair[1] != 0)
        for n in range(bits):
            assert integer(wide.shift_left(pair, n)) == (x << n) % (1 << bits), (x, n)
        for n in range(1, WIDE_WORD_BITS):
            assert integer(wide.shift_right(pair, n)) == x >> n, (x, n)
        for n in range(bits + 3):
            assert integer(wide.shift_right_jam(pair, n)) == x >> n | (x % (1 << n) != 0), (x, n)


def test_sums_and_differences_of_pairs_carry_and_borrow(wide):
    limit = 1 << 2 * WIDE_WORD_BITS
    for x, y in itertools.product(range(limit), repeat=2):
        a, b = PAIRS[x], PAIRS[y]
        assert integer(wide.add(a, b)) == (x + y) % limit
        assert wide.less(a, b) == (x < y)
        assert wide.choose(x < y, a, b) == (a if x < y else b)
        if x >= y:
            assert integer(wide.sub(a, b)) == x - y
    assert wide.lift(5) == (5, 0)
