"""Numbers into and out of every Scalar, against exact rationals."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from numlean.errors import NumleanError

LEAST = 5e-324
FLOATS = [0.0, -0.0, 0.1, -1 / 3, math.pi, 1e-300, LEAST, -LEAST, 2.0**-1022, 1e300, 65519.9]
FLOATS += [1 + 2.0**-24, 1 + 2.0**-24 + 2.0**-52, 1 + 3 * 2.0**-24, 2.0**-150, 2.0**-149 * 1.5]
FLOATS += [65520.0, 464.0, 465.0, 448.0, 57344.0, 61440.0, math.inf, -math.inf, math.nan]


@pytest.fixture
def many_floats():
    rng = np.random.default_rng(109)
    anything = rng.integers(0, 1 << 64, 300, dtype=np.uint64).view(np.float64)
    return np.concatenate([FLOATS, anything, rng.standard_normal(200)])


def test_floats_are_rounded_once_on_entry(scalar, reference, many_floats):
    expected = [reference.of_float(value) for value in many_floats.tolist()]
    reference.check(scalar.from_float(many_floats), expected)


def nearest_double(a):
    """Python's quotient of integers is correctly rounded."""
    if not isinstance(a, Fraction):
        return a
    try:
        return float(a)
    except OverflowError:
        return math.inf if a > 0 else -math.inf


def bits_of(floats):
    """Binary64 encodings, every NaN as one."""
    return [repr(x) if x != x else np.float64(x).view(np.uint64).item() for x in floats]


def test_floats_come_out_exact_or_rounded_once(scalar, reference, many_floats):
    x = np.concatenate([scalar.from_float(many_floats), reference.edges()])
    expected = [nearest_double(a) for a in reference.numbers(x)]
    assert bits_of(scalar.to_float(x).tolist()) == bits_of(expected)


def dyadic(m, e):
    return mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(m, e))


@pytest.mark.parametrize(
    ("m", "e"),
    [
        ((3 << 60) - 1, -1135),  # just below 1.5 times the least subnormal
        ((1 << 61) + 1, -1135),  # just above the least subnormal's half
        ((5 << 60) + 1, -1136),
        ((1 << 54) + 1, -54),
        ((1 << 1025) - (1 << 900), 0),
    ],
    ids=["below 1.5 least", "above half of the least", "above a tie", "above one", "too great"],
)
def test_numbers_finer_than_binary64_come_out_rounded_once(scalar, reference, m, e):
    x = scalar.from_exact([dyadic(m, e)])
    expected = [nearest_double(a) for a in reference.numbers(x)]
    assert bits_of(scalar.to_float(x).tolist()) == bits_of(expected)


def test_integers_are_rounded_once_on_entry(scalar, reference):
    rng = np.random.default_rng(113)
    near_powers = [2**k + d for k in range(63) for d in (-1, 0, 1)]
    integers = [*near_powers, *(-n for n in near_powers), 2**63 - 1, -(2**63)]
    integers += rng.integers(-(2**63), 2**63, 200).tolist()
    expected = [reference.rounded(Fraction(n)) for n in integers]
    reference.check(scalar.from_int(integers), expected)


def test_integers_come_out_truncated_toward_zero(scalar, reference):
    x = scalar.from_float([0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.75, -7.0, 17.0, -0.001])
    expected = [math.trunc(a) for a in reference.numbers(x)]
    integers = scalar.to_int(x)
    assert (integers.dtype, integers.tolist()) == (np.int64, expected)
    assert scalar.to_int(x.reshape(2, 5)).shape == (2, 5)
    assert scalar.to_int(x[:0]).shape == (0,)


def test_what_is_no_int64_is_refused_and_shown(scalar, reference):
    for value, shown in ((math.nan, "nan"), (math.inf, "inf"), (2.0**63, "e\\+18")):
        x = scalar.from_float([value])
        if any(a != a for a in reference.numbers(x)):
            shown = "nan"
        elif reference.numbers(x) == [math.inf]:
            shown = "inf"
        with pytest.raises(NumleanError, match=f"to_int: .*{shown}"):
            scalar.to_int(x)


def test_exact_values_are_rounded_once_however_long_they_are(scalar, reference):
    rng = np.random.default_rng(127)
    p, top = reference.precision, 1 << (reference.precision + 40)
    values = [(int(n) << 40) + t for n in rng.integers(1, 1 << min(p, 62), 40) for t in (-1, 0, 1)]
    values += [top + (top >> p), top + (top >> p) + 1, top + 3 * (top >> p)]
    exponents = [e for e in (-60, -45, -40) for _ in values]
    pairs = list(zip(values * 3, exponents, strict=True))
    pairs += [(-m, e) for m, e in pairs] + [(1, -5000), (-1, -5000), (0, 0)]
    expected = [reference.rounded(m * Fraction(2) ** e, m) for m, e in pairs]
    reference.check(scalar.from_exact([dyadic(m, e) for m, e in pairs]), expected)


def test_python_integers_of_any_size_enter_as_exact_values(scalar, reference):
    integers = [0, 1, -3, 2**63, 2**70 + 1, -(2**200 + 2**100 + 1)]
    expected = [reference.rounded(Fraction(n)) for n in integers]
    reference.check(scalar.from_exact(integers), expected)


def test_exact_values_come_out_and_go_in_again(scalar, reference):
    x = np.concatenate([reference.edges(), reference.random(np.random.default_rng(131), 100)])
    values = scalar.to_exact(x)
    numbers = reference.numbers(x)
    for a, value in zip(numbers, values, strict=True):
        if isinstance(a, Fraction):
            assert Fraction(*map(int, mpmath.libmp.to_rational(value._mpf_))) == a
        else:
            assert repr(float(value)) == repr(abs(a) if a == 0 else a)
    reference.check(scalar.from_exact(values), [0.0 if a == 0 else a for a in numbers])


@pytest.mark.parametrize("value", [Fraction(1, 3), "0.1", 0.1 + 0.2j, None, Fraction(1, 2)])
def test_what_is_no_mpf_and_no_integer_is_refused_or_rounded_once(scalar, reference, value):
    try:
        x = scalar.from_exact([value])
    except NumleanError:
        return
    expected = reference.rounded(Fraction(value))
    reference.check(x, [expected])


def test_a_global_precision_of_mpmath_changes_no_conversion(scalar):
    values = [dyadic((1 << 300) + 1, -301), 2**100 + 1]
    before = scalar.to_bytes(scalar.from_exact(values))
    with mpmath.workprec(5):
        assert scalar.to_bytes(scalar.from_exact(values)) == before
        halves = scalar.to_exact(scalar.from_float([0.5, -2.5]))
        assert [mpmath.libmp.to_rational(v._mpf_) for v in halves] == [(1, 2), (-5, 2)]


def test_encodings_go_in_and_come_out_as_they_are(scalar):
    if scalar.format is None:
        pytest.skip("no encodings")
    rng, width = np.random.default_rng(137), scalar.format.width
    bits = rng.integers(0, (1 << width) - 1, 2000, dtype=np.uint64, endpoint=True)
    if width <= 8:
        bits = np.arange(1 << width)
    assert scalar.to_bits(scalar.from_bits(bits)).tolist() == bits.tolist()
    assert scalar.to_bits(scalar.from_bits(bits.tolist())).tolist() == bits.tolist()
    grid = scalar.from_bits(bits[:6].reshape(2, 3).T)
    assert scalar.to_bits(grid).tolist() == bits[:6].reshape(2, 3).T.tolist()
    assert scalar.to_bits(scalar.from_bits(1)).shape == ()
    assert scalar.from_bits([]).shape == (0,)
    width_bytes = scalar.format.storage_dtype.itemsize
    assert scalar.to_bytes(scalar.from_bits([1, 2])) == b"".join(
        n.to_bytes(width_bytes, "little") for n in (1, 2)
    )


@pytest.mark.parametrize("bad", [-1, 1 << 64, 0.5, "1", None])
def test_what_is_no_encoding_is_refused(scalar, bad):
    with pytest.raises(NumleanError, match="from_bits"):
        scalar.from_bits([bad])


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 3)])
def test_every_conversion_keeps_the_shape(scalar, shape):
    x = scalar.from_float(np.ones(shape))
    assert (x.shape, x.dtype) == (shape, scalar.storage_dtype)
    assert scalar.from_int(np.ones(shape, np.int32)).shape == shape
    assert scalar.to_float(x).shape == scalar.to_int(x).shape == shape
    assert scalar.from_exact(scalar.to_exact(x)).shape == shape
    assert scalar.to_float(x).dtype == np.float64
