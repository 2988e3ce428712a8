"""Logarithmic numbers against powers and roots in exact rationals, and mpmath."""

import itertools

import mpmath
import numpy as np
import pytest

import numlean as nl
from numlean.scalar.dtype import Dtype
from numlean_backends.logarithmic import arithmetic_of
from numlean_kernels.logarithmic.formats import LogArithmetic, LogFormat
from numlean_kernels.logarithmic.sum_table import places, sum_table
from numlean_kernels.tables.logarithmic import log_table
from numlean_kernels.targets.python import PYTHON

ROUNDINGS = {
    "ties_to_even": lambda x, negative: int(mpmath.nint(x)),
    "toward_zero": lambda x, negative: int(mpmath.floor(x)),
    "toward_positive": lambda x, negative: int((mpmath.floor if negative else mpmath.ceil)(x)),
    "away_from_zero": lambda x, negative: int(mpmath.ceil(x)),
    "toward_negative": lambda x, negative: int((mpmath.ceil if negative else mpmath.floor)(x)),
}


def value(format, code):
    """Return the value of a code, to 100 digits."""
    if code in (format.zero, format.nan):
        return mpmath.mpf(0) if code == format.zero else mpmath.nan
    n = ((code & format.log_mask) ^ format.zero) - format.zero
    size = mpmath.mpf(2) ** (mpmath.mpf(n) / (1 << format.fraction_bits))
    return -size if code & format.sign_mask else size


def expected(format, rounding, x):
    """Return the code of a value; one nearer to zero than any difference is zero."""
    if x != x:
        return format.nan
    if abs(x) < mpmath.mpf(10) ** -80:
        return format.zero
    log = mpmath.log(abs(x), 2) * (1 << format.fraction_bits)
    whole = mpmath.nint(log)
    log = whole if abs(log - whole) < mpmath.mpf(10) ** -60 else log
    n = ROUNDINGS[rounding](log, x < 0)
    n = max(-format.greatest_log, min(format.greatest_log, n))
    return n & format.log_mask | (format.sign_mask if x < 0 else 0)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_all_pairs_of_a_small_format_are_rounded_once(rounding):
    arithmetic = arithmetic_of(Dtype.parse(f"lns:3.1@round={rounding}"))
    format, table = arithmetic.format, log_table(arithmetic, PYTHON)
    with mpmath.workdps(100):
        values = [value(format, code) for code in range(1 << format.width)]
        for a, b in itertools.product(range(1 << format.width), repeat=2):
            x, y = values[a], values[b]
            c = (7 * a + 11 * b) % len(values)
            exact = {"add": x + y, "sub": x - y, "mul": x * y, "fma": x * y + values[c]}
            exact["div"] = x / y if y else mpmath.nan
            for name, z in exact.items():
                found = table[name](a, b, c) if name == "fma" else table[name](a, b)
                assert found == expected(format, rounding, z), (name, a, b, c)
            assert table["lt"](a, b) == bool(x < y)
            assert table["eq"](a, b) == bool(x == y)


def test_random_sums_of_a_wide_format_are_rounded_once():
    arithmetic = LogArithmetic(LogFormat(6, 10))
    format, table = arithmetic.format, log_table(arithmetic, PYTHON)
    rng = np.random.default_rng(4)
    with mpmath.workdps(100):
        for a, b in rng.integers(0, 1 << format.width, (150, 2)).tolist():
            # The logarithms of half of the pairs are near each other.
            b = b if b % 2 else (a + b % 4096) % (1 << format.width)
            z = value(format, a) + value(format, b)
            assert table["add"](a, b) == expected(format, "ties_to_even", z)


def test_an_entry_of_the_table_is_the_logarithm_rounded_down():
    bits = 3
    table = sum_table(bits)
    with mpmath.workdps(60):
        for d in range(1, places(bits) + 1):
            for k, sign in ((d, 1), (places(bits) + 1 + d, -1)):
                log = mpmath.log(1 + sign * mpmath.mpf(2) ** (-mpmath.mpf(d) / 8), 2) * 16
                is_exact = abs(log - mpmath.nint(log)) < mpmath.mpf(10) ** -40
                floor = mpmath.nint(log) if is_exact else mpmath.floor(log)
                assert table[k] == int(floor)
                assert is_exact == (d == 1 << bits and sign < 0)
    assert table[-1] == -1
    assert table[places(bits)] == 0


@pytest.mark.parametrize("dtype", ["lns:4.4", "lns:8.10", "lns:4.6@round=toward_negative"])
def test_floats_come_in_by_the_logarithm_and_numbers_come_out_and_in(dtype):
    s = nl.get_scalar(dtype, "python")
    codes = np.arange(0, 1 << s.codec.code_width, max(1, (1 << s.codec.code_width) >> 9))
    x = s.from_bits(codes)
    again = s.from_float(s.to_float(x))
    assert s.to_bits(again).tolist() == codes.tolist()
    assert s.to_bits(s.from_exact(s.to_exact(x))).tolist() == codes.tolist()
    arithmetic = s.codec.arithmetic
    floats = np.random.default_rng(2).standard_normal(200) * 3
    with mpmath.workdps(60):
        codes = [expected(arithmetic.format, s.rounding, mpmath.mpf(v)) for v in floats.tolist()]
    assert s.to_bits(s.from_float(floats)).tolist() == codes


def test_compiled_kernels_have_the_bits_of_the_interpreter():
    one, other = (nl.get_scalar("lns:5.6", device) for device in ("cpu", "python"))
    rng = np.random.default_rng(3)
    x, y, z = (one.from_bits(rng.integers(0, 1 << 12, 400)) for _ in range(3))
    for name, operands in (("fma", (x, y, z)), ("sqrt", (x,))):
        results = [getattr(s, name)(*operands).tolist() for s in (one, other)]
        assert results[0] == results[1], name


def test_specials():
    s = nl.get_scalar("lns:4.4", "python")
    x = s.from_float([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-300])
    greatest, least = 2.0 ** (127 / 16), 2.0 ** (-127 / 16)
    found = s.to_float(x)
    assert found[:2].tolist() == [0.0, 0.0]
    assert np.isnan(found[2])
    assert np.allclose(found[3:], [greatest, -greatest, least], rtol=1e-15)
    zero, one = s.from_float([0.0]), s.from_float([1.0])
    assert np.isnan(s.to_float(s.div(one, zero))).all()
    assert s.to_float(s.matmul(s.from_float([[2.0, 3.0]]), s.from_float([[4.0], [0.0]]))) == [[8.0]]


@pytest.mark.parametrize("dtype", ["lns", "lns:1.4", "lns:11.2", "lns:4.11", "lns:4"])
def test_widths_out_of_range_are_refused(dtype):
    with pytest.raises(nl.NumleanError, match=r"write lns:I\.F"):
        nl.get_scalar(dtype)


def test_stochastic_rounding_is_refused():
    with pytest.raises(nl.NumleanError, match="of logarithmic numbers"):
        nl.get_scalar("lns:4.4@round=stochastic")


def test_a_network_is_trained_and_engines_agree():
    task = nl.get_task("xor")
    losses = []
    for backend in ("eager", "compiled"):
        options = nl.Options(backend=backend, device="python")
        runner = nl.instantiate(task.task, "lns:6.8", options)
        stepper = nl.stepper(runner, nl.sgd(0.1))
        sample = task.train_data_for(runner.scalar)
        losses.append([stepper.step(nl.Batch(sample.x, sample.y)).item() for _ in range(3)])
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


def test_the_shortest_text_of_an_irrational_number_comes_back():
    s = nl.get_scalar("lns:4.4", "python")
    (text,) = s.to_string(s.from_float([1.75]))
    assert len(text) < 8
    assert s.from_string([text]).tolist() == s.from_float([1.75]).tolist()
