"""One rule decides what an infinity becomes, whichever way it comes.

The greatest number under ``overflow=saturate``; otherwise infinity, or the default NaN where the
format has none. Right values are encodings written out in the OCP specification (2023) and IEEE
754-2019, clause 3.4: the greatest numbers are 0x7b (57344), 0x7e (448) and all exponents but one.
"""

from decimal import Decimal

import mpmath
import numpy as np
import pytest

from numlean import Tensor, get_scalar
from numlean.scalar.flags import Flags
from numlean.testing import ExactArithmetic

GREATEST = {
    "e5m2": 0x7B,
    "e4m3": 0x7E,
    "binary16": 0x7BFF,
    "bfloat16": 0x7F7F,
    "ieee32exec": 0x7F7FFFFF,
    "binary64exec": 0x7FEFFFFFFFFFFFFF,
    "ieee:e11m1": 0xFFD,
}
"""The encodings of the greatest numbers."""
INFINITE = {dtype: greatest + 1 for dtype, greatest in GREATEST.items()}
"""What stands for an infinity without saturation: in e4m3 the NaN 0x7f."""


def greatest(s):
    return s.from_bits([s.format.max_finite])


CONVERSIONS = {
    "text": lambda s: s.from_string(["inf"]),
    "long text": lambda s: s.from_string(["+Infinity"]),
    "decimal text": lambda s: s.from_string(["1e99999"]),
    "float": lambda s: s.from_float([np.inf]),
    "narrower float": lambda s: s.from_float(np.array([np.inf], np.float16)),
    "wider float": lambda s: s.from_float(np.array([np.inf], np.longdouble)),
    "decimal": lambda s: s.from_float([Decimal("Infinity")]),
    "integer": lambda s: s.from_float([10**400]),
    "exact value": lambda s: s.from_exact([mpmath.inf]),
    "exact integer": lambda s: s.from_exact([10**400]),
    "callback": lambda s: s.from_host_callback(lambda: [np.inf]),
    "literal": lambda s: (Tensor.of(s, [0.0]) + np.inf).data,
}

OPERATIONS = {
    "division by zero": lambda s: s.div(s.from_float([1.0]), s.from_float([0.0])),
    "sum": lambda s: s.add(greatest(s), greatest(s)),
    "difference": lambda s: s.sub(greatest(s), s.neg(greatest(s))),
    "product": lambda s: s.mul(greatest(s), greatest(s)),
    "quotient": lambda s: s.div(greatest(s), s.from_float([0.25])),
    "fma": lambda s: s.fma(greatest(s), greatest(s), greatest(s)),
    "scaleb": lambda s: s.scaleb(greatest(s), 3),
    "next_up": lambda s: s.next_up(greatest(s)),
    "ordered sum": lambda s: s.sum(np.repeat(greatest(s), 3)).reshape(1),
    "pairwise sum": lambda s: s.sum(np.repeat(greatest(s), 4), reduction="pairwise").reshape(1),
    "matrix product": lambda s: s.matmul(
        np.repeat(greatest(s), 2).reshape(1, 2), np.repeat(greatest(s), 2).reshape(2, 1)
    ).reshape(1),
    "mean": lambda s: (Tensor(s, np.repeat(greatest(s), 3)).sum() / 1.0).data.reshape(1),
    "exp": lambda s: s.exp(greatest(s)),
    "exp2": lambda s: s.exp2(greatest(s)),
    "exp10": lambda s: s.exp10(greatest(s)),
    "expm1": lambda s: s.expm1(greatest(s)),
    "sinh": lambda s: s.sinh(greatest(s)),
    "cosh": lambda s: s.cosh(s.neg(greatest(s))),
    "pole of log": lambda s: s.neg(s.log(s.from_float([0.0]))),
    "pole of log2": lambda s: s.neg(s.log2(s.from_float([-0.0]))),
    "pole of log10": lambda s: s.neg(s.log10(s.from_float([0.0]))),
    "pole of log1p": lambda s: s.neg(s.log1p(s.from_float([-1.0]))),
    "pole of atanh": lambda s: s.atanh(s.from_float([1.0])),
    "pole of rsqrt": lambda s: s.rsqrt(s.from_float([0.0])),
    "pole of pow": lambda s: s.pow(s.from_float([0.0]), s.from_float([-1.0])),
    "overflow of pow": lambda s: s.pow(greatest(s), s.from_float([2.0])),
    "hypot": lambda s: s.hypot(greatest(s), greatest(s)),
    "pole of logb": lambda s: s.neg(s.logb(s.from_float([0.0]))),
}

INFINITE_OPERANDS = {
    **{name: lambda s, x, name=name: getattr(s, name)(x) for name in ("exp", "log", "sqrt")},
    **{name: lambda s, x, name=name: getattr(s, name)(x) for name in ("cbrt", "softplus", "logb")},
    "add": lambda s, x: s.add(x, s.from_float([1.0])),
    "mul": lambda s, x: s.mul(x, s.from_float([0.5])),
    "div": lambda s, x: s.div(x, s.from_float([2.0])),
    "fma": lambda s, x: s.fma(x, x, x),
    "pow": lambda s, x: s.pow(x, s.from_float([0.5])),
    "hypot": lambda s, x: s.hypot(x, s.from_float([np.nan])),
    "scaleb": lambda s, x: s.scaleb(x, -1),
    "round_to_integral": lambda s, x: s.round_to_integral(x),
    "next_up": lambda s, x: s.next_up(x),
    "sum": lambda s, x: s.sum(x).reshape(1),
    "matmul": lambda s, x: s.matmul(x.reshape(1, 1), s.from_float([[1.0]])).reshape(1),
}


def nan_without_sign(s, x):
    """Return encodings, with one sign for NaNs: neg flips the sign of a NaN, too."""
    is_nan = ~s.eq(x, x)
    return np.where(is_nan, s.to_bits(x) & s.format.magnitude_mask, s.to_bits(x)).tolist()


@pytest.mark.parametrize("dtype", GREATEST)
def test_every_way_in_gives_the_greatest_number_under_saturation(dtype):
    s = get_scalar(f"{dtype}@overflow=saturate", "python")
    for way, compute in (CONVERSIONS | OPERATIONS).items():
        assert s.to_bits(compute(s)).tolist() == [GREATEST[dtype]], way


@pytest.mark.parametrize("dtype", GREATEST)
def test_every_way_in_gives_infinity_or_the_default_nan_without_saturation(dtype):
    s = get_scalar(dtype, "python")
    for way, compute in (CONVERSIONS | OPERATIONS).items():
        assert nan_without_sign(s, compute(s)) == [INFINITE[dtype]], way


@pytest.mark.parametrize("dtype", GREATEST)
def test_negative_infinities_enter_alike(dtype):
    ways = {
        "text": lambda s: s.from_string(["-inf"]),
        "float": lambda s: s.from_float([-np.inf]),
        "decimal": lambda s: s.from_float([Decimal("-Infinity")]),
        "integer": lambda s: s.from_float([-(10**400)]),
        "exact value": lambda s: s.from_exact([-mpmath.inf]),
        "division": lambda s: s.div(s.from_float([-1.0]), s.from_float([0.0])),
        "pole": lambda s: s.log(s.from_float([0.0])),
    }
    for option, ends in (("overflow=saturate", GREATEST), ("overflow=infinite", INFINITE)):
        s = get_scalar(f"{dtype}@{option}", "python")
        minus = 0 if ends[dtype] > s.format.max_number else s.format.sign_mask
        found = {way: s.to_bits(compute(s)).tolist() for way, compute in ways.items()}
        assert found == {way: [ends[dtype] | minus] for way in ways}, option


@pytest.mark.parametrize("mode", ["toward_zero", "toward_positive", "toward_negative", "to_odd"])
def test_an_infinity_that_enters_is_not_rounded(mode):
    s = get_scalar(f"e5m2@round={mode}", "python")
    for way in ("text", "float", "wider float", "decimal", "exact value", "literal"):
        assert s.to_bits(CONVERSIONS[way](s)).tolist() == [0x7C], way
    saturating = get_scalar(f"e5m2@round={mode},overflow=saturate", "python")
    for way, compute in CONVERSIONS.items():
        assert saturating.to_bits(compute(saturating)).tolist() == [0x7B], way


def test_stochastic_arithmetic_saturates_alike():
    s = get_scalar("e5m2@round=stochastic,overflow=saturate", "python")
    for way in ("text", "float", "decimal", "exact value", "literal"):
        assert s.to_bits(CONVERSIONS[way](s)).tolist() == [0x7B], way
    for way in ("division by zero", "sum", "product", "scaleb", "pole of log"):
        assert s.to_bits(OPERATIONS[way](s)).tolist() == [0x7B], way


@pytest.mark.parametrize("dtype", [d for d in GREATEST if d != "e4m3"])
def test_an_infinity_taken_as_an_encoding_stays_until_an_operation_rounds(dtype):
    s = get_scalar(f"{dtype}@overflow=saturate", "python")
    infinity = s.from_bits([INFINITE[dtype]])
    assert s.to_bits(infinity).tolist() == [INFINITE[dtype]]
    one = s.from_float([1.0])
    for moved in (s.abs(s.neg(infinity)), s.maximum(one, infinity), s.copy(infinity)):
        assert s.to_bits(moved).tolist() == [INFINITE[dtype]]
    for name, compute in INFINITE_OPERANDS.items():
        assert s.to_bits(compute(s, infinity)).tolist() == [GREATEST[dtype]], name
    assert s.eq(s.sub(infinity, infinity), infinity).tolist() == [False]  # invalid: a NaN


@pytest.mark.parametrize("dtype", ["ieee32exec", "binary64exec", "e5m2"])
def test_the_greatest_number_is_no_infinity_for_the_hypotenuse(dtype):
    s = get_scalar(f"{dtype}@overflow=saturate", "python")
    z = s.hypot(greatest(s), s.from_float([np.nan]))  # clause 9.2.1: infinite only for infinities
    assert s.eq(z, z).tolist() == [False]


def test_saturation_leaves_the_flags_as_they_are():
    for option in ("infinite", "saturate"):
        s, flags = get_scalar(f"e5m2@overflow={option}", "python"), Flags()
        s.div(s.from_float([1.0]), s.from_float([0.0]), flags=flags)
        s.mul(greatest(s), greatest(s), flags=flags)
        s.log(s.from_float([0.0]), flags=flags)
        assert (flags.divide_by_zero, flags.overflow, flags.inexact) == (2, 1, 1)


@pytest.mark.parametrize("dtype", ["e5m2", "e4m3"])
def test_all_results_of_a_saturating_format_are_those_of_exact_rationals(dtype):
    s = get_scalar(f"{dtype}@overflow=saturate", "python")
    exact = ExactArithmetic(s.format, overflow="saturate")
    x = s.from_bits([b for b in range(256) if not exact.is_nan(b)])
    for name, compute in (
        ("next_up", s.next_up),
        ("next_down", s.next_down),
        ("logb", s.logb),
        ("sqrt", lambda x: s.sqrt(s.abs(x))),
        ("round_to_integral ties_to_even", s.round_to_integral),
    ):
        given = s.abs(x) if name == "sqrt" else x
        expected = [exact.compute(name, b)[0] for b in s.to_bits(given).tolist()]
        assert s.to_bits(compute(x)).tolist() == expected, name
        assert not any(map(exact.is_infinite, expected)), name


@pytest.mark.parametrize("rule", ["torchlean", "canonical", "x86", "arm", "riscv", "cuda"])
@pytest.mark.parametrize("dtype", ["ieee32exec", "e5m2", "e4m3", "binary64exec"])
def test_a_nan_enters_as_the_nan_of_an_invalid_operation(dtype, rule):
    s = get_scalar(f"{dtype}@nan={rule}", "python")
    zero = s.from_float([0.0])
    expected = s.to_bits(s.div(zero, zero)).tolist()
    for way in (
        s.from_string(["nan"]),
        s.from_float([np.nan]),
        s.from_float([Decimal("NaN")]),
        s.from_exact([mpmath.nan]),
        s.log(s.from_float([-1.0])),
    ):
        assert s.to_bits(way).tolist() == expected
