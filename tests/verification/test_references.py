"""Emulated arithmetic against each reference, and differences that must be found and shown."""

import numpy as np
import pytest

from numlean import get_scalar
from numlean.cli.main import main
from numlean.errors import NumleanError, UnavailableError
from numlean.executors.processes import Processes
from numlean.scalar.operations import BASIC
from numlean.verification import ArithmeticCheck, verify
from numlean.verification.comparison import compare
from numlean.verification.encoding import decode, encode, round_to_even
from numlean.verification.hardware import Hardware
from numlean.verification.nan_rules import nan_result
from numlean.verification.operands import BATCH, all_operands, level_1, operands
from numlean.verification.reference import Choices
from numlean_kernels.formats import BFLOAT16, BINARY16, BINARY32, BINARY64, E4M3, E5M2
from numlean_kernels.ieee import NanRule
from operand_batches import batches_of

HARDWARE = Hardware(BINARY32, Choices())
RULES = [rule.value for rule in NanRule if rule is not NanRule.MAX]
"""The rules of formats that have NaNs."""
MANY = 100_000


@pytest.fixture(autouse=True)
def fewer_operands():
    """Make as many operands as the tests use, not a million."""
    with batches_of(MANY):
        yield


@pytest.mark.parametrize("dtype", ["ieee32exec", "binary64exec"])
@pytest.mark.parametrize("name", BASIC)
def test_many_operands_give_the_bits_of_the_hardware(dtype, name):
    outcome = verify(ArithmeticCheck(dtype, "hardware", seed=1), name, MANY)
    assert outcome.cases == MANY
    assert outcome.first is None
    assert outcome.mismatches == 0


# Each format once; tools/verify_arithmetic compares all combinations of formats and directions.
@pytest.mark.parametrize(
    ("dtype", "mode"),
    [
        ("ieee32exec", "toward_positive"),
        ("binary16", "ties_to_away"),
        ("binary64exec", "toward_zero"),
    ],
)
def test_many_operands_give_the_bits_flags_and_nans_of_softfloat(dtype, mode):
    try:
        comparison = ArithmeticCheck(f"{dtype}@nan=x86,round={mode}", "softfloat")
    except UnavailableError as error:
        pytest.skip(str(error))
    for name in comparison.scalar_and_reference()[1].operations:
        assert verify(comparison, name, 1).first is None, name


# Each direction once, here or with SoftFloat; tools/verify_arithmetic compares all in both formats.
@pytest.mark.parametrize(
    ("dtype", "mode"),
    [
        ("ieee32exec", "ties_to_even"),
        ("binary16", "toward_positive"),
        ("ieee32exec", "toward_negative"),
    ],
)
def test_the_simplest_operands_give_the_bits_and_flags_of_mpfr(dtype, mode):
    comparison = ArithmeticCheck(f"{dtype}@round={mode}", "mpfr", "level 1")
    scalar, reference = comparison.scalar_and_reference()
    for name, arity in BASIC.items():
        x = [a[:: 7 if arity < 3 else 1][:20_000] for a in comparison.batch(arity, 0)]
        assert compare(scalar, reference, name, x).first is None, name


# tools/verify_arithmetic compares every format of 8 bits in every direction and with each option,
# test_small_formats.py some pairs in the interpreter.
@pytest.mark.parametrize(
    "dtype", ["e5m2@round=toward_negative,tininess=before", "e4m3@round=to_odd"]
)
def test_all_pairs_of_8_bit_formats_are_the_rationals_rounded(dtype):
    comparison = ArithmeticCheck(dtype, "rationals", "all")
    for name, arity in BASIC.items():
        if arity < 3:
            assert verify(comparison, name, 1 << 20).first is None, name


def test_the_operations_of_an_8_bit_format_that_are_not_basic_give_the_rationals():
    dtype = "e5m2@round=toward_negative,tininess=before"
    reference = ArithmeticCheck(dtype, "rationals").scalar_and_reference()[1]
    for name in reference.operations.keys() - BASIC.keys():
        arity = reference.operations[name]
        x = [a[:: 1 if arity < 2 else 13] for a in all_operands(E5M2, arity, 0)]
        assert compare(get_scalar(dtype, "python"), reference, name, x).first is None, name


@pytest.mark.parametrize(
    ("dtype", "operands"), [("binary16", "level 2"), ("bfloat16", "level 2"), ("e4m3", "all")]
)
def test_many_pairs_of_narrow_formats_are_binary64_s_rounded(dtype, operands):
    comparison = ArithmeticCheck(dtype, "double", operands)
    for name in ("add", "sub", "mul", "div", "sqrt"):
        assert verify(comparison, name, MANY).first is None, name


def test_a_flipped_bit_is_found_and_shown(monkeypatch, capsys):
    scalar = get_scalar("ieee32exec")
    right = type(scalar).mul

    def wrong(self, x, y):
        z = right(self, x, y)
        z[12345] ^= np.uint32(1)
        return z

    monkeypatch.setattr(type(scalar), "mul", wrong)
    x = operands(BINARY32, 2, batch=0)
    outcome = compare(scalar, HARDWARE, "mul", x)
    assert outcome.mismatches == 1
    assert outcome.first.operands == (int(x[0][12345]), int(x[1][12345]))
    assert outcome.first.expected ^ outcome.first.actual == 1
    assert main(["verify", "arithmetic", "--operation", "mul", "--count", "1", "--jobs", "1"]) == 1
    printed = capsys.readouterr().out
    assert "1 mismatches" in printed
    assert "expected" in printed


def test_a_wrong_flag_is_found_and_shown(capsys):
    # The reference detects underflow after rounding, the Scalar before it.
    scalar = get_scalar("e5m2@tininess=before")
    reference = ArithmeticCheck("e5m2", "rationals").scalar_and_reference()[1]
    outcome = compare(scalar, reference, "mul", all_operands(E5M2, 2, 0))
    assert 0 < outcome.mismatches < 1000
    assert outcome.first.expected == outcome.first.actual
    assert outcome.first.expected_flags ^ outcome.first.actual_flags == 2


def test_several_processes_find_the_same_as_one():
    comparison = ArithmeticCheck("bfloat16", "double", seed=3)
    with batches_of(BATCH):  # as in the other processes
        count = BATCH + 1000  # two batches
        assert verify(comparison, "add", count, executor=Processes(2)) == verify(
            comparison, "add", count
        )


@pytest.mark.parametrize(
    ("dtype", "reference"),
    [
        ("bfloat16", "hardware"),
        ("ieee32exec@round=toward_zero", "hardware"),
        ("binary64exec", "double"),
        ("ieee32exec@round=to_odd", "softfloat"),
        ("e5m2@subnormal=flush", "mpfr"),
        ("binary16", "rationals"),
        ("mp:24", "hardware"),
        ("float32", "nobody"),
    ],
)
def test_a_reference_without_such_an_arithmetic_is_an_error(dtype, reference, capsys):
    with pytest.raises(NumleanError):
        ArithmeticCheck(dtype, reference)
    assert main(["verify", "arithmetic", "--dtype", dtype, "--against", reference]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_operands_are_the_same_for_the_same_seed_and_others_for_another_batch():
    a, again = (operands(BINARY64, 2, batch=3, seed=5) for _ in range(2))
    other = operands(BINARY64, 2, batch=4, seed=5)
    assert all(np.array_equal(x, y) for x, y in zip(a, again, strict=True))
    assert not np.array_equal(a[0], other[0])


def test_operands_reach_every_class_of_number_and_pairs_that_cancel():
    x, y = operands(BINARY32, 2, batch=0)
    magnitude = x & 0x7FFFFFFF
    near = np.abs(magnitude.astype(int) - (y & 0x7FFFFFFF)) < 5
    classes = {
        "zero": magnitude == 0,
        "subnormal": (magnitude > 0) & (magnitude < 0x00800000),
        "infinity": magnitude == 0x7F800000,
        "quiet NaN": magnitude >= 0x7FC00000,
        "signalling NaN": (magnitude > 0x7F800000) & (magnitude < 0x7FC00000),
        "negative": x >> 31 == 1,
        "cancelling": ((x ^ y) >> 31 == 1) & near,
    }
    found = {name: bool(members.sum() > 5) for name, members in classes.items()}
    assert found == dict.fromkeys(classes, True)


def test_level_1_has_every_combination_once_and_all_operands_are_all():
    values = level_1(E4M3)
    x, y = operands(E4M3, 2, batch=0, level=1)
    assert set(zip(x.tolist(), y.tolist(), strict=True)) == {
        (a, b) for a in values.tolist() for b in values.tolist()
    }
    x, y = all_operands(E4M3, 2, 0)
    assert len(set(zip(x.tolist(), y.tolist(), strict=True))) == 1 << 16
    with pytest.raises(IndexError):
        all_operands(E4M3, 2, 1)


@pytest.mark.parametrize("format", [BINARY16, BFLOAT16, E5M2, E4M3], ids=lambda f: f.name)
def test_encodings_are_restored_from_binary64(format):
    every = np.arange(1 << format.width, dtype=format.storage_dtype)
    values = decode(format, every)
    numbers = ~np.isnan(values)
    assert np.array_equal(encode(format, values)[numbers], every[numbers])
    assert np.array_equal(round_to_even(format, values)[numbers], every[numbers])


@pytest.mark.parametrize(("format", "kind"), [(BINARY16, np.float16), (BINARY32, np.float32)])
def test_binary64_is_rounded_as_by_numpy_s_casts(format, kind):
    rng = np.random.default_rng(5)
    wide = rng.integers(0, 1 << 64, 20_000, dtype=np.uint64).view(np.float64)
    near = np.ldexp(rng.standard_normal(20_000), rng.integers(-155, 135, 20_000))
    ties = np.ldexp(
        rng.integers(-8192, 8192, 20_000).astype(float), rng.integers(-155, 125, 20_000)
    )
    x = np.concatenate([wide[~np.isnan(wide)], near, ties, [0.0, -0.0, np.inf, -np.inf]])
    with np.errstate(over="ignore", under="ignore"):
        expected = x.astype(kind).view(format.storage_dtype)
    assert np.array_equal(round_to_even(format, x), expected)


def test_the_nan_of_each_rule_is_that_of_its_written_rule():
    quiet, signalling, one, inf = 0xFFC00005, 0x7F800003, 0x3F800000, 0x7F800000
    default, quieted = 0x7FC00000, signalling | 1 << 22
    cases = [
        ("torchlean", "add", (one, one), default),
        ("torchlean", "add", (one, quiet), quiet),
        ("torchlean", "add", (quiet, signalling), quieted),
        ("torchlean", "sub", (one, quiet), quiet ^ 1 << 31),
        ("x86", "sub", (one, quiet), quiet),
        ("x86", "add", (quiet, signalling), quiet),
        ("x86", "add", (one, one), default | 1 << 31),
        ("arm", "add", (quiet, signalling), quieted),
        ("arm", "fma", (quiet, one, 0x7FC00001), 0x7FC00001),
        ("arm", "fma", (0, inf, quiet), default),
        ("arm", "fma", (0, inf, signalling), quieted),
        ("x86", "fma", (0, inf, quiet), quiet),
        ("riscv", "fma", (0, inf, quiet), default),
        ("canonical", "mul", (quiet, one), default),
        ("cuda", "mul", (quiet, one), 0x7FFFFFFF),
    ]
    for rule, operation, given, expected in cases:
        x = [np.array([bits], np.uint32) for bits in given]
        assert nan_result(BINARY32, Choices(nan=rule), operation, x).tolist() == [expected]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("base", ["e5m2", "e4m3"])
def test_nans_and_flags_of_every_rule_are_compared_with_the_rationals(base, rule):
    dtype = f"{base}@nan={rule}"
    scalar = get_scalar(dtype, "python")
    reference = ArithmeticCheck(dtype, "rationals").scalar_and_reference()[1]
    specials = np.array(
        [0, 0x80, 1, 0x3C, 0x78, 0x7C, 0x7D, 0x7E, 0x7F, 0xFC, 0xFE, 0xFF], np.uint8
    )
    for name, arity in (("fma", 3), ("sub", 2), ("rem", 2), ("maximum", 2), ("min_num", 2)):
        x = [a.ravel() for a in np.meshgrid(*[specials] * arity)]
        assert compare(scalar, reference, name, x).first is None, name


def test_a_nan_with_other_bits_is_found():
    reference = ArithmeticCheck("e5m2@nan=x86", "rationals").scalar_and_reference()[1]
    x = [np.array([0x7C], np.uint8), np.array([0xFC], np.uint8)]
    outcome = compare(get_scalar("e5m2", "python"), reference, "add", x)
    assert (outcome.first.expected, outcome.first.actual) == (0xFE, 0x7E)


@pytest.mark.parametrize("rule", RULES)
def test_zero_times_infinity_plus_a_nan_is_softfloat_s_where_the_rule_does_not_leave_it_open(rule):
    try:
        reference = ArithmeticCheck(f"ieee32exec@nan={rule}", "softfloat").scalar_and_reference()[1]
    except UnavailableError as error:
        pytest.skip(str(error))
    x = [np.array(a, np.uint32) for a in ([0, 0x7F800000], [0x7F800000, 0], [0x7FFFFFFF] * 2)]
    scalar = get_scalar(f"ieee32exec@nan={rule}", "python")
    assert compare(scalar, reference, "fma", x).first is None
    _, raised = scalar.flagged("fma", *x)
    assert raised.tolist() == [16 * (rule in ("arm", "riscv"))] * 2


def test_zero_times_infinity_plus_a_quiet_nan_is_invalid_under_the_rule_of_riscv():
    scalar = get_scalar("ieee32exec@nan=riscv", "python")
    z, raised = scalar.flagged("fma", *(scalar.from_bits([b]) for b in (0, 0x7F800000, 0x7FFFFFFF)))
    assert (z.tolist(), raised.tolist()) == ([0x7FC00000], [16])
