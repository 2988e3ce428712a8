"""Loops over the usual case: blocks with an unusual element have the results of the routine."""

import numpy as np
import pytest

from numlean import get_scalar
from numlean_kernels.loops.elementwise import broadcast_operand, elementwise
from numlean_kernels.protocol import Table, UsualCase, kernel_for
from numlean_kernels.targets import get_target

SIZES = (0, 1, 511, 512, 513, 1300)


def table_of(target):
    """Return a table whose f adds up its operands, and 1000 if the first has bit 3."""
    word = target.unsigned(32)
    zero, bit, more = word(0), word(8), word(1000)

    def f1(a):
        return word(a + more) if word(a & bit) != zero else a

    def usual1(a):
        return a

    def is_usual1(a):
        return word(a & bit) == zero

    def f2(a, b):
        return word(word(a + b) + more) if word(a & bit) != zero else word(a + b)

    def usual2(a, b):
        return word(a + b)

    def is_usual2(a, b):
        return word(a & bit) == zero

    f, g = target.routine(f1), target.routine(f2)
    f.usual_case = UsualCase(target.routine(usual1), target.routine(is_usual1), makes_nans=True)
    g.usual_case = UsualCase(target.routine(usual2), target.routine(is_usual2), makes_nans=True)
    return Table("toy of a usual case", word(0), {"f": f, "g": g}.__getitem__)


@pytest.mark.parametrize("device", ["cpu", "python"])
def test_each_block_has_the_results_of_the_routine(device):
    target = get_target(device)
    table = table_of(target)
    for size in SIZES:
        for unusual in (None, 0, size - 1):
            x, y = np.arange(size, dtype=np.uint32) & 7, np.full(size, 5, np.uint32)
            if unusual is not None and size:
                x[unusual] = 9
            more = 1000 * (x >> 3 & 1)
            z = np.empty_like(x)
            kernel_for(target, elementwise("f", 1), table)((size,), x, z)
            assert np.array_equal(z, x + more)
            kernel_for(target, elementwise("g", 2), table)((size,), x, y, z)
            assert np.array_equal(z, x + y + more)
            if size:
                kernel_for(target, broadcast_operand("g", 1), table)((size,), x, y[:1], z)
                assert np.array_equal(z, x + y + more)
            kernel_for(target, elementwise("g", 2), table)((size,), x.copy(), y, y)
            assert np.array_equal(y, z)


@pytest.mark.parametrize("dtype", ["float32", "float64", "ieee32exec"])
def test_the_processor_has_the_bits_of_the_emulation_in_blocks_with_and_without_nans(dtype):
    fast = get_scalar(dtype, fast_kernels=True)
    plain = get_scalar({"float64": "binary64exec"}.get(dtype, "ieee32exec"), device="python")
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(3, 600)) * np.ldexp(1.0, rng.integers(-140, 120, (3, 600)))
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]
    codes = [plain.from_float(row) for row in numbers]
    with_special = [row.copy() for row in codes]
    for k, row in enumerate(with_special):
        row[20:56] = plain.from_float(np.roll(np.tile(special, 6), k))
        row[60] = plain.from_bits(plain.to_bits(plain.from_float([np.nan])) ^ 1 | 5)[0]
    for rows in (codes, with_special):
        own = [fast.from_bits(plain.to_bits(row)) for row in rows]
        for name, arity in {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}.items():
            z = fast.to_bits(getattr(fast, name)(*own[:arity]))
            expected = plain.to_bits(getattr(plain, name)(*rows[:arity]))
            assert z.tolist() == expected.tolist(), name
        z = fast.to_bits(fast.mul(own[0], own[1][:1]))
        expected = plain.to_bits(plain.mul(rows[0], rows[1][:1]))
        assert z.tolist() == expected.tolist()
