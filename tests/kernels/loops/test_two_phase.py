"""Loops over a fast phase: the accurate phase computes all uncertain elements, at any position."""

import numpy as np
import pytest

from numlean_kernels.flags import INEXACT, INVALID
from numlean_kernels.loops.elementwise import flagged, unary
from numlean_kernels.protocol import Table, kernel_for
from numlean_kernels.targets import get_target

WHOLE = 1000


def table_of(target):
    """Return a table that doubles numbers; for those with bit 3 the accurate phase adds 1000."""
    word = target.unsigned(32)
    zero, one, bit, invalid, more = word(0), word(1), word(8), word(INVALID), word(WHOLE)

    def fast(a):
        return word(a & bit) == zero, word(a << one)

    def accurate(a):
        return word(word(a << one) + more)

    accurate_routine = target.routine(accurate)

    def flagged_accurate(a):
        return accurate_routine(a), invalid

    routines = {"fast f": target.routine(fast), "accurate f": accurate_routine}
    routines["flagged accurate f"] = target.routine(flagged_accurate)
    routines["flagged fast f"] = routines["fast f"]
    return Table("toy of two phases", word(0), routines.__getitem__)


@pytest.fixture(params=["cpu", "python"])
def kernel(request):
    target = get_target(request.param)
    table = table_of(target)
    return lambda loop: kernel_for(target, loop, table)


def expected(x):
    return 2 * x + np.uint32(WHOLE) * (x >> 3 & 1)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_the_accurate_phase_computes_all_uncertain_elements(kernel, count):
    rng = np.random.default_rng(count)
    for x in (rng.integers(256, size=count).astype(np.uint32), np.zeros(count, np.uint32)):
        z, given = np.empty_like(x), x.copy()
        kernel(unary("f"))(x.shape, x, z)
        assert np.array_equal(z, expected(given))
        assert np.array_equal(x, given)


def test_a_result_may_overwrite_its_operand(kernel):
    x = np.arange(150, dtype=np.uint32)
    z = expected(x)
    kernel(unary("f"))(x.shape, x, x)
    assert np.array_equal(x, z)


def test_each_phase_raises_its_flags(kernel):
    x = np.arange(150, dtype=np.uint32)
    z, raised = np.empty_like(x), np.empty(x.shape, np.uint8)
    kernel(flagged("f", 1))(x.shape, x, raised, z)
    assert np.array_equal(z, expected(x))
    assert np.array_equal(raised, np.where(x >> 3 & 1, INVALID, INEXACT))
