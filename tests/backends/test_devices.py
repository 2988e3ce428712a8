"""One Scalar on two devices is one arithmetic; hardware and emulation have the same bits."""

import subprocess
import sys

import numpy as np
import pytest

from numlean import get_scalar

COMPILED = ("float32", "float64", "ieee32exec", "binary64exec", "bfloat16", "e4m3")
"""Dtypes of each word and of the hardware. ``numlean verify scalars`` compares all dtypes with
exact rationals in the interpreter, and compiled with ``--device cpu``."""
OPTIONED = ("binary16@round=toward_negative,nan=x86,subnormal=flush,overflow=saturate",)
OPERATIONS = {
    1: ("neg", "abs", "sqrt", "to_float"),
    2: ("add", "sub", "mul", "div", "minimum", "maximum", "min_num", "max_num", "compare", "le"),
    3: ("fma",),
}


def encodings(width, count, seed):
    """Return random encodings, one in four of them an infinity or a NaN of any kind."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 << width, count, dtype=np.uint64, endpoint=False)


def special_encodings(format, count, seed):
    bits = encodings(format.width, count, seed)
    bits[::4] |= np.uint64(((1 << format.exponent_bits) - 1) << format.trailing_bits)
    return bits


FUNCTIONS = ("exp", "tanh")
"""Of one arithmetic on the hardware and one emulated; tests/kernels/elementary compare others."""


@pytest.mark.parametrize("dtype", [*COMPILED, *OPTIONED])
@pytest.mark.parametrize("arity", OPERATIONS)
def test_the_interpreter_and_compiled_kernels_compute_the_same_bits(dtype, arity):
    cpu, python = get_scalar(dtype, "cpu"), get_scalar(dtype, "python")
    operands = [special_encodings(cpu.format, 150, seed) for seed in range(arity)]
    functions = FUNCTIONS if arity == 1 and dtype in ("float32", "ieee32exec") else ()
    for name in (*OPERATIONS[arity], *functions):
        results = []
        for scalar in (cpu, python):
            z = getattr(scalar, name)(*map(scalar.from_bits, operands))
            results.append(scalar.to_bytes(z) if z.dtype == scalar.storage_dtype else z.tobytes())
        assert results[0] == results[1], name


@pytest.mark.parametrize("dtype", COMPILED)
def test_the_interpreter_sums_multiplies_and_converts_as_compiled_kernels_do(dtype):
    results = []
    for device in ("cpu", "python"):
        s = get_scalar(dtype, device)
        rng = np.random.default_rng(7)
        a, b = s.from_float(rng.standard_normal((3, 9))), s.from_float(rng.standard_normal((9, 2)))
        parts = [s.matmul(a, b), s.matmul(a, b, contraction="fma"), s.sum(a, 1)]
        parts += [s.sum(a, reduction="pairwise"), s.from_int(rng.integers(-(2**62), 2**62, 50))]
        parts.append(s.from_float(rng.integers(0, 1 << 64, 200, dtype=np.uint64).view(np.float64)))
        results.append([s.to_bytes(z) for z in parts])
    assert results[0] == results[1]


PAIRS = [("float32", "ieee32exec"), ("float64", "binary64exec")]


@pytest.mark.parametrize(("hardware", "emulated"), PAIRS)
@pytest.mark.parametrize("arity", OPERATIONS)
def test_hardware_has_the_bits_of_the_emulation_nan_payloads_included(hardware, emulated, arity):
    h, e = get_scalar(hardware), get_scalar(emulated)
    operands = [special_encodings(h.format, 20_000, seed) for seed in range(10, 10 + arity)]
    for name in OPERATIONS[arity]:
        x, y = (getattr(s, name)(*map(s.from_bits, operands)) for s in (h, e))
        if x.dtype == h.storage_dtype and name != "to_float":
            x, y = h.to_bits(x), e.to_bits(y)
        assert np.array_equal(x, y, equal_nan=name == "to_float"), name


@pytest.mark.parametrize(("hardware", "emulated"), PAIRS)
def test_sums_and_products_of_nans_have_the_same_payloads(hardware, emulated):
    h, e = get_scalar(hardware), get_scalar(emulated)
    for seed in range(20):
        bits = special_encodings(h.format, 40, seed)
        results = []
        for s in (h, e):
            a, b = s.from_bits(bits[:20].reshape(4, 5)), s.from_bits(bits[20:].reshape(5, 4))
            parts = [s.matmul(a, b), s.matmul(a, b, contraction="fma"), s.sum(a, 0), s.sum(a, 1)]
            parts.append(s.sum(a, reduction="pairwise"))
            results.append([s.to_bits(z).tolist() for z in parts])
        assert results[0] == results[1]


def test_numpy_s_own_binary32_agrees_where_nothing_is_a_nan():
    s = get_scalar("float32")
    bits = encodings(32, 20_000, 3).astype(np.uint32), encodings(32, 20_000, 4).astype(np.uint32)
    x, y = (b.view(np.float32) for b in bits)
    with np.errstate(all="ignore"):
        expected = {"add": x + y, "sub": x - y, "mul": x * y, "div": x / y}
    for name, z in expected.items():
        is_number = ~np.isnan(z)
        ours = s.to_bits(getattr(s, name)(x, y))
        assert np.array_equal(ours[is_number], z.view(np.uint32)[is_number])
        assert np.isnan(s.from_bits(ours[~is_number])).all()


MISSING = """
import sys
sys.modules["softfloat"] = None
from numlean import NumleanError, get_scalar
for _ in range(2):
    try:
        get_scalar("softfloat32")
    except NumleanError as error:
        print(error)
print(get_scalar("float32").name)
"""


def test_a_missing_softfloat_is_an_error_that_names_the_extra_and_affects_no_other_dtype():
    result = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True)
    *errors, name = result.stdout.splitlines()
    assert len(errors) == 2, result.stderr
    assert all("numlean[oracle]" in e and "softfloat32" in e for e in errors)
    assert name == "float32"


def test_softfloat_is_the_emulation_but_for_its_nan_rule():
    pytest.importorskip("softfloat", reason="no oracle extra", exc_type=ImportError)
    oracle, emulated = get_scalar("softfloat32"), get_scalar("ieee32exec@nan=x86")
    operands = [special_encodings(oracle.format, 1500, seed) for seed in (21, 22, 23)]
    for name in ("add", "sub", "mul", "div", "fma", "le", "compare"):
        few = operands if name == "fma" else operands[:2]
        numbers = [getattr(s, name)(*map(s.from_bits, few)) for s in (oracle, emulated)]
        if name not in ("sub", "fma"):  # a NaN's sign and place among three differ
            assert np.array_equal(*numbers), name
        else:
            is_nan = (numbers[1] & 0x7FFFFFFF) > 0x7F800000
            assert np.array_equal(numbers[0][~is_nan], numbers[1][~is_nan])
            assert ((numbers[0][is_nan] & 0x7FFFFFFF) > 0x7F800000).all()


BELOW, ONE = 0x3F7FFFFF, 0x3F800000
MINUS = 0x80000000
DIRECTED = {
    "toward_zero": [BELOW, BELOW, BELOW, BELOW | MINUS],
    "toward_negative": [BELOW, BELOW, BELOW, ONE | MINUS],
    "toward_positive": [ONE, ONE, ONE, BELOW | MINUS],
    "to_odd": [BELOW, BELOW, BELOW, BELOW | MINUS],
}


@pytest.mark.parametrize("rounding", DIRECTED)
def test_directed_roundings_of_tanh_end_however_near_to_one_it_is(rounding):
    s = get_scalar(f"ieee32exec@round={rounding}", "python")
    x = s.from_bits([0x41A00000, 0x49742400, 0x7F7FFFFF, 0xFF7FFFFF])
    assert s.to_bits(s.tanh(x)).tolist() == DIRECTED[rounding]
