"""First phases of elementary functions: where they settle, it is as the whole routines do."""

import numpy as np
import pytest

from numlean import get_scalar
from numlean.verification.elementary import FUNCTIONS
from numlean.verification.elementary.operands import elementary_operands
from numlean_kernels.elementary import UNARY
from numlean_kernels.elementary.quick import quick_maker
from numlean_kernels.formats import BINARY32, parse_format
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.flags import INEXACT
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.loops.elementwise import flagged
from numlean_kernels.targets import get_target
from numlean_kernels.targets.protocol import Table, kernel_for

MODES = (Rounding.TIES_TO_EVEN, Rounding.TOWARD_POSITIVE, Rounding.TO_ODD)
QUICK = ("exp", "log", "log2", "log10")


def computed(phase, name, rounding, x):
    """Both results of a first phase or of the whole routine, over operands of binary32."""
    make = quick_maker(name, BINARY32) if phase == "quick" else UNARY[name]
    arithmetic = Arithmetic(BINARY32, rounding)
    kit = Kit(arithmetic, get_target("cpu"), word_bits=64)
    table = Table(f"{phase} {name} {arithmetic.identity}", 0, lambda _: kit.routine(make))
    first, second = np.empty(x.shape, np.uint64), np.empty(x.shape, np.uint64)
    # The pair's parts go where a result and its flags would.
    kernel_for(get_target("cpu"), flagged("pair", 1), table)(x.shape, x, second, first)
    return first, second


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("name", QUICK)
def test_what_is_settled_first_is_what_the_whole_routine_gives(name, rounding):
    scalar = get_scalar("ieee32exec")
    x = elementary_operands(scalar, FUNCTIONS[name], 0, seed=21)[0]
    ordinary = scalar.from_float(np.random.default_rng(4).lognormal(size=100_000))
    for operands, least in ((x, 0.1), (ordinary, 0.999)):
        settled, z = computed("quick", name, rounding, operands)
        settled = settled.astype(bool)
        assert settled.mean() > least
        expected, flags = computed("whole", name, rounding, operands)
        assert np.array_equal(z[settled], expected[settled])
        assert np.all(flags[settled] == INEXACT)


@pytest.mark.parametrize("name", QUICK)
def test_all_numbers_of_a_narrow_format_are_settled_rightly_or_not_at_all(name):
    format = parse_format("e4m3")
    kit = Kit(Arithmetic(format), get_target("python"), word_bits=64)
    quick, whole = kit.routine(quick_maker(name, format)), kit.routine(UNARY[name])
    results = [(*quick(a), *whole(a)) for a in range(1 << format.width)]
    settled = [row[1:] for row in results if row[0]]
    assert len(settled) > 20
    assert all(z == expected and flags == INEXACT for z, expected, flags in settled)


def test_exact_values_are_never_settled_first():
    scalar = get_scalar("ieee32exec")
    powers = {"exp": [0.0], "log": [1.0], "log2": 2.0 ** np.arange(-126, 128)}
    powers["log10"] = 10.0 ** np.arange(11)
    for name, x in powers.items():
        operands = scalar.from_float(np.array(x))
        settled, _ = computed("quick", name, Rounding.TIES_TO_EVEN, operands)
        assert not settled.any(), name


def test_formats_of_few_exponents_have_no_first_phase():
    for name in QUICK:
        assert quick_maker(name, parse_format("e2m5")) is None
    assert quick_maker("tanh", BINARY32) is None
