"""Programs: kernels and copies called from native code."""

import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from numlean_kernels.formats import BINARY32
from numlean_kernels.loops.elementwise import binary
from numlean_kernels.loops.matmul import MATMUL
from numlean_kernels.protocol import (
    CopyCall,
    HostCall,
    KernelCall,
    Repeatable,
    StepArrays,
)
from numlean_kernels.tables import hardware_table
from numlean_kernels.targets import get_target
from numlean_kernels.threads import THREADS

CPU = get_target("cpu")
TABLE = hardware_table(BINARY32, CPU)


def numbers(*shape):
    return np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


def test_a_program_calls_kernels_of_arrays_of_any_number_of_axes_and_copies():
    a, b, product = numbers(2, 3, 4), numbers(2, 4, 5), np.zeros((2, 3, 5), np.float32)
    flat, ones, total = product.reshape(-1), numbers(30) ** 0, np.zeros(30, np.float32)
    turned = np.zeros((5, 3, 2), np.float32)
    program = CPU.compile(
        [
            KernelCall(MATMUL, TABLE, product.shape, (a, b, product)),
            KernelCall(binary("add"), TABLE, (30,), (flat, ones, total)),
            CopyCall(total.reshape(2, 3, 5).T, turned),
        ]
    )
    for factor in (1, 2):
        a[...] = factor * numbers(2, 3, 4)
        program()
        assert (turned == (a @ b + 1).T).all()


def test_objects_are_copied_with_their_references():
    x = np.array([Fraction(k, 7) for k in range(1, 5)], object)
    z = np.empty(4, object)
    before = [sys.getrefcount(number) for number in x]
    program = CPU.compile([CopyCall(x, z)])
    program()
    program()
    assert z.tolist() == x.tolist()
    assert [sys.getrefcount(number) for number in x] == [count + 1 for count in before]


def test_a_program_with_work_of_the_host_is_not_repeatable():
    x, z = numbers(3), np.zeros(3, np.float32)
    native = CPU.compile([CopyCall(x, z)])
    mixed = CPU.compile([CopyCall(x, z), HostCall(lambda: None, (), (z,))])
    assert isinstance(native, Repeatable)
    assert not isinstance(mixed, Repeatable)


ORDER = np.array([[0, 1], [2, 5], [3, 4], [7, 6]], np.intp)


class Products:
    """A program that multiplies the numbers of two rows each of two arrays, and its arrays."""

    def __init__(self, limit=3e38):
        self.xs, self.ys = numbers(8, 3), numbers(8, 3)[::-1].copy()
        x, y = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
        self.rate, self.z = np.zeros((), np.float32), np.zeros(6, np.float32)
        call = KernelCall(binary("mul"), TABLE, (6,), (x.reshape(-1), y.reshape(-1), self.z))
        self.program = CPU.compile([call])
        encoding = int(np.float32(limit).view(np.uint32))
        rows = (self.xs, x), (self.ys, y)
        self.arrays = StepArrays(rows, (self.rate,), (self.z,), 0x7FFFFFFF, encoding)

    def expected(self, run):
        return (self.xs[ORDER[run]] * self.ys[ORDER[run]]).reshape(-1)


@pytest.fixture(params=[1, 2])
def threads(request):
    with THREADS.given(request.param):
        yield request.param


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("limit", [3e38, 170.0])
def test_a_repeated_program_takes_rows_and_values_and_stops_at_a_great_number(limit):
    own, values = Products(limit), numbers(4, 1)
    repeat = own.program.repeater(own.arrays)
    good = 4 if limit > 200 else 2
    assert [own.expected(run).max() <= limit for run in range(4)] == [k != good for k in range(4)]
    assert repeat(ORDER, [values]) == good
    last = min(good, 3)
    assert own.z.tolist() == own.expected(last).tolist()
    assert own.rate == values[last, 0]
    assert repeat(ORDER[:good], [values[:good]]) == good
    assert repeat(ORDER[:0], [values[:0]]) == 0


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("column", [0, 2])
@pytest.mark.parametrize(("row", "good"), [(0, 0), (2, 1), (4, 2), (6, 3), (None, 4)])
def test_two_programs_run_as_long_as_their_arrays_have_the_same_bytes(row, column, good):
    one, other = Products(), Products()
    if row is not None:
        other.xs[row, column] *= -1
    empty = np.zeros(0, np.float32)
    arrays = replace(
        one.arrays,
        rows=one.arrays.rows + other.arrays.rows,
        values=(one.rate, other.rate),
        equal=((empty, empty), (one.z, other.z)),
    )
    repeat, values = one.program.followed_by([other.program]).repeater(arrays), numbers(4, 1)
    assert repeat(ORDER, [values, 2 * values]) == good
    last = min(good, 3)
    for own, factor in ((one, 1), (other, 2)):
        assert own.z.tolist() == own.expected(last).tolist()
        assert own.rate == factor * values[last, 0]
