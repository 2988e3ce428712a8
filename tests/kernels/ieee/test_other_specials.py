"""Formats without infinity, NaN, -0, sign or zero: every operand, against exact rationals."""

import itertools

import ml_dtypes
import numpy as np
import pytest

from numlean.testing import ExactArithmetic
from numlean_kernels.flags import INEXACT, INVALID, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import BINARY32, NAMED, format_of_key, parse_p3109
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.tables.exact import decode, encoder
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

PYTHON = get_target("python")
FORMATS = {each.name: each.format for each in NAMED}
E2M1, E8M0, E4M3FNUZ = FORMATS["e2m1"], FORMATS["e8m0"], FORMATS["e4m3fnuz"]
ML_DTYPES = {
    "e2m1": ml_dtypes.float4_e2m1fn,
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e3m4": ml_dtypes.float8_e3m4,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e4m3ieee": ml_dtypes.float8_e4m3,
    "e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "e4m3b11fnuz": ml_dtypes.float8_e4m3b11fnuz,
    "e5m2": ml_dtypes.float8_e5m2,
    "e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "e8m0": ml_dtypes.float8_e8m0fnu,
}
DIRECTIONS = [r for r in Rounding if r is not Rounding.STOCHASTIC]
ONE_OPERAND = ("sqrt", "logb", "next_up", "next_down", "round_to_integral ties_to_even")
TWO_OPERANDS = ("add", "sub", "mul", "div", "rem")
QUIET = ("minimum", "maximum", "min_num", "max_num", "eq", "lt", "le", "compare", "total_order")


def kernel_of(arithmetic, name):
    return ieee_table(arithmetic, PYTHON)[name]


def values_of(format):
    to_binary64 = kernel_of(Arithmetic(format), "to_binary64")
    bits = [int(to_binary64(code)) for code in range(1 << format.width)]
    return np.array(bits, np.uint64).view(np.float64)


def model_of(arithmetic):
    return ExactArithmetic(
        arithmetic.format,
        arithmetic.rounding.value,
        tininess=arithmetic.tininess.value,
        flush=arithmetic.subnormal is Subnormal.FLUSH,
        overflow=arithmetic.overflow.value,
        nan_rule=arithmetic.nan.value,
    )


def check_all(arithmetic, *, triples=False):
    """Compare all operations on all operands: results and flags."""
    model, codes = model_of(arithmetic), range(1 << arithmetic.format.width)
    cases = [(name, (a,)) for name in ONE_OPERAND for a in codes]
    cases += [("scaleb", (a, n)) for a in codes for n in (-99, -1, 1, 2, 99)]
    cases += [(name, pair) for name in TWO_OPERANDS for pair in itertools.product(codes, codes)]
    cases += [("fma", each) for each in itertools.product(codes, repeat=3) if triples]
    for name, operands in cases:
        z, flags = kernel_of(arithmetic, f"flagged {name}")(*operands)
        assert (int(z), int(flags)) == model.compute(name, *operands), (name, operands)


@pytest.mark.parametrize("name", ML_DTYPES)
def test_every_encoding_has_the_value_that_ml_dtypes_gives_it_and_comes_back(name):
    format = FORMATS[name]
    codes = np.arange(1 << format.width, dtype=np.uint8)
    theirs, ours = codes.view(ML_DTYPES[name]).astype(np.float64), values_of(format)
    np.testing.assert_array_equal(ours, theirs)
    is_number = ~np.isnan(theirs)
    assert np.signbit(ours)[is_number].tolist() == np.signbit(theirs)[is_number].tolist()
    assert format.is_nan(codes).tolist() == np.isnan(theirs).tolist()
    assert format.is_infinite(codes).tolist() == np.isinf(theirs).tolist()
    assert format.is_finite(codes).tolist() == np.isfinite(theirs).tolist()
    from_binary64 = kernel_of(Arithmetic(format), "from_binary64")
    again = [int(from_binary64(bits)) for bits in ours[is_number].view(np.uint64).tolist()]
    assert again == codes[is_number].tolist()


@pytest.mark.parametrize("name", [name for name in ML_DTYPES if name != "e8m0"])
def test_casts_from_binary16_give_the_encodings_of_ml_dtypes(name):
    format = FORMATS[name]
    every = np.arange(0, 1 << 16, 13, dtype=np.uint16)
    floats = every.view(np.float16)
    with np.errstate(all="ignore"):
        theirs = floats.astype(ML_DTYPES[name]).view(np.uint8)
    cast = kernel_of(Arithmetic(format), "from e5m10")
    ours = np.array([int(cast(bits)) for bits in every.tolist()], np.uint8)
    # They give +0 for negative NaNs if there is no NaN.
    same = (ours == theirs) | (format.is_nan(ours) & format.is_nan(theirs))
    assert (same | (np.isnan(floats) & (not format.has_nan))).all()


@pytest.mark.parametrize("rounding", DIRECTIONS, ids=lambda r: r.value)
@pytest.mark.parametrize("format", [E2M1, parse_p3109("4.2"), parse_p3109("4.1uf")], ids=str)
def test_all_pairs_of_formats_of_4_bits_are_rounded_in_every_direction(format, rounding):
    check_all(Arithmetic(format, rounding, NanRule.CANONICAL))


@pytest.mark.parametrize("overflow", list(Overflow), ids=lambda overflow: overflow.value)
@pytest.mark.parametrize("text", ["4.2", "4.2f", "4.1u", "3.2uf"])
def test_all_pairs_of_formats_of_p3109_overflow_as_chosen(text, overflow):
    check_all(Arithmetic(parse_p3109(text), Rounding.TO_ODD, overflow=overflow))


@pytest.mark.parametrize(
    "arithmetic",
    [
        Arithmetic(E2M1),
        Arithmetic(E2M1, nan=NanRule.MAX, overflow=Overflow.SATURATE_FINITE),
        Arithmetic(parse_p3109("4.3"), tininess=Tininess.BEFORE),
        Arithmetic(parse_p3109("3.1"), subnormal=Subnormal.FLUSH),
        Arithmetic(parse_p3109("3.2"), subnormal=Subnormal.FLUSH, overflow=Overflow.NAN),
    ],
    ids=lambda arithmetic: arithmetic.key,
)
def test_all_triples_of_the_least_formats(arithmetic):
    check_all(arithmetic, triples=True)


@pytest.mark.parametrize("name", ["e4m3fnuz", "e8m0", "e3m2"])
def test_many_pairs_of_wider_formats(name):
    format, rng = FORMATS[name], np.random.default_rng(3)
    for rounding in DIRECTIONS:
        arithmetic = Arithmetic(format, rounding)
        model = model_of(arithmetic)
        for operation in TWO_OPERANDS:
            routine = kernel_of(arithmetic, f"flagged {operation}")
            for a, b in rng.integers(0, 1 << format.width, (60, 2)).tolist():
                z, flags = routine(a, b)
                assert (int(z), int(flags)) == model.compute(operation, a, b), (operation, a, b)


@pytest.mark.parametrize("name", ["e2m1", "e4m3fnuz"])
def test_orders_and_extrema_of_all_pairs(name):
    format = FORMATS[name]
    codes = range(0, 1 << format.width, 1 if format.width < 8 else 9)
    arithmetic = Arithmetic(format)
    model = model_of(arithmetic)
    for a, b in itertools.product([*codes, format.default_nan], repeat=2):
        for operation in QUIET:
            z = int(kernel_of(arithmetic, operation)(a, b))
            assert z == model.compute(operation, a, b)[0], (operation, a, b)


def test_a_nan_has_a_substitute_and_is_invalid_in_a_format_without_one():
    nan = int(np.array(np.nan).view(np.uint64))
    usual, greatest = Arithmetic(E2M1), Arithmetic(E2M1, nan=NanRule.MAX)
    assert kernel_of(usual, "flagged from_binary64")(nan) == (0x8, INVALID)
    assert kernel_of(greatest, "flagged from_binary64")(nan) == (0x7, INVALID)
    assert kernel_of(usual, "flagged sqrt")(0xF) == (0x8, INVALID)


def test_zero_negative_and_tiny_results_of_the_scale_format():
    def encoded(value, **options):
        bits = int(np.array(value, np.float64).view(np.uint64))
        return kernel_of(Arithmetic(E8M0, **options), "flagged from_binary64")(bits)

    assert encoded(0.0) == encoded(-1.0) == (0xFF, INVALID)
    assert encoded(0.0, overflow=Overflow.SATURATE) == (0x00, INVALID)
    assert encoded(-1.0, overflow=Overflow.SATURATE) == (0x00, INVALID)
    assert encoded(2.0**-300) == (0x00, INEXACT | UNDERFLOW)
    assert encoded(2.0**-300, rounding=Rounding.TOWARD_ZERO) == (0x00, INEXACT | UNDERFLOW)
    assert encoded(2.0**128) == (0xFF, INEXACT | OVERFLOW)
    assert encoded(np.inf, overflow=Overflow.SATURATE) == (0xFE, 0)


def test_ties_go_to_the_even_encoding_also_without_trailing_bits():
    encode = encoder(Arithmetic(E8M0))
    for e in range(-4, 5):
        below = E8M0.bias + e
        assert encode(0, 3, e - 1) == below + below % 2, e
    encode = encoder(Arithmetic(parse_p3109("5.1")))
    assert [encode(0, 3, e - 1) for e in (0, 1, 2)] == [8, 10, 10]


def test_sums_of_a_format_without_zero_start_from_what_stands_for_it():
    assert ieee_table(Arithmetic(E8M0), PYTHON).zero == 0xFF
    assert ieee_table(Arithmetic(E8M0, overflow=Overflow.SATURATE), PYTHON).zero == 0
    assert ieee_table(Arithmetic(E4M3FNUZ), PYTHON).zero == 0


@pytest.mark.parametrize("format", [*FORMATS.values(), parse_p3109("6.3u"), parse_p3109("8.3f")])
def test_a_key_gives_a_format_with_the_same_encodings(format):
    again = format_of_key(format.key)
    assert again.key == format.key
    for code in (0, 1, format.max_finite):
        assert decode(again, code) == decode(format, code)
    assert (again.default_nan, again.infinity) == (format.default_nan, format.infinity)


def test_choices_that_a_format_does_not_have_are_refused():
    with pytest.raises(ValueError, match="e2m1 has no NaN"):
        Arithmetic(E2M1, overflow=Overflow.NAN)
    with pytest.raises(ValueError, match="binary32 has a NaN"):
        Arithmetic(BINARY32, nan=NanRule.MAX)


@pytest.mark.parametrize(
    "text", ["", "8", "8.9", "2.1", "17.3", "8.0", "8.3x", "8.8", "16.1", "8.4fu"]
)
def test_other_texts_are_not_formats_of_p3109(text):
    with pytest.raises(ValueError, match=r"P3109|exponent bits"):
        parse_p3109(text)
