"""Fast phases in hardware floats: their errors are below the bounds, and their results right."""

from functools import cache

import mpmath
import numpy as np
import pytest

from numlean import Flags, get_scalar
from numlean.verification.elementary import FUNCTIONS
from numlean.verification.elementary.operands import elementary_operands
from numlean_kernels.elementary.hardware import (
    PHASES,
    FloatBuilder,
    exponential,
    logarithm,
    trigonometric,
)
from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.loops.elementwise import elementwise, flagged
from numlean_kernels.protocol import Loop, Table, kernel_for
from numlean_kernels.tables.elementary import BINARY
from numlean_kernels.targets import get_target
from operand_batches import batches_of

CPU = get_target("cpu")
DTYPES = {BINARY64: np.float64, BINARY32: np.float32}
CASES = [(format, name) for format in PHASES for name in PHASES[format]]
COMPILED = {
    *((BINARY64, name) for name in ("exp", "expm1", "sinh", "cosh", "tanh", "sin", "tan")),
    (BINARY32, "pow"),
}
"""The phases that a test runs by itself. All run in the functions of ``float64`` and ``float32``,
which are compared with MPFR."""


@cache
def builder():
    return FloatBuilder(CPU)


def parts_of(make, x, *, count, first=0):
    """Return ``count`` numbers that a routine of one operand returns, from the first on."""
    routine = builder().routine(make)
    last = first + count

    def make_kernel(table):
        routine = table["f"]

        def kernel(start, stop, x, z):
            for i in range(start, stop):
                parts = routine(x[i])[first:last]
                for k in range(count):
                    z[i, k] = parts[k]

        return kernel

    z = np.empty((len(x), count))
    loop = Loop(f"parts of {make.__name__}", rank=1, make=make_kernel)
    table = Table(f"parts of {make.__qualname__} {first}", 0.0, {"f": routine}.__getitem__)
    kernel_for(CPU, loop, table)((len(x),), x, z)
    return z


def worst(parts, x, real):
    """Return the greatest relative error of the sums of parts."""
    with mpmath.workprec(300):
        sums = [sum(map(mpmath.mpf, row)) for row in parts.tolist()]
        values = [real(mpmath.mpf(a)) for a in x.tolist()]
        errors = [abs((s - y) / y) if y else abs(s) for s, y in zip(sums, values, strict=True)]
        return float(max(errors))


def spread(rng, first, last, count=300):
    """Return numbers of all magnitudes between two, and numbers next to steps of reductions."""
    return np.exp(rng.uniform(np.log(first), np.log(last), count))


def test_powers_are_within_their_bound():
    rng = np.random.default_rng(1)
    step = np.log(2) / 512
    near_steps = rng.integers(-1000, 1000, 300) * step / 2 * (1 + rng.normal(size=300) * 2**-40)
    x = np.concatenate([spread(rng, 2.0**-60, 708), -spread(rng, 2.0**-60, 708), near_steps])
    scaled = parts_of(exponential.make_exponential, x, count=2, first=1)

    def real(a):
        steps = int(mpmath.nint(a * 512 / mpmath.log(2)))
        return mpmath.ldexp(mpmath.exp(a), -(steps // 512))

    assert worst(scaled, x, real) < exponential.EXP_ERROR / 2


def test_differences_from_one_are_within_their_bound():
    rng = np.random.default_rng(2)
    steps = np.arange(1, 600) * (np.log(2) / 1024)
    x = np.concatenate([spread(rng, 2.0**-80, 40), steps * (1 + rng.normal(size=599) * 2**-30)])
    parts = parts_of(exponential.make_difference, x, count=2)
    assert worst(parts, x, mpmath.expm1) < exponential.DIFFERENCE_ERROR * 0.8


def test_logarithms_are_within_their_bound():
    rng = np.random.default_rng(3)
    near_one = 1 + np.ldexp(rng.normal(size=400), rng.integers(-50, -1, 400))
    x = np.concatenate(
        [np.abs(near_one), spread(rng, 2.0**-1022, 1e308), 1 + np.arange(-9, 9) / 512]
    )
    x = x[x != 1]
    parts = parts_of(logarithm.make_natural, x, count=2)
    assert worst(parts, x, mpmath.log) < logarithm.LOG_ERROR / 2


def test_sines_are_within_their_bound():
    rng = np.random.default_rng(4)
    turns = rng.integers(1, 1 << 17, 200) * np.pi / 2 * (1 + rng.normal(size=200) * 2**-40)
    x = np.concatenate([spread(rng, 2.0**-60, 2.0**18), -turns, rng.uniform(-10, 10, 400)])
    parts = parts_of(trigonometric.SINE, x, count=2, first=1)
    assert worst(parts, x, mpmath.sin) < trigonometric.SINE_ERROR * 0.8
    near_quarters = parts_of(trigonometric.COSINE, turns, count=2, first=1)
    assert worst(near_quarters, turns, mpmath.cos) < trigonometric.SINE_ERROR * 0.8


def test_pieces_of_logarithms_have_factors_near_the_reciprocals():
    factors, uppers, lowers = logarithm.tables()
    x = np.linspace(0.7042, 1.4081, 100_000)
    places = (x.view(np.uint64) - np.uint64(0x3FE6880000000000)) >> np.uint64(44)
    residue = x * factors[places] - 1
    assert np.abs(residue).max() < 2.0**-8.9
    distinct = uppers[uppers != 0]
    assert np.all(np.ldexp(uppers, 42) == np.rint(np.ldexp(uppers, 42)))
    assert np.abs(distinct).min() > 2.0**-9.1
    assert np.all(np.abs(uppers[places]) >= np.abs(residue) * (uppers[places] != 0))
    assert np.abs(lowers).max() < 2.0**-42


def test_sines_of_the_table_are_zero_or_twice_the_greatest_residue():
    sines, _ = trigonometric.sine_table()
    assert np.count_nonzero(sines == 0) == 2
    assert np.abs(sines[sines != 0]).min() > np.pi / 512 * 1.99


def operands(format, name, count, seed):
    """Return operands at and near special values, and ordinary ones, as floats."""
    scalar = get_scalar(DTYPES[format].__name__)
    with batches_of(count):
        codes = elementary_operands(scalar, FUNCTIONS[name], 0, seed)
    rng = np.random.default_rng(seed)
    found = []
    for k, row in enumerate(codes):
        ordinary = rng.normal(size=count) * (1, 30)[k % 2]
        ordinary = np.abs(ordinary) if name in ("log", "log2", "log10", "pow") else ordinary
        scaled = np.ldexp(ordinary, rng.integers(-60, 6, count))
        parts = (
            scalar.from_bits(row),
            ordinary.astype(DTYPES[format]),
            scaled.astype(DTYPES[format]),
        )
        found.append(np.concatenate(parts))
    return found


@pytest.mark.parametrize(("format", "name"), sorted(COMPILED, key=str))
def test_certain_results_are_those_of_the_accurate_phase(format, name):
    scalar, x = get_scalar(DTYPES[format].__name__), operands(format, name, 4000, seed=5)
    accurate = scalar.table[f"accurate {name}"]
    arity = 2 if name in BINARY else 1
    routine = scalar.table[f"fast {name}"]
    table = Table(f"accurate {format.name} {name}", scalar.table.zero, {"f": accurate}.__getitem__)
    expected = np.empty_like(x[0])
    kernel_for(CPU, elementwise("f", arity), table)(expected.shape, *x, expected)
    certain, z = np.empty(x[0].shape, np.uint64), np.empty_like(x[0])
    pair = Table(
        f"fast {format.name} {name}", scalar.table.zero, {"flagged f": routine}.__getitem__
    )
    # The parts of the pair are stored in place of a result and its flags.
    kernel_for(CPU, flagged("f", arity), pair)(z.shape, *x, z, certain)
    is_certain = certain.astype(bool)
    different = scalar.to_bits(z) != scalar.to_bits(expected)
    assert not np.any(is_certain & different)
    ordinary = is_certain[len(is_certain) - 8000 :]
    assert ordinary.mean() > 0.97


@pytest.mark.parametrize(("format", "name"), CASES)
def test_functions_are_those_of_the_integer_routines_at_special_operands(format, name):
    scalar = get_scalar(DTYPES[format].__name__)
    dtype = "binary64exec" if format == BINARY64 else "ieee32exec"
    emulated = get_scalar(dtype, device="python")
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 3.0, -3.0, 2.0]
    few = [*special, 709.5, -709.5, -745.2, 1e300, -1e300, 0.5, 2.0**-1022, 1e-40]
    x = scalar.from_float(few)
    rows = [x] if name not in BINARY else [np.repeat(x, x.size), np.tile(x, x.size)]
    z = scalar.to_bits(getattr(scalar, name)(*rows))
    codes = [emulated.from_bits(scalar.to_bits(row)) for row in rows]
    expected = emulated.to_bits(getattr(emulated, name)(*codes))
    assert z.tolist() == expected.tolist()


def test_fast_kernels_on_encodings_have_the_bits_and_flags_of_the_emulation():
    fast = get_scalar("binary64exec", fast_kernels=True)
    plain = get_scalar("binary64exec", device="python")
    x = plain.from_float([0.0, -0.0, 1.5, -2.25, 800.0, -745.0, np.inf, np.nan, 1e-300])
    flags, expected_flags = Flags(), Flags()
    expected = plain.to_bits(plain.exp(x, flags=expected_flags))
    assert np.array_equal(fast.to_bits(fast.exp(x)), expected)
    assert np.array_equal(fast.to_bits(fast.exp(x, flags=flags)), expected)
    assert flags == expected_flags


def test_logistic_values_near_the_least_normal_number_are_those_of_the_integer_routine():
    scalar, emulated = get_scalar("float64"), get_scalar("binary64exec", device="python")
    x = -np.random.default_rng(8).uniform(590, 746, 300)
    expected = emulated.sigmoid(emulated.from_float(x))
    assert scalar.to_bits(scalar.sigmoid(x)).tolist() == emulated.to_bits(expected).tolist()
