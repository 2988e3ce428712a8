"""Posits and takums against their definitions in exact rationals."""

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.lockstep import RunSpec
from numlean.testing.tapered import TaperedReference, value_of
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.tables.tapered import exact_decoder, exact_encoder, tapered_table
from numlean_kernels.tapered.formats import Posit, Takum
from numlean_kernels.targets.python import PYTHON

SMALL = [Posit(8), Posit(6, 1), Posit(3, 2), Posit(5, 4), Takum(5), Takum(8), Takum(12)]
LARGE = [Posit(16), Posit(32, 0), Posit(32), Takum(16), Takum(32)]
ROUNDINGS = {
    Rounding.TIES_TO_EVEN: round,
    Rounding.TOWARD_ZERO: int,
    Rounding.TOWARD_NEGATIVE: math.floor,
    Rounding.TOWARD_POSITIVE: math.ceil,
}


def codes_of(format, count=200):
    if format.width <= 8:
        return range(1 << format.width)
    rng = random.Random(format.width)
    return [rng.randrange(1 << format.width) for _ in range(count)]


def number(format, code):
    return value_of(format, code) if code else Fraction(0)


def code_of(format, q):
    """Return the code of a rational, rounded by the reference, found by its value."""
    rounded = TaperedReference(nl.get_scalar("posit8"), format).rounded(q)
    if not rounded:
        return 0
    low, high = 0, format.greatest
    while low < high:
        middle = (low + high + 1) // 2
        if value_of(format, middle) <= abs(rounded):
            low = middle
        else:
            high = middle - 1
    return -low & format.code_mask if q < 0 else low


@pytest.mark.parametrize("format", [*SMALL, *LARGE], ids=lambda f: f.key)
def test_every_code_has_the_value_of_the_definition_and_comes_back(format):
    decode, encode = exact_decoder(format), exact_encoder(format)
    for code in codes_of(format):
        if code in (0, format.nar):
            continue
        m, e = decode(code)
        assert Fraction(m) * Fraction(2) ** e == value_of(format, code)
        assert encode(m < 0, abs(m), e) == code
        assert -value_of(format, code) == value_of(format, -code & format.code_mask)


def check_pair(format, table, a, b, c):
    nar = format.nar
    x, y, z = (None if code == nar else number(format, code) for code in (a, b, c))
    for name in ("add", "sub", "mul", "div", "rem"):
        if x is None or y is None or (y == 0 and name in ("div", "rem")):
            expected = nar
        else:
            exact = {
                "add": lambda: x + y,
                "sub": lambda: x - y,
                "mul": lambda: x * y,
                "div": lambda: x / y,
                "rem": lambda: x - y * round(x / y),
            }[name]()
            expected = code_of(format, exact)
        assert table[name](a, b) == expected, (name, a, b)
    expected = nar if None in (x, y, z) else code_of(format, x * y + z)
    assert table["fma"](a, b, c) == expected, ("fma", a, b, c)
    as_signed = [code - ((code & nar) << 1) for code in (a, b)]
    assert table["lt"](a, b) == (as_signed[0] < as_signed[1])
    assert table["eq"](a, b) == (a == b)


@pytest.mark.parametrize("format", [Posit(3, 2), Posit(4, 1), Takum(5)], ids=lambda f: f.key)
def test_all_pairs_are_rounded_once(format):
    table, codes = tapered_table(format, PYTHON), range(1 << format.width)
    for k, (a, b) in enumerate(itertools.product(codes, repeat=2)):
        check_pair(format, table, a, b, k * 7 % len(codes))


@pytest.mark.parametrize("format", [*SMALL, *LARGE], ids=lambda f: f.key)
def test_random_pairs_are_rounded_once(format):
    rng, table = random.Random(7), tapered_table(format, PYTHON)
    for _ in range(100):
        check_pair(format, table, *(rng.randrange(1 << format.width) for _ in range(3)))


@pytest.mark.parametrize("format", [Posit(8), Takum(8), Posit(32)], ids=lambda f: f.key)
def test_roots_and_integers_are_rounded_once(format):
    table, nar = tapered_table(format, PYTHON), format.nar
    for code in codes_of(format, 100):
        if code == nar:
            assert table["sqrt"](code) == nar
            continue
        x = number(format, code)
        for rounding, function in ROUNDINGS.items():
            whole = function(x)
            assert table[f"round_to_integral {rounding.value}"](code) == code_of(
                format, Fraction(whole)
            )
            limit = 1 << 31
            expected = max(-limit, min(limit - 1, whole))
            assert table[f"to_int32 {rounding.value}"](code) == expected
        if x < 0:
            assert table["sqrt"](code) == nar
        elif x > 0:
            scaled = (x.numerator << 800) // x.denominator
            root = math.isqrt(scaled)
            is_exact = Fraction(root * root, 1 << 800) == x
            assert table["sqrt"](code) == code_of(
                format, Fraction(2 * root + (not is_exact), 1 << 401)
            )


@pytest.mark.parametrize("dtype", ["posit:16", "takum:12"])
def test_compiled_kernels_have_the_bits_of_the_interpreter(dtype):
    one, other = nl.get_scalar(dtype, "cpu"), nl.get_scalar(dtype, "python")
    rng = np.random.default_rng(3)
    bits = [rng.integers(0, 1 << (12 if dtype == "takum:12" else 16), 400) for _ in range(3)]
    x, y, z = map(one.from_bits, bits)
    for name, operands in (("add", (x, y)), ("div", (x, y)), ("sqrt", (x,)), ("fma", (x, y, z))):
        results = [getattr(s, name)(*operands).tolist() for s in (one, other)]
        assert results[0] == results[1], name
    floats = rng.standard_normal(400) * np.exp(20 * rng.standard_normal(400))
    assert one.from_float(floats).tolist() == other.from_float(floats).tolist()


def test_examples_of_the_standard():
    s = nl.get_scalar("posit16", "python")
    assert s.to_bits(s.from_float([1.0, -1.0, 2.0, 0.5, 2.0**56, 1e300])).tolist() == [
        0x4000,
        0xC000,
        0x4800,
        0x3800,
        0x7FFF,
        0x7FFF,
    ]
    (nar,) = s.from_bits([0x8000])[None]
    assert s.eq(nar, nar).all()
    assert s.lt(nar, s.from_float([-1e30])).all()
    assert np.isnan(s.to_float(s.maximum(nar, s.from_float([1.0])))).all()
    assert s.to_string(nar) == ["nan"]


@pytest.mark.parametrize(
    "dtype", ["posit", "posit:2", "posit:33", "posit:16.5", "posit:8,1", "takum:4", "takum:x"]
)
def test_widths_out_of_range_are_refused(dtype):
    with pytest.raises(nl.NumleanError, match=r"takes \d+ to 32 bits"):
        nl.get_scalar(dtype)


def test_names_of_usual_widths_are_aliases():
    assert nl.get_scalar("POSIT16") == nl.get_scalar("posit:16")
    assert nl.get_scalar("takum8").name == "takum:8"


@pytest.mark.parametrize("dtype", ["posit16", "takum16"])
def test_a_network_is_trained_and_engines_agree(dtype):
    task = nl.get_task("xor")
    losses = []
    for backend in ("eager", "compiled"):
        runner = nl.instantiate(task.task, dtype, nl.Options(backend=backend, device="python"))
        stepper = nl.stepper(runner, nl.sgd(0.1))
        sample = task.train_data_for(runner.scalar)
        batch = nl.Batch(sample.x, sample.y)
        losses.append([stepper.step(batch).item() for _ in range(3)])
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


def test_an_alias_with_a_width_takes_options_of_a_run():
    run = RunSpec.parse("posit16:python:compiled")
    assert run.scalar.name == "posit:16"
    assert (run.options.device, run.options.backend) == ("python", "compiled")
