"""Elementary functions in integers against MPFR: all 16-bit operands, and samples of others.

Each function is tried compiled in binary32 and interpreted in a format of 16 bits, some of them
also compiled and at all operands of 16 bits. ``tools/verify_elementary`` runs all combinations of
functions, formats of 16 bits and rounding modes, and all operands of binary32.
"""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest

from numlean import get_scalar
from numlean.scalar.elementary import ARITIES
from numlean.verification.elementary import FUNCTIONS, ElementaryComparison, verify
from numlean.verification.elementary.operands import elementary_operands
from numlean.verification.operands import all_operands
from numlean_kernels.elementary import extended_floats
from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.tables.elementary import UNARY, elementary_routine
from numlean_kernels.targets import get_target
from operand_batches import batches_of

MODES = ("ties_to_even", "ties_to_away", "toward_zero", "toward_positive", "toward_negative")
CORES = ("exp", "exp10", "log2", "tanh", "sin", "asinh", "acos", "rsqrt", "erf", "softplus")
"""One function of each kind."""
EXHAUSTED = ("exp", "log2", "sin", "acos", "atanh")
"""Functions that are compiled in a format of 16 bits, each in another rounding mode."""
KIT = RoutineBuilder(Arithmetic(BINARY64), get_target("python"))


@pytest.fixture
def few_operands():
    """Make thousands of operands, as many as a test uses, not a million."""
    with batches_of(20_000):
        yield


def formats_and_modes():
    """Pair each function of one operand with a format of 16 bits and a rounding mode."""
    for k, name in enumerate(UNARY):
        dtype = ("binary16", "bfloat16")[k % 2]
        yield name, f"{dtype}@round={MODES[(k // 2 + 2 * (k % 2)) % len(MODES)]}"


def flagged(dtype, name, x):
    """Return a function's results and flags in the interpreter."""
    scalar = get_scalar(dtype, "python")
    z, raised = scalar.flagged(name, *(scalar.from_bits(a) for a in x))
    return scalar.to_bits(z), raised


def check_interpreted(dtype, name, x):
    """Compare results and flags in the interpreter, which compiles nothing, with MPFR."""
    function, reference = FUNCTIONS[name], ElementaryComparison(dtype).scalar_and_reference()[1]
    expected = reference.compute(function, x, np.array([], np.int64))
    z, raised = flagged(dtype, name, x)
    assert np.array_equal(z, expected.z)
    assert np.array_equal(raised, expected.raised)


@pytest.mark.parametrize(
    ("name", "dtype"), [pair for pair in formats_and_modes() if pair[0] in EXHAUSTED]
)
def test_all_operands_of_16_bits_give_the_bits_and_flags_of_mpfr(name, dtype):
    findings = verify(ElementaryComparison(dtype, exhaustive=True), name, 1 << 16)
    assert findings.outcome.cases == 1 << 16
    assert findings.outcome.first is None
    assert findings.unsound is None


@pytest.mark.parametrize(("name", "dtype"), list(formats_and_modes()))
def test_every_hundredth_operand_of_16_bits_gives_the_bits_and_flags_of_mpfr(name, dtype):
    check_interpreted(dtype, name, [np.arange(0, 1 << 16, 97, dtype=np.uint16)])


@pytest.mark.parametrize("name", ARITIES)
def test_many_operands_of_binary32_give_the_bits_and_flags_of_mpfr(name, few_operands):
    findings = verify(ElementaryComparison("ieee32exec", seed=11), name, 20_000)
    assert findings.outcome.cases == 20_000
    assert findings.outcome.first is None
    assert findings.unsound is None


def test_pairs_of_a_narrow_format_give_the_bits_and_flags_of_mpfr():
    findings = verify(ElementaryComparison("tf32"), "pow", 1 << 16)
    assert findings.outcome.first is None


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("pow", "e5m2@round=toward_negative"),
        ("pow", "ieee:e2m5@round=toward_positive"),
        ("hypot", "ieee:e2m5"),
        ("hypot", "e4m3@round=toward_zero"),
        ("atan2", "e4m3"),
        ("atan2", "e5m2@round=ties_to_away"),
    ],
)
def test_some_pairs_of_narrow_formats_give_the_bits_and_flags_of_mpfr(name, dtype):
    format = get_scalar(dtype, "python").format
    x = all_operands(format, 2, 0)
    check_interpreted(dtype, name, [a[::29] for a in x])


def test_binary32_s_hardware_has_the_functions_of_its_emulation(few_operands):
    # tools/verify_elementary compares all functions of the hardware with MPFR.
    for name in ARITIES:
        device, count = ("cpu", 20_000) if name in CORES else ("python", 100)
        emulated, hardware = (get_scalar(dtype, device) for dtype in ("ieee32exec", "float32"))
        x = [a[:count] for a in elementary_operands(emulated, FUNCTIONS[name], 0, seed=5)]
        z = getattr(hardware, name)(*map(hardware.from_bits, x))
        assert np.array_equal(hardware.to_bits(z), getattr(emulated, name)(*x)), name


def test_24_bits_without_a_range_give_the_values_of_binary32():
    emulated, unbounded = get_scalar("ieee32exec", "python"), get_scalar("mp:24")
    rng = np.random.default_rng(3)
    for name, arity in ARITIES.items():
        x = [emulated.from_float(rng.uniform(0.01, 0.99, 40)) for _ in range(arity)]
        x = [emulated.add(a, emulated.from_float(1.0)) if name == "acosh" else a for a in x]
        z = getattr(unbounded, name)(*(unbounded.from_exact(emulated.to_exact(a)) for a in x))
        expected = emulated.to_exact(getattr(emulated, name)(*x))
        assert unbounded.to_exact(z).tolist() == expected.tolist(), name


def test_the_interpreter_computes_the_bits_of_compiled_routines(few_operands):
    compiled = get_scalar("ieee32exec")
    for name in ARITIES:
        x = [a[:200] for a in elementary_operands(compiled, FUNCTIONS[name], 0, seed=2)]
        z, flags = compiled.flagged(name, *x)
        expected, expected_flags = flagged("ieee32exec", name, x)
        assert np.array_equal(z, expected), name
        assert np.array_equal(flags, expected_flags), name


def test_stochastic_rounding_has_no_routines_of_its_own():
    arithmetic = Arithmetic(BINARY32, Rounding.STOCHASTIC)
    with pytest.raises(KeyError):
        elementary_routine(RoutineBuilder(arithmetic, get_target("python")), "exp")


# Operations on reals, and the units by which their results may be short.
OPERATIONS = {
    "multiply": (extended_floats.make_multiply, lambda a, b: a * b, 1),
    "add": (extended_floats.make_add, lambda a, b: a + b, 2),
    "subtract": (extended_floats.make_subtract, lambda a, b: a - b, 1),
    "divide": (extended_floats.make_divide, lambda a, b: a / b, 3),
}


def drawn(rng, count):
    """Return reals whose significands are random, of few bits, or next to a power of two."""
    for _ in range(count):
        m = int(rng.integers(1 << 63, 1 << 64, dtype=np.uint64))
        kind = rng.integers(4)
        m = (m, m >> 40 << 40, 1 << 63, (1 << 64) - 1)[kind]
        yield int(rng.integers(-80, 80)), m


def value(e, m):
    return m * Fraction(2) ** (e - 63)


@pytest.mark.parametrize("name", OPERATIONS)
def test_reals_are_cut_by_no_more_than_is_stated(name):
    make, exact, units = OPERATIONS[name]
    routine, rng = make(KIT), np.random.default_rng(7)
    for a, b in zip(drawn(rng, 3000), drawn(rng, 3000), strict=True):
        if name == "subtract":
            a, b = sorted((a, b), reverse=True)
            if value(*a) - value(*b) < 2 * Fraction(2) ** (a[0] - 63):
                continue
        e, m = routine(*a, *b)
        assert 1 << 63 <= m < 1 << 64
        short = exact(value(*a), value(*b)) - value(e, m)
        unit = Fraction(2) ** ((a[0] if name == "subtract" else e) - 63)
        assert 0 <= short < units * unit, (a, b)


def test_square_roots_of_reals_are_cut_by_no_more_than_is_stated():
    routine = extended_floats.make_square_root(KIT)
    for a in drawn(np.random.default_rng(8), 3000):
        e, m = routine(*a)
        assert 1 << 63 <= m < 1 << 64
        # In units of the result: the root, cut, of the real in their squares.
        square = value(*a) / Fraction(4) ** (e - 63)
        assert 0 <= isqrt(int(square)) - m < 4, a
