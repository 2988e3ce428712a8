"""Programs: kernels and copies called from native code."""

import sys
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
    kept_starts,
)
from numlean_kernels.tables import hardware_table
from numlean_kernels.targets import get_target

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


@pytest.mark.parametrize("limit", [np.inf, 50.0])
def test_a_repeated_program_takes_rows_and_values_and_stops_at_a_great_number(limit):
    x, y = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    rate, result = np.zeros((), np.float32), np.zeros((), np.float32)
    total = np.zeros(6, np.float32)
    program = CPU.compile(
        [
            KernelCall(binary("mul"), TABLE, (6,), (x.reshape(-1), y.reshape(-1), total)),
            CopyCall(total[5:].reshape(()), result),
        ]
    )
    xs, ys = numbers(6, 3), numbers(6, 3)[::-1].copy()
    encoding = int(np.float32(min(limit, 3e38)).view(np.uint32))
    arrays = StepArrays(((xs, x), (ys, y)), rate, result, (result,), 0x7FFFFFFF, encoding)
    order = np.array([[0, 1], [2, 5], [3, 4], [1, 0]], np.intp)
    values, results = numbers(4, 1), np.zeros((4, 1), np.float32)
    made = program.repeater(arrays)(order, values, results)
    expected = [xs[row[1], 2] * ys[row[1], 2] for row in order]
    first = next((k + 1 for k, each in enumerate(expected) if each > limit), 4)
    assert made == first
    assert results[:made, 0].tolist() == expected[:made]
    assert rate == values[made - 1, 0]


def test_a_repeated_program_keeps_further_numbers_of_each_run():
    x, y = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    rate, result = np.zeros((), np.float32), np.zeros((), np.float32)
    total, count = np.zeros((2, 3), np.float32), np.zeros((), np.float64)
    program = CPU.compile(
        [
            KernelCall(
                binary("mul"), TABLE, (6,), (x.reshape(-1), y.reshape(-1), total.reshape(-1))
            ),
            CopyCall(total[1, 2:].reshape(()), result),
        ]
    )
    xs, ys = numbers(6, 3), numbers(6, 3)[::-1].copy()
    arrays = StepArrays(
        *(((xs, x), (ys, y)), rate, result, (result,), 0x7FFFFFFF, 0x7F7FFFFF),
        numbers=(total, count),
    )
    assert kept_starts(arrays.kept) == [0, 8, 32, 40]
    order = np.array([[0, 1], [2, 5], [3, 4]], np.intp)
    rows = np.zeros((3, 40), np.uint8)
    assert program.repeater(arrays)(order, numbers(3, 1), rows) == 3
    for row, each in zip(order, rows, strict=True):
        expected = xs[row] * ys[row]
        assert each[:4].view(np.float32)[0] == expected[1, 2]
        assert np.array_equal(each[8:32].view(np.float32).reshape(2, 3), expected)
        assert each[32:].view(np.float64)[0] == 0
