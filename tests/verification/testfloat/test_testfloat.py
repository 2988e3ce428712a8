"""Lines of TestFloat: checked, generated and refused, and generated ones against SoftFloat."""

import ctypes
import io
import itertools
import sys

import numpy as np
import pytest

from numlean.cli.main import main
from numlean.errors import NumleanError, UnavailableError
from numlean.testing import ExactArithmetic
from numlean.verification.softfloat import library
from numlean.verification.testfloat import (
    BadLineError,
    CaseChecker,
    Conditions,
    function_named,
    generated_lines,
    operand_lines,
    read_cases,
    type_named,
)
from numlean.verification.testfloat import functions as testfloat_functions
from numlean.verification.testfloat import modes as testfloat_modes
from numlean.verification.testfloat.checking import show_flags, show_number
from numlean_kernels.targets.python import PythonTarget
from operand_batches import batches_of


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """Compute in the interpreter, on few operands: nothing is compiled."""
    usual = testfloat_functions.get_scalar
    monkeypatch.setattr(testfloat_functions, "get_scalar", lambda name: usual(name, "python"))
    with batches_of(2000):
        yield


@pytest.fixture
def testfloat(monkeypatch, capsys):
    def run(*options, lines=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        status = main(["testfloat", *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_right_lines_pass_and_wrong_ones_are_reported_in_testfloat_s_manner(testfloat):
    right = b"3F800000 3F800000 40000000 00\n7F7FFFFF 7F7FFFFF 7F800000 05\n"
    status, out, _ = testfloat("f32_add", lines=right)
    assert status == 0
    assert "In 2 tests, no errors found in f32_add, rounding near_even." in out
    status, out, _ = testfloat("f32_add", "-rminMag", lines=right)
    assert status == 1
    assert (
        "Errors found in f32_add, rounding minMag:\n"
        "+FE.7FFFFF  +FE.7FFFFF  => +FF.000000 ..o.x  expected +FE.7FFFFF ..o.x\n"
    ) in out
    assert "2 tests performed; 1 errors found." in out


def test_a_wrong_flag_alone_is_an_error_and_errors_stop_the_check(testfloat):
    lines = b"3F800000 3F800000 40000000 01\n" * 30
    status, out, _ = testfloat("f32_add", lines=lines)
    assert (status, out.count("=>")) == (1, 20)
    assert testfloat("f32_add", "-errors", "3", lines=lines)[1].count("=>") == 3
    assert testfloat("f32_add", "-errors", "0", lines=lines)[1].count("=>") == 30


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"3F800000 3F800000 40000000 00\nzz\n", "line 2 has 1 fields, expected 4: 'zz'"),
        (b"3F800000 3F800000 40000000 0G\n", "line 1: '0G' is not a hexadecimal number of 8 bits"),
        (b"1 2 3 4\n123456789 0 0 0\n", "line 2: '123456789' is not a hexadecimal number of 32"),
        (b"\n", "line 1 has 0 fields"),
        (b"1 2 3 -4\n", "line 1: '-4' is not"),
        (b"\xff\x1b[2J 1 2 3\n", "line 1: "),
        (b"0 0 0 0\n" + b"1" * 5000, "line 2 has more than 4096 characters"),
    ],
)
def test_a_bad_line_is_one_line_with_its_number_and_status_2(testfloat, lines, message):
    status, _, err = testfloat("f32_add", lines=lines)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_lines_of_any_spacing_and_case_are_read(testfloat):
    lines = b"3f800000\t3F800000  40000000 0\r\n1 0 1 0"
    assert testfloat("f32_add", lines=lines)[0] == 0


def test_many_chunks_are_read_with_the_numbers_of_their_lines(monkeypatch):
    monkeypatch.setattr("numlean.verification.testfloat.lines._CHUNK", 64)
    function = function_named("f16_add")
    data = b"3C00 3C00 4000 00\n" * 20 + b"3C00 3C00 4001 00\n" + b"1 0 1 0\n" * 3
    checker = CaseChecker(function)
    found = [
        finding
        for line, columns in read_cases(io.BytesIO(data), checker.fields)
        for finding in checker.check(line, columns)
    ]
    assert (checker.tests, checker.errors, [each.line for each in found]) == (24, 1, [21])
    with pytest.raises(BadLineError, match="line 25"):
        list(read_cases(io.BytesIO(data + b"x\n"), checker.fields))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("f32_mulAdd", b"00000000 7F800000 7FFFFFFF 7FC00000 10\n"),
        ("f32_mulAdd", b"00000000 7F800000 7FFFFFFF 7FFFFFFF 00\n"),
        ("f32_add", b"7F800001 00000000 FFC12345 10\n"),
        ("f32_to_i32", b"7F800000 7FFFFFFF 10\n"),
        ("f32_to_ui32", b"BF800000 00000000 10\n"),
    ],
)
def test_what_the_standard_leaves_open_may_differ_unless_it_is_asked_for(testfloat, name, line):
    assert testfloat(name, lines=line)[0] == 0
    strict = ("--nan", "x86", "-checkNaNs", "-checkInvInts")
    expected = 0 if b"7FFFFFFF 7FFFFFFF" in line else 1
    assert testfloat(name, *strict, lines=line)[0] == expected


@pytest.mark.parametrize("line", [b"7F800000 7FFFFFFF 00\n", b"7F800000 00001234 10\n"])
def test_an_invalid_conversion_needs_its_flag_and_a_usual_integer(testfloat, line):
    assert testfloat("f32_to_i32", lines=line)[0] == 1


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("f32_to_i32", ("-rmax", "-exact"), b"3F800001 00000002 01\n"),
        ("f32_to_i32_rx_max", (), b"3F800001 00000002 01\n"),
        ("f32_to_i32_r_max", (), b"3F800001 00000002 00\n"),
        ("f32_to_i64", ("-rminMag",), b"C07FFFFF FFFFFFFFFFFFFFFD 00\n"),
        ("f32_roundToInt", ("-rodd", "-exact"), b"40200000 40400000 01\n"),
        ("f32_roundToInt_x", (), b"40200000 40000000 01\n"),
        ("f32_roundToInt", (), b"40200000 40000000 00\n"),
        ("f32_lt", (), b"7FC00000 00000000 0 10\n"),
        ("f32_lt_quiet", (), b"7FC00000 00000000 0 00\n"),
        ("f32_eq", (), b"7FC00000 00000000 0 00\n"),
        ("f32_eq", (), b"7F800001 00000000 0 10\n"),
        ("f32_eq_signaling", (), b"80000000 00000000 1 00\n"),
        ("f32_to_f16", ("--nan", "x86", "-checkNaNs"), b"7F812345 7E09 10\n"),
        ("f16_to_f64", (), b"3C00 3FF0000000000000 00\n"),
        ("ui64_to_f16", (), b"FFFFFFFFFFFFFFFF 7C00 05\n"),
        ("i32_to_f16", (), b"FFFFF7FF E800 01\n"),
        ("f32_mul", ("-tininessbefore",), b"00FFFFFF 3F000000 00800000 03\n"),
        ("f32_mul", ("-tininessafter",), b"00FFFFFF 3F000000 00800000 03\n"),
        ("f_add", ("--dtype", "bfloat16"), b"3F80 3F80 4000 00\n"),
        ("add", ("--dtype", "ieee:e3m2"), b"0C 0C 10 00\n"),
        ("f_to_f32", ("--dtype", "e4m3"), b"38 3F800000 00\n"),
        ("i64_to_f", ("--dtype", "e4m3"), b"00000000000001C0 7E 00\n"),
        ("f32_add", ("--dtype", "ieee32exec@subnormal=flush"), b"00000001 00000000 00000000 00\n"),
    ],
)
def test_functions_roundings_and_formats(testfloat, name, options, line):
    status, out, err = testfloat(name, *options, lines=line)
    assert status == 0, out + err


def test_every_function_of_testfloat_on_16_to_64_bits_has_every_option():
    floats, integers = ("f16", "f32", "f64"), ("ui32", "ui64", "i32", "i64")
    operations = ("add", "sub", "mul", "mulAdd", "div", "rem", "sqrt", "roundToInt")
    comparisons = ("eq", "le", "lt", "eq_signaling", "le_quiet", "lt_quiet")
    names = [f"{a}_{name}" for a in floats for name in (*operations, *comparisons)]
    names += [f"{a}_to_{b}" for a in floats for b in (*integers, *floats) if a != b]
    names += [f"{a}_to_{b}" for a in integers for b in floats]
    for name in names:
        for rounding in testfloat_functions.ROUNDINGS:
            function = function_named(name, rounding=rounding, tininess="before", is_exact=True)
            x = [np.zeros(1, kind.storage) for kind in function.operands]
            z, raised = function.compute(x)
            assert (z.dtype, raised.shape) == (function.result.storage, (1,)), name


def test_check_all_compares_nans_and_integers_of_invalid_conversions(testfloat):
    for name, line in (("f32_add", b"7F800001 00000000 FFC12345 10\n"),):
        assert testfloat(name, lines=line)[0] == 0
        assert testfloat(name, "-checkAll", "--nan", "canonical", lines=line)[0] == 1
    line = b"7F800000 80000000 10\n"
    assert testfloat("f32_to_i32", lines=line)[0] == 0
    assert testfloat("f32_to_i32", "-checkAll", "--nan", "riscv", lines=line)[0] == 1


def test_a_prefix_is_a_line_before_those_that_are_generated(testfloat):
    status, out, _ = testfloat("f16", "--generate", "-n", "2", "-prefix", "f16 cases")
    assert (status, len(out.splitlines()), out.splitlines()[0]) == (0, 3, "f16 cases")


@pytest.mark.parametrize(
    "name", ["f16_mulAdd", "f32_to_f16", "f16_roundToInt", "i32_to_f16", "f16_to_ui32"]
)
def test_one_kernel_checks_every_mode(monkeypatch, name):
    launched = []
    usual = testfloat_modes.kernel_for

    def counted(target, loop, table):
        launched.append((loop, table))
        return usual(target, loop, table)

    monkeypatch.setattr(testfloat_modes, "kernel_for", counted)
    choices = [("near_even", "after", "x86"), ("min", "before", "arm"), ("odd", "after", "riscv")]
    for rounding, tininess, nan in choices:
        function = function_named(name, rounding=rounding, tininess=tininess, nan=nan)
        fields = (*function.operands, function.result, testfloat_functions.Number(8))
        with monkeypatch.context() as patched:
            patched.setattr(PythonTarget, "compiles", True)
            lines = b"".join(generated_lines(function, 2, 100, 3))
        checker = CaseChecker(function, Conditions(checks_nans=True, nan=nan))
        ((_, columns),) = read_cases(io.BytesIO(lines), fields)
        assert [each.text for each in checker.check(1, columns)] == []
    assert len(launched) == len(choices)
    assert len(set(launched)) == 1


def test_comparisons_need_no_kernel_for_each_mode():
    other = function_named("f32_lt", rounding="min", tininess="before", nan="x86")
    assert other.scalar.table is function_named("f32_lt").scalar.table


def test_unknown_functions_and_misuse_are_one_line(testfloat):
    for options in (
        ("f32_ad",),
        ("f128_add",),
        ("add",),
        ("f32_to_f32",),
        ("f32_add", "--dtype", "mp:20"),
        ("f32_add", "--dtype", "e4m3"),
        ("f32_add", "--nan", "intel"),
        ("f32_add", "-errors", "-1"),
        ("f32", "--generate", "-n", "0"),
    ):
        status, _, err = testfloat(*options)
        assert (status, err.count("\n")) == (2, 1), options
    assert "f32_add" in testfloat("f32_ad")[2]


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize(
    "name",
    ["f16_sub", "f16_mulAdd", "f16_lt", "f16_to_i32", "ui32_to_f16", "f32_to_f16", "f64_rem"],
)
def test_generated_lines_pass_the_check(testfloat, name, level):
    made = testfloat(name, "--generate", f"-level={level}", "-n", "500", "-seed", "7")
    count = made[1].count("\n")
    assert made[0] == 0
    assert count == 500 if level == 2 else 200 < count <= 500
    again = testfloat(name, "--generate", f"-level={level}", "-n", "500", "-seed", "7")
    assert made == again
    status, out, _ = testfloat(name, "--nan", "torchlean", "-checkNaNs", lines=made[1].encode())
    assert (status, f"In {count} tests" in out) == (0, True)


def test_generated_results_are_the_rationals():
    function = function_named("f_mul", dtype="e5m2", rounding="max")
    model = ExactArithmetic(function.scalar.format, "toward_positive")
    lines = b"".join(generated_lines(function, 1, None, 0)).decode().splitlines()
    assert len(set(lines)) == len(lines) > 1000
    for line in lines[::7]:
        a, b, z, flags = (int(field, 16) for field in line.split())
        expected, raised = model.compute("mul", a, b)
        assert flags == raised
        assert z == expected or (model.is_nan(z) and model.is_nan(expected))


def test_operands_alone_and_lines_without_end():
    (kind,) = (type_named("i32"),)
    values = b"".join(operand_lines((kind,), 1, None, 0)).split()
    assert {b"00000000", b"FFFFFFFF", b"80000000", b"7FFFFFFF"} <= set(values)
    endless = operand_lines((type_named("f16"),), 2, None, 0)
    assert sum(part.count(b"\n") for part in itertools.islice(endless, 3)) == 6000


def test_numbers_and_flags_are_shown_as_testfloat_shows_them():
    shown = {"f16": (0xFBFF, "-1E.3FF"), "f32": (1, "+00.000001"), "i32": (0xFFFFFFFF, "FFFFFFFF")}
    for name, (bits, text) in shown.items():
        assert show_number(type_named(name), bits) == text
    assert show_number(type_named("f64"), 0x3FF << 52) == "+3FF.0000000000000"
    assert [show_flags(flags) for flags in (0, 31, 3, 16)] == [".....", "vioux", "...ux", "v...."]


@pytest.mark.parametrize(
    "name", ["f32_add", "f32_mulAdd", "f32_le", "f32_lt_quiet", "f32_eq_signaling", "f32_to_f16"]
)
def test_generated_lines_are_softfloat_s(name):
    try:
        softfloat = library()
    except UnavailableError as error:
        pytest.skip(str(error))
    function = function_named(name, nan="x86")
    call, flags = (
        getattr(softfloat, name),
        ctypes.c_uint8.in_dll(softfloat, "softfloat_exceptionFlags"),
    )
    words = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32}
    call.argtypes = [words[kind.storage.itemsize] for kind in function.operands]
    call.restype = words[function.result.storage.itemsize]
    ctypes.c_uint8.in_dll(softfloat, "softfloat_roundingMode").value = 0
    ctypes.c_uint8.in_dll(softfloat, "softfloat_detectTininess").value = 1
    made = b"".join(generated_lines(function, 2, 1000, 3))
    checker = CaseChecker(function, Conditions(checks_nans=True))
    ((_, columns),) = read_cases(io.BytesIO(made), checker.fields)
    results, raised = [], []
    for operands in zip(*(column.tolist() for column in columns[:-2]), strict=True):
        flags.value = 0
        results.append(call(*operands))
        raised.append(flags.value)
    theirs = [np.array(results, columns[-2].dtype), np.array(raised, np.uint8)]
    assert [each.text for each in checker.check(1, [*columns[:-2], *theirs])] == []


def test_no_lines_at_all_are_an_error_and_not_a_success(testfloat):
    status, out, err = testfloat("f32_add", lines=b"")
    assert (status, err.count("\n")) == (2, 1)
    assert "no errors" not in out


def test_closed_standard_input_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["testfloat", "f32_add"]) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_a_dtype_without_flags_is_refused():
    with pytest.raises(NumleanError, match="emulated"):
        function_named("add", dtype="float32")
