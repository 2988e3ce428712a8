"""Fixed-point numbers against multiples of a unit in exact rationals."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.scalar.dtype import Dtype
from numlean.testing.fixed import FixedReference
from numlean.testing.rounding import round_to_integer
from numlean_backends.fixed import arithmetic_of
from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID, OVERFLOW
from numlean_kernels.tables.fixed import DIRECTIONS, fixed_table
from numlean_kernels.targets.python import PYTHON

OPERATIONS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "rem": lambda x, y: x - y * round(x / y),
}


def setting(dtype):
    spec = nl.get_scalar(dtype, "python")
    arithmetic = arithmetic_of(Dtype.parse(dtype))
    return arithmetic, fixed_table(arithmetic, PYTHON), FixedReference(spec, arithmetic)


def value(arithmetic, code):
    format = arithmetic.format
    return Fraction((code ^ format.sign_mask) - format.sign_mask, 1 << format.fraction_bits)


def flags_of(arithmetic, exact):
    format, unit = arithmetic.format, Fraction(1, 1 << arithmetic.format.fraction_bits)
    count = round_to_integer(exact / unit, arithmetic.rounding.value)
    if not format.least <= count <= format.greatest:
        return OVERFLOW | INEXACT
    return 0 if count * unit == exact else INEXACT


DTYPES = [f"fixed:2.2@round={r.value}" for r in DIRECTIONS]
DTYPES += ["fixed:3.1@overflow=wrap", "fixed:0.4u", "fixed:4.0", "fixed:2.1u@overflow=wrap"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_pairs_are_rounded_once_and_raise_the_right_flags(dtype):
    arithmetic, table, reference = setting(dtype)
    codes = range(1 << arithmetic.format.width)
    for a, b in itertools.product(codes, repeat=2):
        x, y = value(arithmetic, a), value(arithmetic, b)
        for name, exact in OPERATIONS.items():
            z, flags = table[f"flagged {name}"](a, b)
            if y == 0 and name in ("div", "rem"):
                zero_by_zero = x == 0
                expected = Fraction(0) if zero_by_zero else reference.infinite(x)
                is_invalid = zero_by_zero or name == "rem"
                raised = INVALID if is_invalid else DIVIDE_BY_ZERO
            else:
                expected, raised = reference.rounded(exact(x, y)), flags_of(arithmetic, exact(x, y))
            assert (value(arithmetic, z), flags) == (expected, raised), (name, a, b)
        c = (5 * a + 3 * b) % len(codes)
        exact = x * y + value(arithmetic, c)
        z, flags = table["flagged fma"](a, b, c)
        assert value(arithmetic, z) == reference.rounded(exact)
        assert flags == flags_of(arithmetic, exact)


@pytest.mark.parametrize("dtype", ["fixed:4.4", "fixed:1.31@round=toward_zero", "fixed:16.16"])
def test_wide_numbers_and_roots_are_rounded_once(dtype):
    arithmetic, table, reference = setting(dtype)
    rng = np.random.default_rng(5)
    for a, b, c in rng.integers(0, 1 << arithmetic.format.width, (150, 3)).tolist():
        x, y, w = (value(arithmetic, code) for code in (a, b, c))
        assert value(arithmetic, table["mul"](a, b)) == reference.rounded(x * y)
        assert value(arithmetic, table["fma"](a, b, c)) == reference.rounded(x * y + w)
        if y:
            assert value(arithmetic, table["div"](a, b)) == reference.rounded(x / y)
        root, flags = table["flagged sqrt"](a)
        if x < 0:
            assert (root, flags) == (0, INVALID)
        else:
            scaled = (x.numerator << 200) // x.denominator
            below = math.isqrt(scaled)
            sticky = Fraction(below * below, 1 << 200) != x
            exact = Fraction(2 * below + sticky, 1 << 101)
            assert value(arithmetic, root) == reference.rounded(exact)


@pytest.mark.parametrize("dtype", ["fixed:4.4", "fixed:6.2@overflow=wrap", "fixed:20.12"])
def test_floats_and_exact_values_are_rounded_once(dtype):
    s, (*_, reference) = nl.get_scalar(dtype, "python"), setting(dtype)
    rng = np.random.default_rng(6)
    floats = rng.standard_normal(300) * 2.0 ** rng.integers(-40, 80, 300)
    floats = np.concatenate([floats, [2.0**-5, 3 * 2.0**-6, -(2.0**-5), 1e300, -1e300, 5e-324]])
    expected = [reference.rounded(Fraction(v)) for v in floats.tolist()]
    reference.check(s.from_float(floats), expected)
    reference.check(
        s.from_exact([int(v) for v in floats]),
        [reference.rounded(Fraction(int(v))) for v in floats.tolist()],
    )
    nan, greatest, least = s.to_float(s.from_float([np.nan, np.inf, -np.inf])).tolist()
    assert (nan, Fraction(greatest), Fraction(least)) == (
        0.0,
        reference.infinite(1),
        reference.infinite(-1),
    )


def test_compiled_kernels_have_the_bits_of_the_interpreter():
    one, other = (nl.get_scalar("fixed:6.6", device) for device in ("cpu", "python"))
    rng = np.random.default_rng(3)
    x, y, z = (one.from_bits(rng.integers(0, 1 << 12, 400)) for _ in range(3))
    for name, operands in (("div", (x, y)), ("fma", (x, y, z))):
        results = [[part.tolist() for part in s.flagged(name, *operands)] for s in (one, other)]
        assert results[0] == results[1], name
    floats = rng.standard_normal(400) * np.exp(20 * rng.standard_normal(400))
    assert one.from_float(floats).tolist() == other.from_float(floats).tolist()


def test_codes_are_encodings():
    s = nl.get_scalar("fixed:4.4", "python")
    assert s.to_bits(s.from_float([-0.0625, 1.0])).tolist() == [0xFF, 0x10]
    with pytest.raises(nl.NumleanError, match=r"integers of 8 bits, the encodings of fixed:4\.4"):
        s.from_bits([256])


@pytest.mark.parametrize("dtype", ["fixed", "fixed:8", "fixed:0.8", "fixed:20.13", "fixed:16.16u"])
def test_widths_out_of_range_are_refused(dtype):
    with pytest.raises(nl.NumleanError, match=r"write fixed:I\.F"):
        nl.get_scalar(dtype)


@pytest.mark.parametrize("option", ["round=stochastic", "overflow=infinite"])
def test_other_options_are_refused(option):
    with pytest.raises(nl.NumleanError, match="of fixed-point numbers"):
        nl.get_scalar(f"fixed:4.4@{option}")


def test_a_network_is_trained_and_engines_agree():
    task = nl.get_task("xor")
    losses = []
    for backend in ("eager", "compiled"):
        runner = nl.instantiate(
            task.task, "fixed:8.16", nl.Options(backend=backend, device="python")
        )
        stepper = nl.stepper(runner, nl.sgd(0.1))
        sample = task.train_data_for(runner.scalar)
        losses.append([stepper.step(nl.Batch(sample.x, sample.y)).item() for _ in range(3)])
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]
