"""Casts between Scalars: one rounding of the exact value, whatever the formats and the devices."""

from itertools import product

import ml_dtypes
import numpy as np
import pytest
from mpmath import mp

from numlean import CountingScalar, Flags, WrappedScalar, get_scalar
from numlean.errors import NumleanError, StorageError
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar
from numlean.scalar.wrappers.tracing import Trace, TracingScalar

ML_DTYPES = {
    "binary16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "e5m2": ml_dtypes.float8_e5m2,
    "e4m3": ml_dtypes.float8_e4m3fn,
}
WIDE = ("binary16", "bfloat16")
NARROW = ("e5m2", "e4m3", "ieee:e3m2", "ieee:e2m3")
ROUNDINGS = (
    *("ties_to_even", "ties_to_away", "toward_zero", "toward_positive", "toward_negative"),
    "to_odd",
)
F32 = get_scalar("float32", "python")
BF16 = get_scalar("bfloat16", "python")


def every_number(scalar):
    return scalar.from_bits(np.arange(1 << scalar.format.width))


def rounded(values, format, rounding):
    """Return binary64 values rounded to a format, in binary64: every step is exact there."""
    with np.errstate(all="ignore"):
        magnitude, positive = np.abs(values), ~np.signbit(values)
        _, exponent = np.frexp(magnitude)
        unit = np.ldexp(1.0, np.maximum(exponent - 1, format.emin) - format.trailing_bits)
        units = magnitude / unit
        down = np.floor(units)
        up = {
            "ties_to_even": np.rint(units) > down,
            "ties_to_away": units - down >= 0.5,
            "toward_zero": np.zeros(values.shape, bool),
            "toward_positive": (units > down) & positive,
            "toward_negative": (units > down) & ~positive,
            "to_odd": (units > down) & (down % 2 == 0),
        }[rounding]
        z = (down + up) * unit
        top = float(format.max_finite & format.trailing_mask | format.implicit_bit)
        greatest = np.ldexp(top, format.emax - format.trailing_bits)
        away = {"toward_positive": positive, "toward_negative": ~positive}.get(
            rounding, rounding.startswith("ties")
        )
        beyond = np.inf if format.has_infinity else np.nan
        z = np.where(z > greatest, np.where(away, beyond, greatest), z)
        z = np.where(np.isinf(values), beyond, z)
        return np.where(np.isnan(values), np.nan, np.copysign(z, values))


def same_numbers(scalar, x, expected):
    found = scalar.to_float(x)
    is_nan = np.isnan(expected)
    assert np.array_equal(np.isnan(found), is_nan)
    assert found[~is_nan].tobytes() == expected[~is_nan].tobytes()
    default = scalar.to_bits(scalar.from_float([np.nan]))[0]
    assert (scalar.to_bits(x)[is_nan] == default).all()


@pytest.mark.parametrize(("source", "target"), [*product(WIDE, ML_DTYPES)])
def test_every_number_of_sixteen_bits_is_cast_as_ml_dtypes_casts_it(source, target):
    a, b = get_scalar(source), get_scalar(target)
    x = every_number(a)
    with np.errstate(all="ignore"):
        theirs = x.view(ML_DTYPES[source]).astype(ML_DTYPES[target]).astype(np.float64)
    z = b.cast_from(a, x)
    same_numbers(b, z, theirs)
    same_numbers(b, z, rounded(a.to_float(x), b.format, "ties_to_even"))


@pytest.mark.parametrize(("source", "target"), [*product(NARROW, (*WIDE, *NARROW, "float32"))])
def test_every_number_of_eight_bits_is_cast_in_every_direction(source, target):
    a = get_scalar(source, "python")
    x = every_number(a)
    for rounding in ROUNDINGS if target != "float32" else ("ties_to_even",):
        name = target if rounding == "ties_to_even" else f"{target}@round={rounding}"
        b = get_scalar(name, "python")
        same_numbers(b, b.cast_from(a, x), rounded(a.to_float(x), b.format, rounding))


@pytest.mark.parametrize("target", ["e4m3", "float32"])
def test_devices_agree_and_read_each_other_s_arrays(target):
    ours, others = (get_scalar(target, device) for device in ("cpu", "python"))
    for source in ("binary16", "float64"):
        a, b = (get_scalar(source, device) for device in ("cpu", "python"))
        x = a.from_float(np.random.default_rng(7).standard_normal(50) * 2.0 ** np.arange(-25, 25))
        results = [t.cast_from(s, x) for t, s in product((ours, others), (a, b))]
        assert len({z.tobytes() for z in results}) == 1


def test_numbers_wider_than_binary64_are_rounded_once():
    wide, third = get_scalar("mp:200"), get_scalar("mp:60")
    with mp.workprec(300):
        x = wide.from_exact([1 + mp.mpf(2) ** -24 + mp.mpf(2) ** -120, mp.inf, -mp.inf, mp.nan, 0])
    found = F32.to_float(F32.cast_from(wide, x)).tolist()
    assert found[:3] == [1 + 2.0**-23, np.inf, -np.inf]
    assert np.isnan(found[3])
    assert third.to_exact(third.cast_from(wide, x))[0] == 1 + mp.mpf(2) ** -24
    minus_zero = F32.from_float([-0.0])
    assert wide.to_exact(wide.cast_from(F32, minus_zero)).tolist() == [0]
    assert get_scalar("e4m3").to_bits(get_scalar("e4m3").cast_from(F32, minus_zero)) == [0x80]


def test_overflow_and_flushing_are_the_result_s():
    x = F32.from_float([1e6, -1e6, np.inf, 2.0**-8, -(2.0**-8)])
    expected = {
        "e4m3": [np.nan, np.nan, np.nan, 2.0**-8, -(2.0**-8)],
        "e4m3@overflow=saturate": [448.0, -448.0, 448.0, 2.0**-8, -(2.0**-8)],
        "e4m3@subnormal=flush": [np.nan, np.nan, np.nan, 0.0, -0.0],
    }
    for name, values in expected.items():
        scalar = get_scalar(name, "python")
        assert repr(scalar.to_float(scalar.cast_from(F32, x)).tolist()) == repr(values)
    # The numbers of a source that flushes its operands are cast as they are.
    flushing = get_scalar("bfloat16@subnormal=flush", "python")
    tiny = flushing.from_bits([1, 0x8001])
    assert F32.to_float(F32.cast_from(flushing, tiny)).tolist() == [2.0**-133, -(2.0**-133)]


def test_flags_are_those_of_the_rounding():
    scalar = get_scalar("binary16", "python")
    x = F32.from_bits([0x3F800001, 0x47800000, 0x33000001, 0x3F800000, 0x7FC00001, 0x7F800001])
    for target in (scalar, CountingScalar(scalar)):
        flags = Flags()
        target.cast_from(F32, x, flags=flags)
        assert flags == Flags(inexact=3, overflow=1, underflow=1, invalid=1)
    assert target.counts["cast_from"] == flags
    exact, flags = get_scalar("mp:100"), Flags()
    scalar.cast_from(exact, exact.cast_from(F32, x[:4]), flags=flags)
    assert flags == Flags(inexact=3, overflow=1, underflow=1)
    narrowed = Flags()
    F32.cast_from(exact, exact.from_string(["0.1", "0.5"]), flags=narrowed)
    assert narrowed == Flags(inexact=1)  # hardware floats have flags of conversions alone


def test_wrappers_cast_as_their_inner_scalars_and_see_the_cast():
    x = F32.from_float([1.01, 2.0])
    expected = BF16.cast_from(F32, x).tolist()
    trace = Trace()
    for source in (F32, WrappedScalar(F32), TracingScalar(F32, Trace())):
        for target in (WrappedScalar(BF16), TracingScalar(BF16, trace)):
            assert target.cast_from(source, x).tolist() == expected
    assert [each.operation for each in trace.operations] == ["cast_from"] * 3
    faulty = FaultyScalar(BF16, Fault.parse("flip:operation=cast_from,bit=0"))
    assert faulty.cast_from(F32, x).tolist() == [expected[0] ^ 1, expected[1]]


def test_a_scalar_that_rounds_at_random_draws_from_its_own_stream():
    x = F32.from_float(np.full(4000, 1 + 2.0**-7 / 4))
    draws = []
    for device in ("python", "cpu"):
        scalar = get_scalar("bfloat16@round=stochastic,seed=3", device).with_reset_stream()
        for step in (1, 2, 1):
            scalar.start_step(step)
            draws.append(scalar.to_float(scalar.cast_from(F32, x)))
    assert set(draws[0]) == {1.0, 1 + 2.0**-7}
    assert abs(draws[0].mean() - (1 + 2.0**-9)) < 2.0**-7 * 0.03
    assert draws[0].tolist() == draws[2].tolist() != draws[1].tolist()
    assert [z.tolist() for z in draws[:3]] == [z.tolist() for z in draws[3:]]
    scalar.start_step(1)
    one = scalar.cast_from(F32, x)
    assert one.tolist() != scalar.cast_from(F32, x).tolist()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("float32", "bfloat16"),
        ("bfloat16", "float32"),
        ("float32", "bfloat16@round=stochastic"),
    ],
)
@pytest.mark.parametrize("device", ["python", "cpu"])
def test_a_recorded_cast_reads_the_numbers_of_each_replay(source, target, device):
    a, steps = get_scalar(source, device), []
    recorder = get_scalar(target, device).with_reset_stream().with_recorder(steps)
    x = a.from_float([[1.1, 2.2], [3.3, 4.4]])
    results = [recorder.cast_from(a, x), recorder.cast_from(a, x.T)]
    run = recorder.compile(steps)
    x[...] = a.from_float([[5.5, 6.6], [7.7, 8.8]])
    recorder.start_step(5)
    run()
    fresh = get_scalar(target, device).with_reset_stream()
    fresh.start_step(5)
    expected = [fresh.cast_from(a, x), fresh.cast_from(a, x.T)]
    assert [z.tolist() for z in results] == [z.tolist() for z in expected]


def test_numbers_without_encodings_are_cast_again_in_each_replay():
    wide, steps = get_scalar("mp:100"), []
    x = wide.from_float([1.1, 2.2])
    recorder = F32.with_recorder(steps)
    z = recorder.cast_from(wide, x)
    x[...] = wide.from_float([3.5, -4.5])
    recorder.compile(steps)()
    assert z.tolist() == [3.5, -4.5]


def test_an_array_of_another_arithmetic_is_refused():
    with pytest.raises(StorageError, match=r"cast_from of float32 takes float32 arrays"):
        BF16.cast_from(F32, BF16.from_float([1.0]))


@pytest.mark.parametrize("target", [BF16, get_scalar("bfloat16@round=stochastic", "python")])
def test_a_source_that_is_not_a_scalar_is_refused(target):
    for wrong in ("float32", None, np.float32):
        with pytest.raises(NumleanError, match=r"takes the Scalar of its numbers first, got"):
            target.cast_from(wrong, F32.from_float([1.0]))
