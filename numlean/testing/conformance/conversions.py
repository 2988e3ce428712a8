"""Checks of conversions into and out of a Scalar, against exact rationals."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.exact import exact_of
from numlean.scalar.finiteness import is_nan
from numlean.testing.conformance.checks import NotApplicableError, Subject, check, expect_error
from numlean.testing.reference import Number
from numlean.testing.rounding import power_of_two

_LEAST = 5e-324
_FLOATS = [
    *(0.0, -0.0, 0.1, -1 / 3, math.pi, 1e-300, _LEAST, -_LEAST, 2.0**-1022, 1e300, 65519.9),
    *(1 + 2.0**-24, 1 + 2.0**-24 + 2.0**-52, 1 + 3 * 2.0**-24, 2.0**-150, 2.0**-149 * 1.5),
    *(65520.0, 464.0, 465.0, 448.0, 57344.0, 61440.0, math.inf, -math.inf, math.nan),
]
_INT64 = range(-(1 << 63), 1 << 63)


@check()
def floats_are_rounded_once_on_entry(subject: Subject) -> None:
    """Check subnormal numbers, infinities and NaNs as well."""
    reference, floats = subject.reference, _many_floats()
    expected = [reference.of_float(value) for value in floats.tolist()]
    reference.check(subject.scalar.from_float(floats), expected)


@check()
def floats_come_out_exact_or_rounded_once(subject: Subject) -> None:
    """Check that the value is exact where binary64 has the number."""
    reference, scalar = subject.reference, subject.scalar
    x = np.concatenate([scalar.from_float(_many_floats()), reference.edges()])
    expected = [_nearest_double(a) for a in reference.numbers(x)]
    assert _bits_of(scalar.to_float(x).tolist()) == _bits_of(expected)


@check(
    ((3 << 60) - 1, -1135),  # just below 1.5 times binary64's least subnormal
    ((1 << 61) + 1, -1135),  # just above half of it
    ((5 << 60) + 1, -1136),
    ((1 << 54) + 1, -54),
    ((1 << 1025) - (1 << 900), 0),
)
def numbers_finer_than_binary64_come_out_rounded_once(
    subject: Subject, dyadic: tuple[int, int]
) -> None:
    """Check numbers among binary64's subnormals, at ties, and beyond its range."""
    x = subject.scalar.from_exact([_mpf(*dyadic)])
    expected = [_nearest_double(a) for a in subject.reference.numbers(x)]
    assert _bits_of(subject.scalar.to_float(x).tolist()) == _bits_of(expected)


@check()
def integers_are_rounded_once_on_entry(subject: Subject) -> None:
    """Check all powers of two within int64 and their neighbours."""
    reference = subject.reference
    near_powers = [2**k + d for k in range(63) for d in (-1, 0, 1)]
    integers = [*near_powers, *(-n for n in near_powers), 2**63 - 1, -(2**63)]
    integers += np.random.default_rng(113).integers(-(2**63), 2**63, 200).tolist()
    expected = [reference.rounded(Fraction(n)) for n in integers]
    reference.check(subject.scalar.from_int(integers), expected)


@check()
def numbers_beyond_binary64_are_rounded_once_or_refused(subject: Subject) -> None:
    """Check integers just above and below a tie, which binary64 would round to the tie."""
    scalar, reference = subject.scalar, subject.reference
    tie = (1 << 62) + (1 << max(62 - reference.precision, 0))
    values = [tie - 1, tie + 1, -tie - 1, (1 << 62) + 1]
    for given in (np.array(values), values, np.array(values, dtype=object)):
        try:
            x = scalar.from_float(given)
        except NumleanError:
            continue
        reference.check(x, [reference.rounded(Fraction(n)) for n in values])


@check()
def integers_come_out_truncated_toward_zero(subject: Subject) -> None:
    """Check that the result is int64, in the array's shape."""
    scalar = subject.scalar
    x = scalar.from_float([0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.75, -7.0, 17.0, -0.001])
    # The greatest number of a narrow format may be less than 17.
    x = x[[math.isfinite(a) for a in subject.reference.numbers(x)]]
    expected = [math.trunc(a) for a in subject.reference.numbers(x)]
    integers = scalar.to_int(x)
    assert integers.dtype == np.int64
    assert integers.tolist() == expected
    assert scalar.to_int(np.resize(x, (2, 3))).shape == (2, 3)
    assert scalar.to_int(x[:0]).shape == (0,)


@check(
    "ties_to_even",
    "ties_to_away",
    "toward_zero",
    "toward_positive",
    "toward_negative",
    "to_odd",
    "away_from_zero",
)
def integers_of_either_width_are_rounded_as_asked_and_clipped(
    subject: Subject, rounding: str
) -> None:
    """Check that values beyond the range give its nearest end, and a NaN 0."""
    scalar, reference = subject.scalar, subject.reference
    rng = np.random.default_rng(139)
    halves = scalar.from_float([0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.25, -0.75, 3.0, 2.0**31 - 0.5])
    x = np.concatenate([reference.edges(), reference.random(rng, 60), halves])
    for width in (32, 64):
        most = (1 << (width - 1)) - 1
        expected = [_integer(a, rounding, most) for a in reference.numbers(x)]
        z = scalar.to_int(x, rounding, width=width, saturate=True)
        assert z.dtype == np.dtype(f"int{width}")
        assert z.tolist() == expected, f"{z.tolist()} is not {expected}"


@check(math.nan, math.inf, 2.0**63)
def values_beyond_int64_are_refused_and_shown(subject: Subject, value: float) -> None:
    """Check that values out of range raise an error, without saturate=True."""
    x = subject.scalar.from_float([value])
    (number,) = subject.reference.numbers(x)
    if math.isfinite(number) and math.trunc(number) in _INT64:
        raise NotApplicableError(f"{value} is not a number of the Scalar")
    # A finite number is shown as a decimal with its exponent.
    exponent = f"{float(number):.0e}"[-4:]
    shown = "nan" if number != number else "inf" if math.isinf(number) else exponent
    with expect_error(NumleanError, "to_int", shown):
        subject.scalar.to_int(x)


@check()
def exact_values_are_rounded_once_however_long_they_are(subject: Subject) -> None:
    """Check ties, values close to ties, and values far below the range."""
    reference, rng = subject.reference, np.random.default_rng(127)
    p, top = reference.precision, 1 << (reference.precision + 40)
    values = [(int(n) << 40) + t for n in rng.integers(1, 1 << min(p, 62), 40) for t in (-1, 0, 1)]
    values += [top + (top >> p), top + (top >> p) + 1, top + 3 * (top >> p)]
    pairs = [(m, e) for e in (-60, -45, -40) for m in values]
    pairs += [(-m, e) for m, e in pairs] + [(1, -5000), (-1, -5000), (0, 0)]
    expected = [reference.rounded(m * power_of_two(e), m) for m, e in pairs]
    reference.check(subject.scalar.from_exact([_mpf(m, e) for m, e in pairs]), expected)


@check()
def python_integers_of_any_size_enter_as_exact_values(subject: Subject) -> None:
    """Check integers beyond int64 as well."""
    integers = [0, 1, -3, 2**63, 2**70 + 1, -(2**200 + 2**100 + 1)]
    expected = [subject.reference.rounded(Fraction(n)) for n in integers]
    subject.reference.check(subject.scalar.from_exact(integers), expected)


@check()
def exact_values_come_out_and_go_in_again(subject: Subject) -> None:
    """Check mpmath's numbers, which have no -0."""
    scalar, reference = subject.scalar, subject.reference
    x = np.concatenate([reference.edges(), reference.random(np.random.default_rng(131), 100)])
    values, numbers = scalar.to_exact(x), reference.numbers(x)
    for a, value in zip(numbers, values, strict=True):
        if isinstance(a, Fraction):
            assert Fraction(*map(int, mpmath.libmp.to_rational(exact_of(value)))) == a
        else:
            assert repr(float(value)) == repr(abs(a) if a == 0 else a)
    entered = [0.0 if a == 0 else reference.again(a) for a in numbers]
    reference.check(scalar.from_exact(values), entered)


@check(Fraction(1, 3), "0.1", 0.1 + 0.2j, None, Fraction(1, 2))
def values_that_are_neither_mpf_nor_integer_are_refused_or_rounded_once(
    subject: Subject, value: Any
) -> None:
    """Check that no other value is converted silently."""
    try:
        x = subject.scalar.from_exact([value])
    except NumleanError:
        return
    subject.reference.check(x, [subject.reference.rounded(Fraction(value))])


@check()
def a_global_precision_of_mpmath_changes_no_conversion(subject: Subject) -> None:
    """Check that no global state affects a bit."""
    scalar, values = subject.scalar, [_mpf((1 << 300) + 1, -301), 2**100 + 1]
    sign = -1 if subject.reference.has_every_negative else 1
    x = scalar.from_float([1.0, sign * 0.5, math.pi / 5, sign / 3])
    before, exact = scalar.to_bytes(scalar.from_exact(values)), _rationals(scalar.to_exact(x))
    numbers = [Fraction(a) for a in subject.reference.numbers(x)]
    assert exact == [(a.numerator, a.denominator) for a in numbers]
    with mpmath.workprec(5):
        assert scalar.to_bytes(scalar.from_exact(values)) == before
        assert _rationals(scalar.to_exact(x)) == exact


@check()
def texts_are_rounded_once_and_the_shortest_come_back(subject: Subject) -> None:
    """Check decimal and hexadecimal texts."""
    scalar, reference = subject.scalar, subject.reference
    texts = {"0.1": Fraction(1, 10), "-2.5e-3": Fraction(-1, 400), "0x1.8p-4": Fraction(3, 32)}
    x = scalar.from_string(list(texts))
    reference.check(x, [reference.rounded(q) for q in texts.values()])
    some = np.concatenate([reference.edges(), reference.random(np.random.default_rng(149), 20)])
    defined = some[~is_nan(scalar, some)]
    again = scalar.from_string(scalar.to_string(defined))
    reference.check(again, [reference.again(a) for a in reference.numbers(defined)])


@check()
def encodings_go_in_and_come_out_as_they_are(subject: Subject) -> None:
    """Check NaN payloads in any shape; as bytes, the least significant byte comes first."""
    scalar, format = subject.scalar, subject.scalar.format
    if format is None:
        raise NotApplicableError("no encodings of a format")
    rng, width = np.random.default_rng(137), format.width
    bits = rng.integers(0, (1 << width) - 1, 2000, dtype=np.uint64, endpoint=True)
    if width <= 8:
        bits = np.arange(1 << width, dtype=np.uint64)
    assert scalar.to_bits(scalar.from_bits(bits)).tolist() == bits.tolist()
    assert scalar.to_bits(scalar.from_bits(bits.tolist())).tolist() == bits.tolist()
    grid = scalar.from_bits(bits[:6].reshape(2, 3).T)
    assert scalar.to_bits(grid).tolist() == bits[:6].reshape(2, 3).T.tolist()
    assert scalar.to_bits(scalar.from_bits(1)).shape == ()
    assert scalar.from_bits([]).shape == (0,)
    size = format.storage_dtype.itemsize
    little = b"".join(n.to_bytes(size, "little") for n in (1, 2))
    assert scalar.to_bytes(scalar.from_bits([1, 2])) == little


@check(-1, 1 << 64, 0.5, "1", None)
def integers_that_are_not_encodings_are_refused(subject: Subject, bad: Any) -> None:
    """Check that a Scalar without encodings refuses them, too."""
    with expect_error(NumleanError, "from_bits"):
        subject.scalar.from_bits([bad])


@check((), (0,), (1,), (2, 0, 3), (2, 3))
def every_conversion_keeps_the_shape(subject: Subject, shape: tuple[int, ...]) -> None:
    """Check that the dtype is the documented one."""
    scalar = subject.scalar
    x = scalar.from_float(np.ones(shape))
    assert x.shape == shape
    assert x.dtype == scalar.storage_dtype
    assert scalar.from_int(np.ones(shape, np.int32)).shape == shape
    assert scalar.to_float(x).shape == scalar.to_int(x).shape == shape
    assert scalar.from_exact(scalar.to_exact(x)).shape == shape
    assert scalar.to_float(x).dtype == np.float64


def _rationals(values: Any) -> list[tuple[int, int]]:
    return [mpmath.libmp.to_rational(exact_of(value)) for value in values]


def _many_floats() -> np.ndarray[Any, np.dtype[np.float64]]:
    rng = np.random.default_rng(109)
    anything = rng.integers(0, 1 << 64, 300, dtype=np.uint64).view(np.float64)
    return np.concatenate([_FLOATS, anything, rng.standard_normal(200)])


def _nearest_double(a: Number) -> float:
    """Return a quotient as binary64: Python's quotient of integers is correctly rounded."""
    try:
        return float(a)
    except OverflowError:
        return math.inf if a > 0 else -math.inf


def _bits_of(floats: list[float]) -> list[Any]:
    """Return binary64 encodings, with one encoding for all NaNs."""
    return [repr(x) if x != x else np.float64(x).view(np.uint64).item() for x in floats]


def _mpf(m: int, e: int) -> Any:
    return mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(m, e))


def _integer(a: Number, rounding: str, most: int) -> int:
    """Return a number rounded and clipped, by floor and comparison alone."""
    if a != a:
        return 0
    if math.isinf(a):
        return most if a > 0 else -most - 1
    q = Fraction(a)
    below = math.floor(q)
    rest = q - below
    up = {
        "toward_zero": q < 0,
        "toward_positive": True,
        "toward_negative": False,
        "to_odd": below % 2 == 0,
        "away_from_zero": q > 0,
        "ties_to_away": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and q > 0),
        "ties_to_even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1),
    }[rounding]
    return max(-most - 1, min(most, below + (rest != 0 and up)))
