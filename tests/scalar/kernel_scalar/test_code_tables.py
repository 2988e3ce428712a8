"""Results looked up for codes of at most eight bits, compared with those of the routines."""

from dataclasses import replace

import numpy as np
import pytest

from numlean.benchmarks.kernels import plain_and_fast
from numlean.errors import UnavailableError
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar.code_tables import faster_results_of, flags_of, results_of
from numlean.scalar.registry import get_scalar
from numlean_kernels.loops.lookup import looked_up, looked_up_single
from numlean_kernels.protocol import HostCall

INTERPRETED = (
    *("e2m1", "e2m1@round=toward_negative,nan=max", "e2m1@round=to_odd,subnormal=flush"),
    *("ieee:e2m1@round=toward_positive,nan=x86", "p3109:4.2@overflow=nan", "p3109:4.1uf"),
    *("posit:4", "fixed:1.2u@round=away_from_zero,overflow=wrap"),
)
"""Formats whose tables the interpreter makes, so that little is compiled."""

PAIRS = ("add", "sub", "mul", "div", "rem")
FUNCTIONS = ("sqrt", "logb", "tanh", "round_to_integral")


def codes_of(scalar):
    width = scalar.codec.code_width if scalar.format is None else scalar.format.width
    return np.arange(1 << width, dtype=np.uint8)


def pairs_of(scalar):
    codes = codes_of(scalar)
    return np.repeat(codes, codes.size), np.tile(codes, codes.size)


@pytest.mark.parametrize("dtype", INTERPRETED)
def test_all_pairs_and_all_codes_have_the_results_of_the_interpreter(dtype):
    scalar, plain = get_scalar(dtype), get_scalar(dtype, "python")
    x, y = pairs_of(scalar)
    for name in PAIRS:
        assert results_of(scalar, name, x, y) is not None
        assert results_of(plain, name, x, y) is None
        assert np.array_equal(getattr(scalar, name)(x, y), getattr(plain, name)(x, y)), name
    codes = codes_of(scalar)
    for name in FUNCTIONS:
        routine = f"{name} {scalar.rounding}" if name == "round_to_integral" else name
        assert results_of(scalar, routine, codes) is not None
        assert np.array_equal(getattr(scalar, name)(codes), getattr(plain, name)(codes)), name


@pytest.mark.parametrize(("dtype", "names"), [("e4m3", ("add", "mul")), ("posit8", ("add",))])
def test_all_pairs_of_eight_bits_have_the_results_of_the_compiled_routine(dtype, names):
    scalar = get_scalar(dtype)
    plain = replace(scalar, uses_code_tables=False)
    x, y = pairs_of(scalar)
    for name in names:
        z = getattr(scalar, name)(x, y)
        assert results_of(plain, name, x, y) is None
        assert np.array_equal(z, getattr(plain, name)(x, y))
        interpreted = getattr(get_scalar(dtype, "python"), name)(x[::97], y[::97])
        assert np.array_equal(z[::97], interpreted)


@pytest.mark.parametrize("dtype", ["e2m1", "ieee:e2m1@round=toward_negative", "lns:2.2", "posit:4"])
def test_products_sums_and_single_operands_have_the_results_of_the_routines(dtype):
    scalar, plain = get_scalar(dtype), get_scalar(dtype, "python")
    codes = codes_of(scalar)
    rng = np.random.default_rng(3)
    a, b = rng.choice(codes, (2, 3, 5)), rng.choice(codes, (2, 5, 4))
    assert np.array_equal(scalar.bmm(a, b), plain.bmm(a, b))
    assert np.array_equal(scalar.matmul(a[0], b[0]), plain.matmul(a[0], b[0]))
    assert np.array_equal(scalar.matmul(a[0][:, :0], b[0][:0]), plain.matmul(a[0][:, :0], b[0][:0]))
    for axis in (0, 1, 2, None):
        assert np.array_equal(scalar.sum(a, axis), plain.sum(a, axis))
    for code in codes[::5]:
        one = np.array([code])
        assert np.array_equal(scalar.sub(one, codes), plain.sub(one, codes))
        assert np.array_equal(scalar.sub(codes, one), plain.sub(codes, one))


def test_casts_from_narrow_codes_are_looked_up():
    source, plain = get_scalar("e2m3"), get_scalar("ieee32exec", "python")
    codes = codes_of(source)
    for dtype in ("ieee32exec", "binary64exec", "e2m1"):
        result, plain = get_scalar(dtype), get_scalar(dtype, "python")
        cast = result.cast_from(source, codes)
        assert cast.dtype == result.storage_dtype
        assert np.array_equal(cast, plain.cast_from(get_scalar("e2m3", "python"), codes))


@pytest.mark.parametrize("dtype", ["e2m1", "ieee:e2m1@round=to_odd,nan=x86", "fixed:2.2"])
def test_flags_are_those_of_the_interpreter(dtype):
    scalar, plain = get_scalar(dtype), get_scalar(dtype, "python")
    x, y = pairs_of(scalar)
    for name, *operands in (("mul", x, y), ("div", x, y), ("sqrt", x)):
        assert flags_of(scalar, name, *operands) is not None
        for found, expected in zip(
            scalar.flagged(name, *operands), plain.flagged(name, *operands), strict=True
        ):
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)
    counted, expected = Flags(), Flags()
    scalar.mul(x, y, flags=counted)
    plain.mul(x, y, flags=expected)
    assert counted == expected
    assert counted.inexact > 0


def test_formats_without_flags_say_so():
    scalar = get_scalar("posit:4")
    with pytest.raises(UnavailableError, match="add"):
        scalar.flagged("add", *pairs_of(scalar))


def test_stochastic_rounding_and_other_storage_keep_the_routine():
    scalar = get_scalar("e2m1")
    x, y = pairs_of(scalar)
    random = get_scalar("e2m1@round=stochastic")
    assert results_of(random.rounded, "sqrt", x, y) is None
    assert results_of(random.inner, "exp", x) is not None
    assert results_of(get_scalar("lns:4.4"), "add", x.astype(np.uint16)) is None


def test_operations_as_fast_as_a_lookup_keep_the_routine():
    scalar = get_scalar("lns:2.2")
    x, y = pairs_of(scalar)
    assert faster_results_of(scalar, "mul", x, y) is None
    assert faster_results_of(scalar, "add", x, y) is not None
    for name in ("minimum", "lt", "copy_sign", "compare"):
        assert results_of(scalar, name, x, y) is None
    with pytest.raises(UnavailableError, match="has no rem"):
        scalar.rem(x, y)


def test_bits_above_a_code_do_not_leave_the_table():
    scalar = get_scalar("e2m1")
    x, y = pairs_of(scalar)
    assert np.array_equal(scalar.add(x | 0x50, y | 0xF0), scalar.add(x, y))


def test_a_recorded_program_looks_up_what_it_is_given_later():
    scalar, steps = get_scalar("posit:5"), []
    twin = scalar.with_recorder(steps)
    x, y = pairs_of(scalar)
    a, b = x.copy(), y.copy()
    total = twin.sum(twin.exp(twin.mul(a, b)).reshape(32, 32), axis=0)
    product = twin.matmul(a.reshape(32, 32), b.reshape(32, 32))
    run = twin.compile(steps)
    assert not any(isinstance(each, HostCall) for each in steps)
    assert any(str(each) == "mul by table" for each in steps)
    a[:], b[:] = y[::-1], x
    run()
    plain = get_scalar("posit:5", "python")
    assert np.array_equal(total, plain.sum(plain.exp(plain.mul(a, b)).reshape(32, 32), axis=0))
    assert np.array_equal(product, plain.matmul(a.reshape(32, 32), b.reshape(32, 32)))


def test_one_kernel_serves_every_operation_and_format():
    target = get_scalar("e2m1").target
    table = get_scalar("e2m1").table
    names = ("add", "mul")
    assert len({target.compiled(looked_up(name, 2), table) for name in names}) == 1
    assert len({target.compiled(looked_up_single(name, 0), table) for name in names}) == 1
    assert looked_up("add", 2).name == "add by table"


def test_the_benchmark_of_kernels_compares_routines_with_tables():
    plain, fast = plain_and_fast("e2m1")
    assert plain == fast
    x, y = pairs_of(fast)
    assert results_of(plain, "add", x, y) is None
    assert results_of(fast, "add", x, y) is not None
