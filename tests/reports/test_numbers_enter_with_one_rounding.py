"""Numbers that are not binary64 are rounded once to a Scalar, or refused.

Each right value is the number as a fraction, which the reference in exact rationals rounds once.
"""

from decimal import Decimal
from fractions import Fraction

import gmpy2
import mpmath
import numpy as np
import pytest

from numlean import NumleanError, Tensor, get_scalar, ops
from numlean.analysis.trace.elements import element_of
from numlean.autograd.indices import INDEX
from numlean.data import Dataset
from numlean.errors import DataError
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.testing import ExactArithmetic

HALF_AND_MORE = 2**62 + 2**38 + 1
"""Just above the middle of two numbers of binary32; rounded to binary64, it is the middle."""
LONG = np.longdouble
IS_LONG = np.finfo(LONG).nmant >= 63
"""Whether the machine has a format of more bits than binary64: x86 has one."""
DTYPES = ("ieee32exec", "bfloat16", "binary16", "e5m2", "e4m3", "binary64exec", "ieee:e11m1")
INTEGERS = [
    HALF_AND_MORE,
    -HALF_AND_MORE,
    2**62 + 2**38 - 1,
    2**63 - 1,
    -(2**63),
    2**53 + 1,
    2**54 + 2**30 + 1,
    2**63 - 2**39 - 1,
    2**63 - 2**39,
    2**61 + 2**53 + 1,
]
LARGE = [2**63 + 2**39 + 1, 2**64 - 1, 2**63 + 2**55 + 1, 2**63]


def rounded(s, values):
    """Return the encodings of rationals rounded once to the Scalar's format."""
    exact = ExactArithmetic(s.format)
    return [exact.round(Fraction(int(v) if isinstance(v, np.integer) else v))[0] for v in values]


def bits(s, x):
    return s.to_bits(x).ravel().tolist()


def test_integers_beyond_binary64_have_the_nearest_binary32():
    for dtype in ("ieee32exec", "float32"):
        s = get_scalar(dtype)
        for entering in (
            np.array([HALF_AND_MORE]),
            np.array([HALF_AND_MORE], np.uint64),
            [HALF_AND_MORE],
            HALF_AND_MORE,
            np.int64(HALF_AND_MORE),
            np.array([HALF_AND_MORE], object),
        ):
            assert bits(s, s.from_float(entering)) == [0x5E800001]
        assert bits(s, s.from_int([HALF_AND_MORE])) == [0x5E800001]


@pytest.mark.skipif(not IS_LONG, reason="longdouble is binary64 on this machine")
def test_longdouble_has_the_nearest_binary32():
    s = get_scalar("ieee32exec", "python")
    value = LONG(1) + LONG(2) ** -24 + LONG(2) ** -60
    assert bits(s, s.from_float(value)) == [0x3F800001]
    assert bits(s, s.from_float(np.array([[value, -value]]))) == [0x3F800001, 0xBF800001]
    assert bits(s, s.from_float([value, 1])) == [0x3F800001, 0x3F800000]
    tiny = LONG(2) ** -150 * (LONG(1) + LONG(2) ** -60)  # just above half the least number
    assert bits(s, s.from_float([tiny, LONG(2) ** -150])) == [1, 0]
    wide = np.array(["-0", "inf", "-inf", "nan", "1e4000", "-1e4000", "1e-4000"], LONG)
    expected = [1 << 31, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800000, 0xFF800000, 0]
    assert bits(s, s.from_float(wide)) == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_integers_are_rounded_once_in_every_format(dtype):
    s = get_scalar(dtype, "python")
    assert bits(s, s.from_float(np.array(INTEGERS))) == rounded(s, INTEGERS)
    assert bits(s, s.from_float(np.array(LARGE, np.uint64))) == rounded(s, LARGE)
    several = [*INTEGERS, *LARGE, 2**200 + 1, -(3**300)]
    assert bits(s, s.from_float(several)) == rounded(s, several)
    if s.format.emax > 20:
        assert bits(s, s.from_float(several)) == bits(s, s.from_string([str(n) for n in several]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_integers_near_ties_are_rounded_once(dtype):
    s, rng = get_scalar(dtype, "python"), np.random.default_rng(5)
    p = s.format.precision
    significands = rng.integers(1 << p - 1, 1 << p, 40).tolist()
    shift = min(62 - p, s.format.emax - p) if p < 53 else 10
    values = [(2 * m + 1 << shift) + d for m in significands for d in (-1, 0, 1)]
    assert bits(s, s.from_float(values)) == rounded(s, values)
    assert bits(s, s.from_float(np.array(values))) == rounded(s, values)


def test_a_list_is_not_rounded_by_numpy_first():
    s = get_scalar("ieee32exec", "python")
    for values in ([HALF_AND_MORE, 0.5], [2**63 + 2**39 + 1, 1], [2**63 + 2**39 + 1, -1]):
        assert bits(s, s.from_float(values)) == rounded(s, values)
        assert bits(s, s.from_float([values, values])) == rounded(s, values) * 2
    mixed = [np.array([HALF_AND_MORE]), np.array([0.5])]
    assert bits(s, s.from_float(mixed)) == rounded(s, [HALF_AND_MORE, 0.5])
    assert bits(s, s.from_float([10**400, 0.5]))[0] == 0x7F800000


def test_operands_of_tensors_are_rounded_once():
    s = get_scalar("ieee32exec", "python")
    t, one = Tensor.of(s, [0.0]), Tensor.of(s, [1.0])
    for n in (HALF_AND_MORE, np.int64(HALF_AND_MORE), np.uint64(HALF_AND_MORE)):
        assert bits(s, (t + n).data) == bits(s, (n + t).data) == [0x5E800001]
        assert bits(s, (one * n).data) == bits(s, (n * one).data) == [0x5E800001]
        assert bits(s, (n - t).data) == bits(s, (n / one).data) == [0x5E800001]
        assert bits(s, (t - n).data) == [0xDE800001]
        assert bits(s, Tensor.of(s, n).data) == bits(s, one.literal(n).data) == [0x5E800001]
        assert bits(s, ops.maximum(t, n).data) == [0x5E800001]
    assert bits(s, (t + Fraction(1, 3)).data) == [0x3EAAAAAB]
    assert bits(s, (t + 2**2000).data) == [0x7F800000]


def test_every_rational_number_is_rounded_once():
    s = get_scalar("ieee32exec", "python")
    third = 0x3EAAAAAB
    near_tie = 1 + Fraction(1, 2**24) + Fraction(1, 10**30)
    values = [
        *(Fraction(1, 3), gmpy2.mpq(1, 3), Decimal("0.3333333333333333333333")),
        *(near_tie, gmpy2.mpq(near_tie), Decimal("1.00000005960464477539062500000000000001")),
        *(gmpy2.mpz(7), True, np.float32(0.1), np.float16(0.5), Decimal("-0"), gmpy2.mpfr("-0")),
        *(Decimal("Infinity"), Decimal("-Infinity"), Decimal("NaN"), gmpy2.mpfr("inf")),
    ]
    expected = [third] * 3 + [0x3F800001] * 3
    expected += [0x40E00000, 0x3F800000, 0x3DCCCCCD, 0x3F000000, 1 << 31, 1 << 31]
    expected += [0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800000]
    assert bits(s, s.from_float(values)) == expected
    with mpmath.workprec(200):
        long = mpmath.mpf(1) + mpmath.mpf(2) ** -24 + mpmath.mpf(2) ** -150
    assert bits(s, s.from_float([long, 0])) == [0x3F800001, 0]


@pytest.mark.parametrize("precision", [1, 24, 53, 64, 200])
def test_integers_and_fractions_enter_unbounded_exponents_once(precision):
    s = get_scalar(f"mp:{precision}")
    texts = [str(n) for n in (*INTEGERS, *LARGE, 3**500)] + ["1/3", "-7/11"]
    numbers = [int(t) if "/" not in t else Fraction(t) for t in texts]
    assert s.to_bytes(s.from_float(numbers)) == s.to_bytes(s.from_string(texts))


@pytest.mark.parametrize(
    "bad",
    [1j, "0.5", ["0.5"], None, [None], b"1", [1, [2]], {1}, np.datetime64("2020"), [1j, 2]],
    ids=repr,
)
def test_what_is_not_a_number_is_refused_in_one_line(bad):
    with pytest.raises(NumleanError, match="from_float") as caught:
        get_scalar("ieee32exec", "python").from_float(bad)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [[2**63], [-(2**63) - 1], [2**63, 1], np.array([2**63]), [0.5]])
def test_from_int_refuses_what_int64_does_not_hold(bad):
    s = get_scalar("ieee32exec", "python")
    with pytest.raises(NumleanError, match="from_int"):
        s.from_int(bad)


def test_a_dataset_refuses_numbers_that_it_would_round():
    y = np.zeros((1, 1))
    for x in ([[HALF_AND_MORE]], [[HALF_AND_MORE, 0.5]], np.array([[HALF_AND_MORE]], np.uint64)):
        with pytest.raises(DataError, match=str(HALF_AND_MORE)):
            Dataset.of_arrays(x, y)
        with pytest.raises(DataError, match=str(HALF_AND_MORE)):
            Dataset.of_list([(x[0], y[0])])
    assert Dataset.of_arrays([[2**60, 3]], y).x.tolist() == [[2.0**60, 3.0]]


def test_the_explanation_of_an_entering_number_does_not_round_it_first():
    s, wide = get_scalar("ieee32exec", "python"), get_scalar("mp:200")
    third = Fraction(1, 3)
    for values in (np.array([HALF_AND_MORE]), [HALF_AND_MORE], [third, HALF_AND_MORE]):
        op = TracedOperation(None, "from_float", (values,), {}, s.from_float(values), scalar=s)
        for k, value in enumerate(values):
            element = element_of(op, (k,))
            exact = element.apply(wide, tuple(element.operands.values()))
            assert wide.to_bytes(exact) == wide.to_bytes(wide.from_string([str(value)]))


def test_indices_are_not_rounded_by_numpy_first():
    assert INDEX.from_float([2**53 + 1, 0.0]).tolist() == [2**53 + 1, 0]
    assert INDEX.from_float(np.array([2**62 + 1])).tolist() == [2**62 + 1]
    for bad in ([2**64], [2**53 + 1, 0.5], [0.5], [-1], ["1"], [1j], [None], [np.nan]):
        with pytest.raises(DataError, match="index"):
            INDEX.from_float(bad)
