"""rem, roundToIntegral, scaleB, logB, neighbours, classes and orders, against exact rationals."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from numlean_kernels.formats import BINARY32, E4M3, E5M2, parse_format
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.classify import CLASSES
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

FORMATS = [E5M2, E4M3, parse_format("e3m2")]
named = pytest.mark.parametrize("format", FORMATS, ids=lambda f: f.name)


def routines(format):
    return ieee_table(Arithmetic(format), get_target("python"))


def value(format, a):
    """Return the exact value of a finite encoding, from its fields."""
    exponent, trailing = divmod(a & format.magnitude_mask, 1 << format.trailing_bits)
    scale = Fraction(2) ** (max(exponent, 1) - format.bias - format.trailing_bits)
    magnitude = (trailing + ((exponent > 0) << format.trailing_bits)) * scale
    return -magnitude if a & format.sign_mask else magnitude


def finite(format):
    return [a for a in range(1 << format.width) if a & format.magnitude_mask <= format.max_finite]


@named
def test_rem_is_exact_and_its_zeros_have_the_sign_of_the_dividend(format):
    rem = routines(format)["flagged rem"]
    for a, b in itertools.product(finite(format), finite(format)):
        z, flags = rem(a, b)
        if b & format.magnitude_mask == 0:
            assert (z, flags) == (format.default_nan, 16 if format.has_infinity else flags)
            continue
        x, y = value(format, a), value(format, b)
        expected = x - y * round(x / y)  # round takes ties to even
        assert (value(format, z), flags) == (expected, 0), (hex(a), hex(b))
        if expected == 0:
            assert z & format.sign_mask == a & format.sign_mask


def test_rem_of_and_by_infinity():
    table = routines(BINARY32)
    inf, one, nan = 0x7F800000, 0x3F800000, 0x7FC00000
    assert table["flagged rem"](inf, one) == (nan, 16)
    assert table["flagged rem"](one, 0) == (nan, 16)
    assert table["flagged rem"](one, inf) == (one, 0)
    assert table["flagged rem"](nan | 5, one) == (nan | 5, 0)


def test_rem_of_binary32_is_that_of_the_c_library():
    rng = np.random.default_rng(73)
    x, y = (rng.integers(0, 0x7F800000, 300, dtype=np.uint32) for _ in range(2))
    rem = routines(BINARY32)["rem"]
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        floats = (float(np.uint32(bits).view(np.float32)) for bits in (a, b))
        assert np.uint32(rem(a, b)).view(np.float32) == math.remainder(*floats)


def to_odd(v):
    down = math.floor(v)
    return down if v == down or down % 2 else down + 1


INTEGRAL = {
    Rounding.TIES_TO_EVEN: round,
    Rounding.TIES_TO_AWAY: lambda v: int(math.copysign(math.floor(abs(v) + Fraction(1, 2)), v)),
    Rounding.TOWARD_ZERO: math.trunc,
    Rounding.TOWARD_POSITIVE: math.ceil,
    Rounding.TOWARD_NEGATIVE: math.floor,
    Rounding.TO_ODD: to_odd,
}


@named
@pytest.mark.parametrize("rounding", INTEGRAL, ids=lambda r: r.value)
def test_round_to_integral_gives_integers_of_the_operand_s_sign(format, rounding):
    routine = routines(format)[f"flagged round_to_integral {rounding.value}"]
    for a in finite(format):
        z, flags = routine(a)
        assert (value(format, z), flags) == (INTEGRAL[rounding](value(format, a)), 0)
        assert z & format.sign_mask == a & format.sign_mask


@named
def test_neighbours_skip_no_number(format):
    table = routines(format)
    numbers = sorted(finite(format), key=lambda a: (value(format, a), not a & format.sign_mask))
    numbers = [a for a in numbers if a != format.sign_mask]  # -0 and +0 are one point
    for below, above in itertools.pairwise(numbers):
        minus = format.sign_mask if above == 0 else above
        assert table["next_up"](below) == (format.sign_mask if above == 0 else above)
        assert table["next_down"](above) == below
        assert table["next_down"](minus) == below
    if format.has_infinity:
        assert table["next_up"](format.max_finite) == format.infinity
        assert table["next_up"](format.infinity) == format.infinity
        assert table["next_down"](format.infinity) == format.max_finite
        assert table["next_up"](format.infinity | format.sign_mask) == numbers[0]


@named
def test_scaleb_rounds_once_and_logb_gives_the_exponent(format):
    table = routines(format)
    for a in finite(format):
        x = value(format, a)
        for n in (-9, -3, 0, 2, 10**9, -(10**9)):
            z, flags = table["flagged scaleb"](a, n)
            if x == 0:
                assert (z, flags) == (a, 0)
            elif abs(n) < 100 and abs(x) * Fraction(2) ** n <= value(format, format.max_finite):
                product = table["mul"](a, scaled_one(format, n)) if n in (0, 2) else None
                assert product in (None, z)
            assert z & format.sign_mask == a & format.sign_mask or z == format.default_nan
        if x != 0:
            e = math.floor(math.log2(abs(x)))
            error = abs(value(format, table["logb"](a)) - e)
            assert error == min(abs(value(format, b) - e) for b in finite(format))
    assert table["flagged logb"](0)[1] == 8


def scaled_one(format, n):
    return format.one + (n << format.trailing_bits)


def test_scaleb_and_logb_of_binary32_are_those_of_numpy():
    rng = np.random.default_rng(79)
    table = routines(BINARY32)
    numbers, powers = rng.integers(1, 0x7F800000, 400), rng.integers(-290, 290, 400)
    for a, n in zip(numbers.tolist(), powers.tolist(), strict=True):
        x = np.uint32(a).view(np.float32)
        with np.errstate(all="ignore"):
            expected = np.float32(np.ldexp(float(x), n))  # exact in binary64, then rounded once
        assert table["scaleb"](a, n) == expected.view(np.uint32)
        assert np.uint32(table["logb"](a)).view(np.float32) == np.frexp(float(x))[1] - 1


@named
def test_classes_and_total_order_distinguish_all_encodings(format):
    table = routines(format)
    counts = dict.fromkeys(CLASSES, 0)
    for a in range(1 << format.width):
        counts[CLASSES[table["classify"](a)]] += 1
    normal = format.max_finite - format.trailing_mask
    nans = format.magnitude_mask - format.max_number
    for sign in ("negative", "positive"):
        assert counts[f"{sign} zero"] == 1
        assert counts[f"{sign} subnormal"] == format.trailing_mask
        assert counts[f"{sign} normal"] == normal
        assert counts[f"{sign} infinity"] == format.has_infinity
    assert counts["quiet NaN"] + counts["signalling NaN"] == 2 * nans
    order = sorted(
        range(1 << format.width),
        key=lambda a: -(a & format.magnitude_mask) - 1 if a & format.sign_mask else a,
    )
    for a, b in itertools.pairwise(order):
        assert table["total_order"](a, b)
        assert not table["total_order"](b, a)
        assert table["total_order"](a, a)


def test_copy_sign_changes_only_the_sign():
    copy_sign = routines(BINARY32)["copy_sign"]
    assert copy_sign(0x7F800001, 0x80000000) == 0xFF800001
    assert copy_sign(0xBF800000, 0x7FC00000) == 0x3F800000
