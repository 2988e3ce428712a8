"""Small formats computed in hardware floats have the bits of the routines in integers."""

from dataclasses import replace

import numpy as np
import pytest

from numlean import get_scalar
from numlean.verification.operands import operands
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64, NAMED, TF32, parse_p3109
from numlean_kernels.formats.parametric import parse_format
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.tables.widened import widened_operations, widened_table
from numlean_kernels.targets.python import PYTHON
from numlean_kernels.widened.conditions import sums_are_odd, wide_format

NAMES = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
DIRECTED = [r for r in Rounding if r is not Rounding.STOCHASTIC]
RNG = np.random.default_rng(24)


def assert_equal_bits(arithmetic, name, samples):
    plain, fast = (make(arithmetic, PYTHON) for make in (ieee_table, widened_table))
    with np.errstate(all="ignore"):
        for bits in samples:
            expected, found = (int(table[name](*map(int, bits))) for table in (plain, fast))
            assert found == expected, (arithmetic.key, name, [hex(int(b)) for b in bits])


def special_codes(format):
    """Return the encodings next to the ends of the ranges, of both signs, and some others."""
    ends = (0, format.least_normal, format.one, format.max_finite, format.magnitude_mask)
    near = {end + d for end in ends for d in (-2, -1, 0, 1, 2)}
    near |= {format.least_normal >> k for k in range(1, format.precision)}
    near |= set(RNG.integers(0, format.magnitude_mask, 20).tolist())
    magnitudes = [m for m in sorted(near) if 0 <= m <= format.magnitude_mask]
    return [m | sign for m in magnitudes for sign in {0, format.sign_mask}]


def sampled(format, arity, count):
    codes = np.array(special_codes(format))
    return RNG.choice(codes, (count, arity))


E3M1 = parse_format("e3m1")


@pytest.mark.parametrize("rounding", DIRECTED)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_all_pairs_of_a_tiny_format_agree_in_every_direction(name, rounding):
    pairs = np.indices((32, 32)).reshape(2, -1).T
    assert name in widened_operations(Arithmetic(E3M1, rounding))
    assert_equal_bits(Arithmetic(E3M1, rounding), name, pairs[RNG.permutation(1024)[:300]])


@pytest.mark.parametrize("rounding", DIRECTED)
@pytest.mark.parametrize("format", ["bfloat16", "binary16", "tf32", "e4m3", "e5m2"])
def test_operations_near_the_ends_of_a_format_agree_in_every_direction(format, rounding):
    arithmetic = Arithmetic(get_scalar(format, "python").format, rounding)
    assert widened_operations(arithmetic) == tuple(NAMES)
    for name, arity in NAMES.items():
        assert_equal_bits(arithmetic, name, sampled(arithmetic.format, arity, 60))


@pytest.mark.parametrize(
    ("option", "choice"),
    [
        *(("nan", rule) for rule in NanRule if rule is not NanRule.MAX),
        *(("overflow", choice) for choice in Overflow),
    ],
)
@pytest.mark.parametrize("format", ["e5m2", "e4m3"])
@pytest.mark.parametrize("rounding", [Rounding.TIES_TO_EVEN, Rounding.TOWARD_NEGATIVE])
def test_rules_of_nans_and_of_overflow_are_kept(format, option, choice, rounding):
    format = get_scalar(format, "python").format
    arithmetic = replace(Arithmetic(format, rounding), **{option: choice})
    for name, arity in NAMES.items():
        assert_equal_bits(arithmetic, name, sampled(format, arity, 40))


@pytest.mark.parametrize("tininess", Tininess)
@pytest.mark.parametrize("rounding", [Rounding.TIES_TO_EVEN, Rounding.AWAY_FROM_ZERO])
@pytest.mark.parametrize("format", ["binary16", "bfloat16", "e4m3"])
def test_flushed_subnormals_agree(format, tininess, rounding):
    format = get_scalar(format, "python").format
    arithmetic = Arithmetic(format, rounding, subnormal=Subnormal.FLUSH, tininess=tininess)
    codes = [m | s for m in range(1, 3 * format.implicit_bit) for s in (0, format.sign_mask)]
    for name, arity in NAMES.items():
        near_tiny = RNG.choice(np.array([*codes, format.one, format.one + 1]), (60, arity))
        assert_equal_bits(arithmetic, name, near_tiny)


@pytest.mark.parametrize(
    "format",
    [each.format for each in NAMED if each.format.width <= 8 and each.format.has_zero]
    + [parse_p3109(text) for text in ("8.4", "8.3uf", "6.2se", "16.10f")],
    ids=lambda format: format.name,
)
def test_formats_with_other_specials_agree(format):
    arithmetic = Arithmetic(format, overflow=Overflow(format.usual_overflow))
    for name in widened_operations(arithmetic):
        arity = NAMES[name]
        assert_equal_bits(arithmetic, name, RNG.integers(0, 1 << format.width, (40, arity)))


def test_products_of_tf32_among_its_subnormals_are_rounded_once():
    arithmetic, table = Arithmetic(TF32), widened_table(Arithmetic(TF32), PYTHON)
    s = get_scalar("tf32", "python")
    a, b, z = (int(s.from_float(v)) for v in (113 * 2.0**-75, 145 * 2.0**-76, 2.0**-136))
    assert int(table["mul"](a, b)) == z == 1
    assert wide_format(arithmetic, "mul") == BINARY64  # in binary32 it would be zero
    assert np.float32(113 * 2.0**-75) * np.float32(145 * 2.0**-76) == 2.0**-137


def test_a_fused_operation_of_the_wide_format_is_not_rounded_again():
    table, s = widened_table(Arithmetic(BINARY16), PYTHON), get_scalar("binary16", "python")
    u = 2.0**-10
    values = ((1 + u) * 2.0**-5, (1 - u) * 2.0**-6, 1 + u)
    a, b, c = (int(s.from_float(v)) for v in values)
    assert int(table["fma"](a, b, c)) == c


def test_the_conditions_exclude_what_is_not_proved():
    assert wide_format(Arithmetic(BINARY16), "mul") == BINARY32
    assert wide_format(Arithmetic(BINARY32), "add") == BINARY64
    assert "mul" not in widened_operations(Arithmetic(parse_format("e8m26")))
    assert wide_format(Arithmetic(parse_format("e8m25")), "div") is None
    assert "mul" not in widened_operations(Arithmetic(parse_format("e11m9"), Rounding.TO_ODD))
    assert wide_format(Arithmetic(BINARY16, Rounding.STOCHASTIC), "add") is None
    assert "add" in widened_operations(Arithmetic(BINARY16, Rounding.STOCHASTIC))
    assert widened_operations(Arithmetic(BINARY64, Rounding.STOCHASTIC)) == ()
    bfloat16 = get_scalar("bfloat16", "python").format
    assert wide_format(Arithmetic(bfloat16), "mul") == BINARY32
    assert wide_format(Arithmetic(bfloat16, Rounding.TIES_TO_AWAY), "mul") == BINARY64
    toward_zero = Arithmetic(bfloat16, Rounding.TOWARD_ZERO)
    assert sums_are_odd(toward_zero, wide_format(toward_zero, "add"))


@pytest.mark.parametrize("rounding", DIRECTED)
@pytest.mark.parametrize("format", ["bfloat16", "binary16", "e4m3", "e4m3fnuz", "e2m1"])
def test_conversions_agree_in_every_direction(format, rounding):
    format = get_scalar(format, "python").format
    arithmetic = Arithmetic(format, rounding)
    values = np.concatenate([RNG.standard_normal(40) * 2.0 ** RNG.integers(-160, 130, 40), SPECIAL])
    least = 2.0 ** (format.emin - format.trailing_bits)
    values = np.concatenate([values, np.array([0.5, 1.5, 2.5]) * least])
    assert_equal_bits(arithmetic, "from_binary64", values.view(np.uint64)[:, None])
    with np.errstate(all="ignore"):
        narrow = values.astype(np.float32).view(np.uint32)
    assert_equal_bits(arithmetic, "from e8m23", narrow[:, None])
    codes = np.array(special_codes(format))[:, None]
    assert_equal_bits(arithmetic, "to_binary64", codes)
    assert_equal_bits(arithmetic, f"from {format.key}", codes)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308, 65520.0, 464.0, 2.0**-150])


@pytest.mark.parametrize("rule", [NanRule.X86, NanRule.ARM, NanRule.CUDA])
def test_converted_nans_keep_what_the_rule_keeps(rule):
    arithmetic = Arithmetic(BINARY16, nan=rule)
    nans = np.array([0x7FC0, 0xFF81, 0x7FFF, 0xFF80, 0x7F80])[:, None]
    assert_equal_bits(arithmetic, "from e8m7", nans)
    assert_equal_bits(arithmetic, "to_binary64", np.array([0x7E01, 0xFD01, 0xFFFF])[:, None])


@pytest.mark.parametrize(
    ("dtype", "name"), [("bfloat16", "mul"), ("binary16@round=toward_negative", "add")]
)
def test_compiled_kernels_agree(dtype, name):
    plain, fast = get_scalar(dtype), get_scalar(dtype, fast_kernels=True)
    assert fast == plain
    x = [a[:50_000].copy() for a in operands(plain.format, 2, 0, seed=9)]
    assert np.array_equal(getattr(plain, name)(*x), getattr(fast, name)(*x))
