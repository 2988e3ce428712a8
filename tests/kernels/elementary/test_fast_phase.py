"""Fast phases of elementary functions: their certain results equal those of the accurate phases."""

from functools import cache

import numpy as np
import pytest

from numlean import get_scalar
from numlean.verification.elementary import FUNCTIONS
from numlean.verification.elementary.operands import elementary_operands
from numlean_kernels.elementary.fast_phase import fast_maker
from numlean_kernels.flags import INEXACT
from numlean_kernels.formats import BINARY32, parse_format
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.loops.elementwise import flagged
from numlean_kernels.protocol import Table, kernel_for
from numlean_kernels.tables.elementary import UNARY
from numlean_kernels.targets import get_target
from operand_batches import batches_of

MODES = tuple(mode for mode in Rounding if mode is not Rounding.STOCHASTIC)
COMPILED_MODES = (Rounding.TIES_TO_EVEN, Rounding.TOWARD_POSITIVE)
"""A function that is compiled is compiled in one of them; all are interpreted in all.
``tools/verify_elementary`` compares all compiled functions with MPFR at all operands."""
LOGARITHMS = ("log", "log2", "log10")
LEVELLING = ("tanh", "erf", "sigmoid")
FAST = ("exp", *LOGARITHMS, *LEVELLING)
COMPILED = ("exp", "log2", "tanh")


def compiled_mode(name):
    return COMPILED_MODES[FAST.index(name) % 2]


@cache
def kernel(phase, name, rounding):
    make = fast_maker(name, BINARY32) if phase == "fast" else UNARY[name]
    arithmetic = Arithmetic(BINARY32, rounding)
    builder = RoutineBuilder(arithmetic, get_target("cpu"), word_bits=64)
    parts = {"flagged pair": builder.routine(make)}
    table = Table(f"{phase} {name} {arithmetic.key}", 0, parts.__getitem__)
    return kernel_for(get_target("cpu"), flagged("pair", 1), table)


@cache
def interpreted(phase, name):
    builder = RoutineBuilder(Arithmetic(BINARY32), get_target("python"), word_bits=64)
    return builder.routine(fast_maker(name, BINARY32) if phase == "fast" else UNARY[name])


def computed(phase, name, x):
    """Return both results of a fast phase or an accurate one, over operands of binary32."""
    if name not in COMPILED:
        rows = [interpreted(phase, name)(a) for a in x.tolist()]
        return tuple(np.array(column, np.uint64) for column in zip(*rows, strict=True))
    first, second = np.empty(x.shape, np.uint64), np.empty(x.shape, np.uint64)
    # The parts of the pair are stored in place of a result and its flags.
    kernel(phase, name, compiled_mode(name))(x.shape, x, second, first)
    return first, second


def share_certain_and_equal_to_the_accurate_phase(name, x):
    certain, z = computed("fast", name, x)
    certain = certain.astype(bool)
    expected, flags = computed("accurate", name, x)
    assert np.array_equal(z[certain], expected[certain])
    assert np.all(flags[certain] == INEXACT)
    return certain.mean()


def spread(name, first, last):
    """Return evenly spread operands: fewer for a function that is interpreted."""
    return np.linspace(first, last, 1 << 16 if name in COMPILED else 400).astype(np.uint32)


def structured(name, seed):
    with batches_of(100_000):
        return elementary_operands(get_scalar("ieee32exec"), FUNCTIONS[name], 0, seed)[0]


@pytest.mark.parametrize("name", COMPILED)
def test_certain_results_are_those_of_the_accurate_phase(name):
    scalar = get_scalar("ieee32exec")
    assert share_certain_and_equal_to_the_accurate_phase(name, structured(name, 21)) > 0.1
    rng = np.random.default_rng(4)
    ordinary = [rng.lognormal(size=100_000)]
    if name not in LOGARITHMS:
        ordinary += [rng.normal(size=100_000), np.ldexp(ordinary[0], rng.integers(-90, 2, 100_000))]
    for values in ordinary:
        operands = scalar.from_float(values)
        assert share_certain_and_equal_to_the_accurate_phase(name, operands) > 0.999


@pytest.mark.parametrize("name", FAST)
def test_certain_results_are_right_in_every_direction(name):
    scalar = get_scalar("ieee32exec")
    rng = np.random.default_rng(6)
    values = rng.normal(size=150) if name not in LOGARITHMS else rng.lognormal(size=150)
    x = [*rng.choice(structured(name, 22), 150).tolist(), *scalar.from_float(values).tolist()]
    for rounding in MODES:
        builder = RoutineBuilder(Arithmetic(BINARY32, rounding), get_target("python"), word_bits=64)
        fast, accurate = builder.routine(fast_maker(name, BINARY32)), builder.routine(UNARY[name])
        certain = [(z, accurate(a)) for a in x for z in [fast(a)] if z[0]]
        assert len(certain) > 150
        assert all((z, INEXACT) == expected for (_, z), expected in certain)


@pytest.mark.parametrize("name", LEVELLING)
def test_level_values_are_certain(name):
    x = spread(name, 0x41A00000, BINARY32.max_finite)
    assert share_certain_and_equal_to_the_accurate_phase(name, x) == 1
    if name != "sigmoid":
        assert share_certain_and_equal_to_the_accurate_phase(name, x | 0x80000000) == 1


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "exp"])
def test_tiny_operands_are_certain_except_for_the_least_numbers_and_zero(name):
    least = BINARY32.implicit_bit
    x = spread(name, 2 * least, 0x30000000)
    least_share = 0.999 if name in COMPILED else 0.99  # of fewer operands
    for operands in (x, x | 0x80000000):
        assert share_certain_and_equal_to_the_accurate_phase(name, operands) > least_share
    subnormal = np.array([0, 1, least - 1], np.uint32)
    certain, _ = computed("fast", name, subnormal)
    assert not certain.any()


@pytest.mark.parametrize("name", FAST)
def test_certain_results_of_all_numbers_of_narrow_formats_are_right(name):
    for text in ("e4m3", "e5m2", "e3m4"):
        format = parse_format(text)
        make = fast_maker(name, format)
        if make is None:
            continue
        builder = RoutineBuilder(Arithmetic(format), get_target("python"), word_bits=64)
        fast, accurate = builder.routine(make), builder.routine(UNARY[name])
        results = [(*fast(a), *accurate(a)) for a in range(1 << format.width)]
        certain = [row[1:] for row in results if row[0]]
        assert len(certain) > 20
        assert all(z == expected and flags == INEXACT for z, expected, flags in certain)


def test_exact_values_are_never_certain():
    scalar = get_scalar("ieee32exec")
    powers = {"exp": [0.0], "log": [1.0], "log2": 2.0 ** np.arange(-126, 128)}
    powers["log10"] = 10.0 ** np.arange(11)
    powers |= {name: [0.0, -0.0, np.inf, -np.inf] for name in LEVELLING}
    for name, x in powers.items():
        builder = RoutineBuilder(Arithmetic(BINARY32), get_target("python"), word_bits=64)
        fast = builder.routine(fast_maker(name, BINARY32))
        assert not any(fast(a)[0] for a in scalar.from_float(np.array(x)).tolist()), name


def test_formats_of_few_exponents_have_no_fast_phase():
    for name in FAST:
        assert fast_maker(name, parse_format("e2m5")) is None
    assert fast_maker("sin", BINARY32) is None
