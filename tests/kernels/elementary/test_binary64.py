"""The functions of hardware binary64, integers of two words, against MPFR."""

import gmpy2
import numpy as np
import pytest

from numlean import get_scalar
from numlean.verification.elementary import FUNCTIONS, Certified
from numlean.verification.elementary.boundary_operands import boundary_operands
from numlean.verification.elementary.filtered_reference import FilteredReference
from numlean.verification.elementary.operands import elementary_operands
from numlean.verification.encoding import decode, is_nan
from numlean.verification.reference import Choices
from numlean_kernels.formats import BINARY64
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.tables.elementary import (
    BINARY,
    UNARY,
    binary64_flagged_routine,
    binary64_routine,
)
from numlean_kernels.targets import get_target
from operand_batches import batches_of

REFERENCE = FilteredReference(BINARY64, Choices())
NOWHERE = np.array([], np.int64)
KIT = RoutineBuilder(Arithmetic(BINARY64), get_target("python"))


ROUTINES = (*UNARY, *BINARY)


def operands(name, count, seed):
    scalar = get_scalar("float64")
    with batches_of(count):
        return elementary_operands(scalar, FUNCTIONS[name], 0, seed)


@pytest.mark.parametrize("name", ROUTINES)
def test_thousands_of_operands_give_the_bits_of_mpfr(name):
    scalar, x = get_scalar("float64"), operands(name, 4000, seed=13)
    z = scalar.to_bits(getattr(scalar, name)(*map(scalar.from_bits, x)))
    expected = REFERENCE.compute(FUNCTIONS[name], x, NOWHERE).z
    wrong = np.flatnonzero(z != expected)
    assert [[hex(a[k]) for a in (*x, z, expected)] for k in wrong[:3]] == []


# Near these operands, values may lie on a rounding boundary or very close to one.
LANDMARKS = [
    0.0,
    1.0,
    2.0**-26,
    2.0**-27,
    2.0**-28,
    2.0**-40,
    2.0**-52,
    2.0**-53,
    2.0**-54,
    0.5,
    37.0,
]


@pytest.mark.parametrize("name", [name for name in ROUTINES if name in UNARY])
def test_the_neighbourhoods_of_hard_operands_give_the_bits_of_mpfr(name):
    scalar = get_scalar("float64")
    around = np.arange(-40, 41)
    bits = (np.array(LANDMARKS).view(np.int64)[:, None] + around).ravel()
    x = np.concatenate([bits, bits | np.int64(-(1 << 63))]).view(np.uint64)
    z = scalar.to_bits(getattr(scalar, name)(scalar.from_bits(x)))
    expected = REFERENCE.compute(FUNCTIONS[name], [x], NOWHERE).z
    assert np.flatnonzero(z != expected).tolist() == []


@pytest.mark.parametrize("name", ROUTINES)
def test_all_operands_on_rounding_boundaries_and_at_ends_give_the_bits_of_mpfr(name):
    scalar, x = get_scalar("float64"), list(boundary_operands(BINARY64, name))
    z = scalar.to_bits(getattr(scalar, name)(*map(scalar.from_bits, x)))
    expected = REFERENCE.compute(FUNCTIONS[name], x, NOWHERE).z
    wrong = np.flatnonzero(z != expected)
    assert [[hex(a[k]) for a in (*x, z, expected)] for k in wrong[:3]] == []


@pytest.mark.parametrize("mode", [mode for mode in Rounding if mode is not Rounding.STOCHASTIC])
def test_boundaries_are_right_in_every_direction_with_their_flags(mode):
    builder = RoutineBuilder(Arithmetic(BINARY64, mode), get_target("python"))
    certified, rng = Certified(BINARY64, Choices(mode.value)), np.random.default_rng(29)
    for name in ROUTINES:
        x = boundary_operands(BINARY64, name)
        several = np.union1d(np.arange(12), rng.integers(0, len(x[0]), 24))
        several = several[~np.any([is_nan(BINARY64, a[several]) for a in x], axis=0)]
        values = zip(*(decode(BINARY64, a[several]).tolist() for a in x), strict=True)
        expected = [certified.rounded(certified.value(name, operands)) for operands in values]
        routine = binary64_flagged_routine(builder, name)
        rows = zip(*(a[several].tolist() for a in x), strict=True)
        assert [routine(*row) for row in rows] == expected, name


def hard_pairs():
    """Return bases and exponents whose powers are numbers, middles of two, or next to them."""
    ulps = np.arange(-50, 50)
    near_one = (np.float64(1.0).view(np.int64) + ulps).view(np.float64)
    few = np.arange(-8, 16) / 8
    exponents = np.concatenate([few, np.nextafter(few, 99), np.nextafter(few, -99)])
    bases, y = (grid.ravel() for grid in np.meshgrid(near_one, exponents))
    yield bases, y
    yield np.ldexp(bases, ulps[np.arange(bases.size) % ulps.size] // 2 * 16), y
    yield tuple(a.ravel() for a in np.meshgrid(np.arange(3.0, 200.0, 2.0), np.arange(-2.0, 36.0)))
    rng = np.random.default_rng(23)
    for bits, power in ((26, 1 / 2), (26, 3 / 2), (13, 1 / 4), (13, 5 / 4)):
        root = rng.integers(1, 1 << bits, 2000).astype(float)
        yield root ** (2 if power % 0.5 == 0 else 4), np.full(2000, power)
    yield rng.integers(1 << 26, 1 << 27, 2000).astype(float), np.full(2000, 2.0)
    yield rng.integers(1 << 17, 1 << 18, 2000).astype(float), np.full(2000, 3.0)
    yield np.ldexp(rng.random(2000), rng.integers(-1080, -1000, 2000)), 1.05 * rng.random(2000)
    yield np.exp(rng.normal(size=2000) / 100), rng.normal(size=2000) * 20000


def test_powers_next_to_rounding_boundaries_give_the_bits_of_mpfr():
    scalar = get_scalar("float64")
    for pair in hard_pairs():
        x = [np.ascontiguousarray(a).view(np.uint64) for a in pair]
        z = scalar.to_bits(scalar.pow(*map(scalar.from_bits, x)))
        expected = REFERENCE.compute(FUNCTIONS["pow"], x, NOWHERE).z
        wrong = np.flatnonzero(z != expected)
        assert [(pair[0][k], pair[1][k]) for k in wrong[:3]] == []


def pairs_next_to_one():
    """Yield pairs whose power is next to one, and on either side of the middle of two numbers."""
    rng, long = np.random.default_rng(31), gmpy2.context(precision=300)
    for _ in range(400):
        base = float(np.ldexp(1 + rng.random(), int(rng.integers(-1000, 1000))))
        if rng.random() < 0.3:
            base = 1 + float(rng.integers(1, 1 << 30)) * 2.0**-52
        places, k = (
            rng.choice([-54, -53]),
            int(rng.choice([1, 1, 3, 5, 2 * rng.integers(2048) + 1])),
        )
        middle = 1 + gmpy2.mpq(k, 1 << 53) if places == -53 else 1 - gmpy2.mpq(k, 1 << 54)
        y = float(long.div(long.log(gmpy2.mpfr(middle, 300)), long.log(gmpy2.mpfr(base))))
        yield from ((base, float(end)) for end in (y, np.nextafter(y, 9), np.nextafter(y, -9)))


def test_powers_next_to_one_give_the_bits_of_mpfr():
    scalar, certified = get_scalar("float64"), Certified(BINARY64, Choices())
    pairs = list(pairs_next_to_one())
    z = scalar.to_bits(
        scalar.pow(*(scalar.from_float(column) for column in zip(*pairs, strict=True)))
    )
    expected = [certified.rounded(certified.value("pow", pair))[0] for pair in pairs]
    wrong = [pair for pair, a, b in zip(pairs, z.tolist(), expected, strict=True) if a != b]
    assert wrong == []


@pytest.mark.parametrize("name", ROUTINES)
def test_the_interpreter_computes_the_bits_of_compiled_routines(name):
    scalar, x = get_scalar("float64"), operands(name, 30, seed=17)
    z = scalar.to_bits(getattr(scalar, name)(*map(scalar.from_bits, x)))
    routine = binary64_routine(KIT, name)
    rows = zip(*(a.tolist() for a in x), strict=True)
    assert z.tolist() == [routine(*row) for row in rows]
