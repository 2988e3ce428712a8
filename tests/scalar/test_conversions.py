"""Conversions with a rounding and an overflow of their own, against exact rationals."""

import math
import pickle
from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest

import numlean as nl
from numlean import CountingScalar, Flags, WrappedScalar, get_scalar
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.conversion import OVERFLOWS, Conversion
from numlean.scalar.directed import goes_up
from numlean.scalar.noise import NoiseStream, stream_of
from numlean.scalar.rounding_names import DIRECTIONS
from numlean.testing.exact import ExactArithmetic
from numlean.testing.tapered import value_of
from numlean_backends.tapered import Posit, Takum
from numlean_kernels.flags import FLAGS, INEXACT, OVERFLOW, UNDERFLOW

F32, F64 = get_scalar("float32", "python"), get_scalar("float64", "python")
VALUES = [
    *(0.0, -0.0, 1.0, -1.0, 1.1, -1.1, 1.0625, 1.1875, -2.5, 3.5, 5.0, -7.0, 1e-12, -1e-12),
    *(0.3, -0.45, 2.0**-10, 1.5 * 2.0**-10, 447.0, 465.0, -480.0, 63.0, 1e5, -1e5, 1e30, -1e30),
    *(math.inf, -math.inf, math.nan),
]
SOURCES = ("float64", "float32", "e5m2", "e4m3fnuz", "posit8", "takum8", "fixed:6.2", "mp:30")
SPECIAL = {"infinite", "nan"}
AWAY = {"ties_to_even", "ties_to_away", "away_from_zero"}


def numbers(name):
    source = get_scalar(name, "python")
    return source, source.from_float(np.array(VALUES))


def rational(value):
    return Fraction(*value.as_integer_ratio())


def exact_values(source, x):
    """Return the values: rationals, or floats for zeros, infinities and NaNs."""
    floats = source.to_float(x)  # exact: binary64 has the numbers of every source here
    return [rational(v) if math.isfinite(v) and v else v for v in floats.tolist()]


def by_format(format, rounding, overflow, value):
    model = ExactArithmetic(format, rounding, overflow=overflow)
    if isinstance(value, Fraction):
        return model.round(value)
    if math.isnan(value):
        return model.not_a_number()
    if math.isinf(value):
        return model.infinite(negative=value < 0)
    return model.round(Fraction(0), zero_is_negative=math.copysign(1, value) < 0)


@pytest.mark.parametrize("target", ["e4m3", "e2m1", "e8m0", "p3109:6.3", "float32"])
def test_a_conversion_to_a_format_has_the_result_and_the_flags_of_exact_rationals(target):
    scalar = get_scalar(target, "python")
    overflows = OVERFLOWS if scalar.format.has_nan else OVERFLOWS[:3]
    directions = [DIRECTIONS[k % len(DIRECTIONS)] for k in range(len(SOURCES))]
    cases = [(name, way, None) for name, way in zip(SOURCES, directions, strict=True)]
    cases += product(SOURCES[1:2], ("ties_to_even", "toward_negative", "to_odd"), overflows)
    for name, rounding, overflow in cases:
        source, x = numbers(name)
        z, raised = scalar.cast_flagged(source, x, rounding=rounding, overflow=overflow)
        pairs = zip(scalar.to_bits(z).tolist(), raised.tolist(), strict=True)
        expected = [
            by_format(scalar.format, rounding, overflow, v) for v in exact_values(source, x)
        ]
        assert [*pairs] == expected, (name, rounding, overflow)


def up(rounding, *, negative, odd, above_half, half):
    """Return whether an inexact magnitude goes up."""
    return {
        "ties_to_even": above_half or (half and odd),
        "ties_to_away": above_half or half,
        "toward_zero": False,
        "toward_positive": not negative,
        "toward_negative": negative,
        "to_odd": not odd,
        "away_from_zero": True,
    }[rounding]


def leaves(rounding, negative):
    away = {"toward_positive": not negative, "toward_negative": negative}
    return away.get(rounding, rounding in AWAY)


@cache
def magnitudes(format):
    return [value_of(format, code) for code in range(1, format.nar)]


def tapered(format, rounding, overflow, value):
    """Return the code and the flags: between neighbours, the boundary has one bit more."""
    if not isinstance(value, Fraction):
        if value == 0:
            return 0, 0
        end = format.greatest if overflow in ("saturate", "saturate_finite") else format.nar
        code = format.nar if math.isnan(value) else end
        return (-code & format.code_mask if value < 0 else code), 0
    size, negative = abs(value), value < 0
    code = bisect_right(magnitudes(format), size)
    flags = 0
    if code == 0:
        code, flags = 1, UNDERFLOW | INEXACT
    elif value_of(format, code) != size:
        boundary = value_of(replace(format, width=format.width + 1), 2 * code + 1)
        beyond = code == format.greatest and size >= boundary
        flags = INEXACT
        above = {"above_half": size > boundary, "half": size == boundary}
        if beyond or up(rounding, negative=negative, odd=code & 1, **above):
            code += 1
        if code > format.greatest:
            is_nan = overflow == "nan" or (overflow == "infinite" and leaves(rounding, negative))
            code, flags = (format.nar if is_nan else format.greatest), OVERFLOW | INEXACT
    return (-code & format.code_mask if negative else code), flags


@pytest.mark.parametrize(("target", "format"), [("posit8", Posit(8)), ("takum8", Takum(8))])
def test_a_conversion_to_a_tapered_format_is_rounded_on_the_string_of_bits(target, format):
    scalar = get_scalar(target, "python")
    for rounding, overflow in product(DIRECTIONS, (None, *OVERFLOWS)):
        values = [*VALUES, 2.0**24, 2.0**26, -(2.0**27), 2.0**28, 2.0**239, 1e300, -1e-300]
        x = F64.from_float(np.array(values))
        z, raised = scalar.cast_flagged(F64, x, rounding=rounding, overflow=overflow)
        found = [*zip(scalar.to_bits(z).tolist(), raised.tolist(), strict=True)]
        expected = [tapered(format, rounding, overflow, v) for v in exact_values(F64, x)]
        assert found == expected, (rounding, overflow)


def test_a_conversion_to_fixed_point_is_of_units():
    scalar, x = get_scalar("fixed:4.4", "python"), F64.from_float(np.array(VALUES[:-3]))
    for rounding, overflow in product(DIRECTIONS, (None, "infinite", "saturate", "wrap")):
        z = scalar.to_float(scalar.cast_from(F64, x, rounding=rounding, overflow=overflow))
        for value, found in zip(exact_values(F64, x), z.tolist(), strict=True):
            units = abs(Fraction(value)) * 16
            whole, rest = units.numerator // units.denominator, units % 1
            half = {"above_half": rest > Fraction(1, 2), "half": rest == Fraction(1, 2)}
            if rest and up(rounding, negative=value < 0, odd=whole & 1, **half):
                whole += 1
            count = -whole if value < 0 else whole
            wrapped = (count + 128) % 256 - 128
            count = wrapped if overflow == "wrap" else max(-128, min(127, count))
            assert found == count / 16, (rounding, overflow, value)


def test_a_conversion_to_logarithmic_numbers_is_between_those_next_to_it():
    scalar = get_scalar("lns:5.3", "python")
    x = F64.from_float([1.1, -1.1, 3.0, 0.01, 2.0**0.125])
    below, above = (
        scalar.to_float(scalar.cast_from(F64, x, rounding=r)) for r in ("RZ", "away_from_zero")
    )
    values = F64.to_float(x)
    assert (np.abs(below) <= np.abs(values)).all()
    assert (np.abs(above) >= np.abs(values)).all()
    assert np.allclose(above[:4] / below[:4], 2**0.125)
    assert above[4] == below[4]  # a logarithm within 2**-40 of a number is that
    far = F64.from_float([1e10, -1e10, math.inf, math.nan, 0.0, 1e-10])
    found = {o: scalar.cast_flagged(F64, far, overflow=o) for o in OVERFLOWS}
    top, least = 2.0 ** (127 / 8), 2.0 ** (-127 / 8)
    for overflow, (z, raised) in found.items():
        end = math.nan if overflow in SPECIAL else top
        expected = [end, -end, end, math.nan, 0.0, least]
        assert np.allclose(scalar.to_float(z), expected, equal_nan=True), overflow
        assert raised.tolist() == [5, 5, 0, 0, 0, UNDERFLOW | INEXACT]


def test_a_conversion_to_a_precision_is_of_the_significand():
    scalar = get_scalar("mp:3", "python")
    x = F64.from_float([1.1, -1.1, 1.125, 1.375, -math.inf])
    expected = {
        "ties_to_even": [1.0, -1.0, 1.0, 1.5],
        "ties_to_away": [1.0, -1.0, 1.25, 1.5],
        "toward_zero": [1.0, -1.0, 1.0, 1.25],
        "toward_positive": [1.25, -1.0, 1.25, 1.5],
        "toward_negative": [1.0, -1.25, 1.0, 1.25],
        "to_odd": [1.25, -1.25, 1.25, 1.25],
        "away_from_zero": [1.25, -1.25, 1.25, 1.5],
    }
    for rounding, values in expected.items():
        z, raised = scalar.cast_flagged(F64, x, rounding=rounding)
        assert scalar.to_float(z).tolist() == [*values, -math.inf]
        assert raised.tolist() == [INEXACT] * 4 + [0]
    assert np.isnan(scalar.to_float(scalar.cast_from(F64, x[4:], overflow="nan"))).all()


@pytest.mark.parametrize("target", ["bfloat16", "float32", "e4m3@nan=x86", "softfloat32"])
def test_the_own_choices_of_a_scalar_give_the_plain_cast(target):
    try:
        scalar = get_scalar(target, "python")
    except UnavailableError as error:
        pytest.skip(str(error))
    bits = np.array([0x3FF199999999999A, 0x7FF8000000000012, 0xFFF0000000000001, 0xFFF0 << 48])
    x = F64.from_bits(bits.astype(np.uint64))
    plain = scalar.to_bits(scalar.cast_from(F64, x)).tolist()
    for options in ({"rounding": "RNE"}, {"overflow": "infinite"}):
        assert scalar.to_bits(scalar.cast_from(F64, x, **options)).tolist() == plain
    assert scalar.to_bits(scalar.cast_flagged(F64, x)[0]).tolist() == plain


@pytest.mark.parametrize("variant", ["a", "b", "c"])
def test_few_random_bits_round_up_as_often_as_the_rule_says(variant):
    n, bits = 3, 7
    for rest in range(1 << bits):
        words = (r << 61 | 0x123456789 for r in range(1 << n))
        rounding = f"stochastic_{variant}:{n}"
        ups = sum(
            goes_up(rounding, negative=False, odd=False, rest=rest, bits=bits, word=w)
            for w in words
        )
        eta = Fraction(rest, 1 << bits)
        if variant == "a":
            assert ups == math.floor(eta * 8)
        elif variant == "b":
            assert ups == (math.floor(eta * 16) + 1) // 2
        else:
            assert ups == round(eta * 8)  # Python rounds ties to even


@pytest.mark.parametrize("rounding", ["stochastic", "stochastic_a:4", "stochastic_c:9"])
def test_kernels_and_exact_values_draw_alike(rounding):
    target = get_scalar("bfloat16", "python").with_reset_stream()
    values = np.random.default_rng(5).standard_normal(200) * 2.0 ** np.arange(-100, 100)
    found = []
    for name in ("float64", "mp:60"):
        source = get_scalar(name, "python")
        target.start_step(3)
        found.append(target.cast_from(source, source.from_float(values), rounding=rounding))
    target.start_step(3)
    found.append(target.from_float(values, rounding=rounding))
    target.start_step(3)
    found.append(target.from_float([Fraction(v) for v in values], rounding=rounding))
    assert len({z.tobytes() for z in found}) == 1
    assert found[0].tolist() != target.from_float(values).tolist()


@pytest.mark.parametrize("target", ["float32", "posit16", "fixed:3.6", "lns:4.6", "mp:8"])
def test_random_conversions_are_unbiased_between_two_neighbours(target):
    scalar = get_scalar(target, "python").with_reset_stream()
    wide = get_scalar("mp:60")
    value = 1 + {"float32": 2.0**-25, "posit16": 2.0**-13}.get(target, 2.0**-10)
    x = np.repeat(wide.from_float([value]), 3000)
    z = scalar.to_float(scalar.cast_from(wide, x, rounding="stochastic"))
    low, high = sorted(set(z.tolist()))
    share = (z == high).mean()
    exact = (value - low) / (high - low)
    if target.startswith("lns"):
        exact = math.log2(value) / math.log2(high)
    assert abs(share - exact) < 0.04


def test_seeds_steps_and_numbers_of_operations_select_the_random_bits():
    x = F32.from_float(np.linspace(1, 2, 64) * (1 + 2.0**-20))
    scalar = get_scalar("bfloat16", "python").with_reset_stream()
    draws = {}
    for seed, step in product((None, 0, 7), (1, 2)):
        scalar.start_step(step)
        options = {} if seed is None else {"seed": seed}
        for number in range(2):
            z = scalar.cast_from(F32, x, rounding="stochastic", **options)
            draws[seed, step, number] = z.tobytes()
    assert len(set(draws.values())) == 8  # no seed is the seed 0
    # The same as the Scalar whose own rounding is stochastic.
    own = get_scalar("bfloat16@round=stochastic,seed=7", "python").with_reset_stream()
    own.start_step(2)
    assert own.cast_from(F32, x).tobytes() == draws[7, 2, 0]
    assert (
        own.cast_from(F32, x, rounding="RZ").tobytes()
        == (x.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    )
    assert own.cast_from(F32, x, seed=0).tobytes() == draws[0, 2, 1]


def test_a_conversion_draws_from_the_stream_of_the_run_that_a_scalar_is_of():
    source, target = F32.with_reset_stream(), get_scalar("e4m3", "python")
    source.start_step(4)
    x = source.from_float(np.full(50, 1.05))
    first = target.cast_from(source, x, rounding="stochastic").tolist()
    source.start_step(4)
    assert target.cast_from(source, x, rounding="stochastic").tolist() == first
    assert stream_of(source).operation == 1
    own = target.with_reset_stream()
    own.start_step(4)
    assert own.cast_from(source, x, rounding="stochastic").tolist() == first
    assert stream_of(source).operation == 1
    again = pickle.loads(pickle.dumps(own))
    assert (again, stream_of(again)) == (own, NoiseStream(0, 4, 1, belongs_to_run=True))


@pytest.mark.parametrize("target", ["bfloat16", "float32", "posit8"])
def test_a_recorded_conversion_is_carried_out_again_with_its_choices(target):
    steps, source = [], get_scalar("float64", "python")
    recorder = get_scalar(target, "python").with_reset_stream().with_recorder(steps)
    x = source.from_float([1.1, -2.2e30, np.inf])
    choices = {"rounding": "RZ"}, {"overflow": "saturate"}, {"rounding": "stochastic"}
    results = [recorder.cast_from(source, x, **each) for each in choices]
    run = recorder.compile(steps)
    x[...] = source.from_float([-3.3, 4.4e30, -np.inf])
    recorder.start_step(5)
    run()
    fresh = get_scalar(target, "python").with_reset_stream()
    fresh.start_step(5)
    expected = [fresh.cast_from(source, x, **each) for each in choices]
    assert [z.tobytes() for z in results] == [z.tobytes() for z in expected]


def test_wrappers_pass_the_choices_on():
    seen = []

    class Observing(WrappedScalar):
        def around(self, operation, call, operands, options):
            seen.append((operation, options))
            return call(*operands, **options)

    target = Observing(get_scalar("e4m3", "python"))
    z = target.cast_from(F32, F32.from_float([1.1, 1e9]), rounding="toward_zero", overflow="nan")
    assert repr(target.to_float(z).tolist()) == "[1.0, nan]"
    assert seen[0] == ("cast_from", {"rounding": "toward_zero", "overflow": "nan"})
    counting = CountingScalar(get_scalar("e4m3", "python"))
    counting.cast_from(F32, F32.from_float([1.1, 1e9]), overflow="saturate")
    assert counting.counts["cast_from"] == Flags(overflow=1, inexact=2)


def test_from_float_takes_the_choices_too():
    scalar = get_scalar("e4m3", "python")
    x = scalar.from_float([1.1, 1e9, -0.0, Fraction(1, 3)], rounding="RZ", overflow="saturate")
    assert repr(scalar.to_float(x).tolist()) == "[1.0, 448.0, -0.0, 0.3125]"
    assert scalar.to_float(scalar.from_float(0.1, rounding="RU")).shape == ()


@pytest.mark.parametrize(
    ("target", "options", "kind", "words"),
    [
        ("e4m3", {"rounding": "upwards"}, UnknownNameError, "toward_positive"),
        ("e4m3", {"overflow": "clamp"}, UnknownNameError, "saturate_finite"),
        ("e4m3", {"rounding": "stochastic_a:33"}, NumleanError, "N from 1 to 32"),
        ("binary64exec", {"rounding": "stochastic_b:20"}, NumleanError, "N is at most 8"),
        ("e4m3", {"seed": 3}, NumleanError, "give rounding"),
        ("e4m3", {"rounding": "RZ", "seed": 3}, NumleanError, "not for toward_zero"),
        ("e4m3", {"rounding": "stochastic", "seed": -1}, NumleanError, "below 2"),
        ("e4m3", {"overflow": "wrap"}, NumleanError, "fixed-point"),
        ("e2m1", {"overflow": "nan"}, NumleanError, "e2m1 has no NaN"),
        ("p3109:6.3f", {"overflow": "infinite"}, NumleanError, "only saturates"),
        ("fixed:4.4", {"overflow": "nan"}, NumleanError, "no NaN"),
        ("mp:30", {"overflow": "saturate"}, NumleanError, "no greatest number"),
        ("posit8", {"overflow": "wrap"}, NumleanError, "does not wrap"),
        ("lns:4.4", {"overflow": "wrap"}, NumleanError, "does not wrap"),
    ],
)
def test_a_choice_that_the_numbers_lack_is_refused_with_the_reason(target, options, kind, words):
    scalar = get_scalar(target, "python")
    with pytest.raises(kind, match=words) as caught:
        scalar.cast_from(F32, F32.from_float([1.0]), **options)
    assert "\n" not in str(caught.value)


def test_choices_are_read_in_any_case_and_shown_as_arguments():
    assert Conversion.of("RNE", "SATURATE").options() == {
        "rounding": "ties_to_even",
        "overflow": "saturate",
    }
    assert Conversion.of("SR").is_random
    assert Conversion().is_plain


def test_every_element_has_its_flags_next_to_its_number():
    x = nl.Tensor.of(F64, [1.0, 1.1, 1e9, 1e-9, np.nan])
    z, raised = nl.ieee754.cast_flagged(x, "e4m3", rounding="RZ", overflow="saturate")
    assert (z.dtype, repr(z.tolist())) == ("e4m3", "[1.0, 1.0, 448.0, 0.0, nan]")
    assert raised.tolist() == [0, INEXACT, OVERFLOW | INEXACT, UNDERFLOW | INEXACT, 0]
    assert FLAGS["invalid"] == 16
    wrapped = WrappedScalar(get_scalar("posit8", "python"))
    assert nl.ieee754.cast_flagged(x[:2], wrapped)[1].tolist() == [0, INEXACT]
