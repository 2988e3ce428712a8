"""Converted NaNs and integers that do not fit, under each NaN rule, as processors have them."""

import math

import numpy as np
import pytest

from numlean import get_scalar
from numlean.testing import ExactArithmetic
from numlean.verification import ArithmeticCheck
from numlean.verification.comparison import compare
from numlean_kernels.ieee import NanRule

RULES = [rule.value for rule in NanRule if rule is not NanRule.MAX]
SPECIALS = np.array(
    [
        0,
        0x80,
        1,
        0x38,
        0xB8,
        0x3C,
        0x41,
        0xC5,
        0x55,
        0x78,
        0x7B,
        0x7C,
        0x7D,
        0x7F,
        0xFB,
        0xFC,
        0xFE,
    ],
    np.uint8,
)
INTEGERS = [f"{kind}{width}" for kind in ("int", "uint") for width in (8, 16, 32, 64)]


def converted(source, result, bits):
    """Return the encoding and the flags of a cast from one dtype to another."""
    given, target = get_scalar(source, "python"), get_scalar(result, "python")
    z, raised = target.flagged(f"from {given.format.key}", given.from_bits([bits]))
    assert target.to_bits(target.cast_from(given, given.from_bits([bits]))).tolist() == z.tolist()
    return int(z[0]), int(raised[0])


# Measured: VCVTPS2PH and VCVTSS2SD of an Intel processor.
@pytest.mark.parametrize(
    ("bits", "half", "double", "flags"),
    [
        (0x7F812345, 0x7E09, 0x7FF82468A0000000, 16),
        (0x7FC12345, 0x7E09, 0x7FF82468A0000000, 0),
        (0xFF812345, 0xFE09, 0xFFF82468A0000000, 16),
        (0x7F800001, 0x7E00, 0x7FF8000020000000, 16),
        (0xFFFFFFFF, 0xFFFF, 0xFFFFFFFFE0000000, 0),
        (0x7FC00000, 0x7E00, 0x7FF8000000000000, 0),
    ],
)
@pytest.mark.parametrize("rule", ["x86", "arm"])
def test_a_converted_nan_keeps_its_sign_and_payload(rule, bits, half, double, flags):
    assert converted("ieee32exec", f"binary16@nan={rule}", bits) == (half, flags)
    assert converted("ieee32exec", f"binary64exec@nan={rule}", bits) == (double, flags)


def test_a_signalling_nan_of_binary16_is_widened_as_by_the_processor():
    assert converted("binary16", "ieee32exec@nan=x86", 0x7D01) == (0x7FE02000, 16)


@pytest.mark.parametrize(
    ("rule", "default"),
    [("torchlean", 0x7E00), ("canonical", 0x7E00), ("riscv", 0x7E00), ("cuda", 0x7FFF)],
)
def test_under_the_other_rules_a_converted_nan_is_the_default_one(rule, default):
    assert converted("ieee32exec", f"binary16@nan={rule}", 0xFF812345) == (default, 16)


def test_a_format_with_a_single_nan_gives_and_takes_no_payload():
    assert converted("ieee32exec", "e4m3@nan=arm", 0xFF812345) == (0x7F, 16)
    assert converted("e4m3", "binary16@nan=arm", 0xFF) == (0x7E00, 0)


@pytest.mark.parametrize(("rule", "default"), [("x86", 0xFE00), ("arm", 0x7E00)])
def test_floats_enter_as_the_default_nan_and_leave_with_their_payloads(rule, default):
    s = get_scalar(f"binary16@nan={rule}", "python")
    given = np.array([0xFFF8_1400_0000_0000, 0x7FF0_0000_0000_0001], np.uint64).view(np.float64)
    assert s.to_bits(s.from_float(given)).tolist() == [default] * 2
    left = s.to_float(s.from_bits([0xFE05, 0x7C01]))
    assert left.view(np.uint64).tolist() == [0xFFF8_1400_0000_0000, 0x7FF8_0400_0000_0000]


# Measured: VCVTTSS2SI and VCVTTSS2USI of an Intel processor, with the flags of MXCSR.
@pytest.mark.parametrize(
    ("value", "int32", "int64", "uint32", "uint64"),
    [
        (1e20, (0x80000000, 16), (1 << 63, 16), (0xFFFFFFFF, 16), ((1 << 64) - 1, 16)),
        (-1e20, (0x80000000, 16), (1 << 63, 16), (0xFFFFFFFF, 16), ((1 << 64) - 1, 16)),
        (math.nan, (0x80000000, 16), (1 << 63, 16), (0xFFFFFFFF, 16), ((1 << 64) - 1, 16)),
        (-1.0, (0xFFFFFFFF, 0), ((1 << 64) - 1, 0), (0xFFFFFFFF, 16), ((1 << 64) - 1, 16)),
        (3e9, (0x80000000, 16), (0xB2D05E00, 0), (0xB2D05E00, 0), (0xB2D05E00, 0)),
        (-3.7, (0xFFFFFFFD, 1), ((1 << 64) - 3, 1), (0xFFFFFFFF, 16), ((1 << 64) - 1, 16)),
        (5e18, (0x80000000, 16), (0x4563918000000000, 0), (0xFFFFFFFF, 16), (0x45639180 << 32, 0)),
    ],
)
def test_integers_that_do_not_fit_are_those_of_the_x86_processor(
    value, int32, int64, uint32, uint64
):
    s = get_scalar("ieee32exec@nan=x86", "python")
    expected = {"int32": int32, "int64": int64, "uint32": uint32, "uint64": uint64}
    for dtype, (bits, flags) in expected.items():
        z, raised = s.flagged(f"to_{dtype} toward_zero", s.from_float([value]))
        assert z.dtype == dtype
        assert (int(z.view(f"uint{8 * z.itemsize}")[0]), int(raised[0])) == (bits, flags), dtype


def test_riscv_clips_and_gives_the_greatest_integer_for_a_nan():
    s = get_scalar("ieee32exec@nan=riscv", "python")
    x = s.from_float([1e20, -1e20, math.nan, -math.inf])
    for dtype in INTEGERS:
        ends = np.iinfo(dtype)
        z, raised = s.flagged(f"to_{dtype} toward_zero", x)
        assert z.tolist() == [ends.max, ends.min, ends.max, ends.min], dtype
        assert raised.tolist() == [16] * 4


@pytest.mark.parametrize("dtype", ["ieee32exec", "binary64exec", "ieee:e11m52", "binary16"])
def test_the_integer_of_a_nan_under_cuda_is_that_of_ptx(dtype):
    s = get_scalar(f"{dtype}@nan=cuda", "python")
    x = s.from_float([math.nan, 1e20, -math.inf])
    for integers in INTEGERS:
        ends = np.iinfo(integers)
        is_high = dtype in ("binary64exec", "ieee:e11m52") or ends.bits == 64
        top = ends.min or 1 << (ends.bits - 1)
        z, raised = s.flagged(f"to_{integers} toward_zero", x)
        assert z.tolist() == [top if is_high else 0, ends.max, ends.min], integers
        assert raised.tolist() == [16] * 3
        model = ExactArithmetic(s.format, nan_rule="cuda")
        assert z[0] == model.compute(f"to_{integers} toward_zero", int(x[0]))[0]


@pytest.mark.parametrize("rule", RULES)
def test_to_int_clips_and_gives_0_for_a_nan_under_every_rule(rule):
    s = get_scalar(f"ieee32exec@nan={rule}", "python")
    x = s.from_float([1e20, -1e20, math.nan])
    assert s.to_int(x, saturate=True, width=32).tolist() == [2**31 - 1, -(2**31), 0]


def test_flagged_integers_keep_their_high_bits():
    e4m3, half = get_scalar("e4m3", "python"), get_scalar("binary16", "python")
    z, raised = e4m3.flagged("to_int32 toward_zero", e4m3.from_float([448.0]))
    assert (z.dtype, z.tolist(), raised.tolist()) == (np.int32, [448], [0])
    z, raised = half.flagged("to_int32 toward_zero", half.from_float([-3.7]))
    assert (z.dtype, z.tolist(), raised.tolist()) == (np.int32, [-3], [1])
    z, _ = half.flagged("to_binary64", half.from_float([-3.75]))
    assert z.view(np.float64).tolist() == [-3.75]
    z, raised = half.flagged("from_uint64", np.array([2**64 - 1, 2049], np.uint64))
    assert (half.to_float(z).tolist(), raised.tolist()) == ([math.inf, 2048.0], [5, 1])
    z, raised = half.flagged("scaleb", half.from_float([1.0, 1.5]), np.array([-25, 3]))
    assert (half.to_float(z).tolist(), raised.tolist()) == ([0.0, 12.0], [3, 0])


@pytest.mark.parametrize(
    "dtype", ["e5m2@nan=x86", "e5m2@nan=riscv", "e4m3@overflow=saturate", "e5m2@subnormal=flush"]
)
def test_conversions_comparisons_and_extrema_are_those_of_the_rationals(dtype):
    s, reference = (
        get_scalar(dtype, "python"),
        ArithmeticCheck(dtype, "rationals").scalar_and_reference()[1],
    )
    for name, arity in reference.operations.items():
        if arity < 3:
            x = [a.ravel() for a in np.meshgrid(*[SPECIALS] * arity)]
            assert compare(s, reference, name, x).first is None, name


def test_compiled_conversions_have_the_bits_of_the_interpreter():
    compiled, usual = (get_scalar("ieee32exec@nan=x86", device) for device in ("cpu", "python"))
    values = [0.0, -0.5, 2.5, -3.7, 127.5, -129.0, 300.0, 2.0**31, -(2.0**63), 3e9, 1e20, -1e20]
    x = usual.from_float([*values, 2.0**64, -(2.0**70) - 3e9, math.inf, -math.inf, math.nan])
    for name in ("to_int64 toward_zero", "to_uint8 ties_to_even wrap", "to_int32 toward_zero wrap"):
        for ours, theirs in zip(compiled.flagged(name, x), usual.flagged(name, x), strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.tolist() == theirs.tolist(), name
