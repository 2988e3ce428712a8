"""The short way to an elementwise operation gives what the long way gives, or leaves it to that."""

import numpy as np
import pytest

from numlean import get_scalar
from numlean.errors import NumleanError, StorageError

LAYOUTS = {
    "vector": lambda x: x,
    "matrix": lambda x: x.reshape(3, 4),
    "transposed": lambda x: x.reshape(3, 4).T,
    "every second": lambda x: np.repeat(x, 2)[::2],
    "number": lambda x: x[:1].reshape(()),
    "empty": lambda x: x[:0],
}


@pytest.fixture(scope="module")
def scalar():
    s = get_scalar("float32")
    ones = s.from_float([1.0])
    s.add(ones, ones)
    s.neg(ones)
    s.fma(ones, ones, ones)
    assert {"add", "neg", "fma"} <= set(s.direct)
    return s


@pytest.mark.parametrize("layout", LAYOUTS)
def test_operands_of_every_layout_give_new_arrays_of_the_same_shape(scalar, layout):
    x = LAYOUTS[layout](np.arange(12, dtype=np.float32))
    z = scalar.add(x, x)
    assert z.shape == x.shape
    assert np.array_equal(z, x + x)
    assert np.array_equal(scalar.neg(x), -x)
    assert np.array_equal(scalar.fma(x, x, scalar.neg(x)), x * x - x)
    assert z.flags.carray
    assert not np.shares_memory(x, z)


def test_shapes_that_differ_are_broadcast_or_refused(scalar):
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(scalar.add(x, x[:1]), x + x[:1])
    with pytest.raises(NumleanError, match="shape"):
        scalar.add(x, x[:2])
    assert np.array_equal(scalar.fma(x, x, x[:1]), x * x + x[:1])
    with pytest.raises(NumleanError, match="shape"):
        scalar.fma(x, x, x[:2])


@pytest.mark.parametrize("wrong", [np.ones(3), [1.0, 2.0, 3.0], np.ones(3, ">f4"), 1.0])
def test_other_operands_are_refused(scalar, wrong):
    x = np.ones(3, np.float32)
    with pytest.raises(StorageError, match="takes float32 arrays"):
        scalar.add(x, wrong)
    with pytest.raises(StorageError, match="takes float32 arrays"):
        scalar.neg(wrong)
    with pytest.raises(StorageError, match="takes float32 arrays"):
        scalar.fma(x, x, wrong)


def test_a_recorded_operation_is_recorded_each_time(scalar):
    program = []
    recorded = scalar.with_recorder(program)
    x = np.ones(3, np.float32)
    for _ in range(3):
        recorded.add(x, x)
    assert len(program) == 3
    assert not recorded.direct


def test_a_scalar_of_another_table_has_no_operations_of_the_first():
    plain, fast = get_scalar("ieee32exec"), get_scalar("ieee32exec", fast_kernels=True)
    x = plain.from_float([1.5])
    plain.add(x, x)
    assert fast.direct.get("add") is not plain.direct["add"]
