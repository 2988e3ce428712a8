"""The order of sums and products, against plain loops over numpy's hardware floats."""

import numpy as np
import pytest

from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.loops.elementwise import binary
from numlean_kernels.loops.gather_scatter import SCATTER_ALONG_AXIS, TAKE_ALONG_AXIS, TAKE_ROWS
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.reduce import ARGMAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target


@pytest.fixture(params=["ieee cpu", "ieee python", "hardware cpu", "hardware python"])
def launch(request):
    kind, device = request.param.split()
    target = get_target(device)
    table = (
        ieee_table(Arithmetic(BINARY32), target)
        if kind == "ieee"
        else hardware_table(BINARY32, target)
    )
    storage = np.uint32 if kind == "ieee" else np.float32

    def call(loop, domain, *floats):
        arrays = [x.copy() if x.dtype == np.int64 else x.copy().view(storage) for x in floats]
        kernel_for(target, loop, table)(domain, *arrays)
        z = arrays[-1]
        return z if z.dtype == np.int64 else z.view(np.float32)

    return call


def numbers(*shape):
    return np.random.default_rng(31).standard_normal(shape).astype(np.float32)


def same_bits(a, b):
    return np.array_equal(a.view(np.uint32), np.asarray(b, np.float32).view(np.uint32))


def product(launch, loop, a, b):
    """Return the product of two matrices, as a batch of one."""
    c = np.empty((1, a.shape[0], b.shape[1]), np.float32)
    return launch(loop, c.shape, a[np.newaxis], b[np.newaxis], c)[0]


def test_matmul_adds_rounded_products_for_ascending_k(launch):
    a, b = numbers(5, 37), numbers(37, 4)
    expected = np.zeros((5, 4), np.float32)
    for i in range(5):
        for j in range(4):
            for k in range(37):
                expected[i, j] = expected[i, j] + a[i, k] * b[k, j]
    assert same_bits(product(launch, MATMUL, a, b), expected)


def test_fused_matmul_rounds_each_step_once(launch):
    a, b = numbers(3, 19), numbers(19, 2)
    expected = np.zeros((3, 2), np.float32)
    for i in range(3):
        for j in range(2):
            for k in range(19):
                # 24-bit factors multiply exactly in binary64; the sum then rounds to 64 bits of
                # the x87's extended format before binary32, which no case here is a tie of.
                exact = np.longdouble(a[i, k]) * np.longdouble(b[k, j])
                expected[i, j] = np.float32(exact + np.longdouble(expected[i, j]))
    assert same_bits(product(launch, MATMUL_FMA, a, b), expected)


def test_products_of_a_batch_are_those_of_its_matrices(launch):
    a, b = numbers(3, 4, 5), numbers(3, 5, 2)
    for loop in (MATMUL, MATMUL_FMA):
        each = [product(launch, loop, a[m], b[m]) for m in range(3)]
        z = launch(loop, (3, 4, 2), a, b, np.empty((3, 4, 2), np.float32))
        assert same_bits(z, each)


def test_argmax_finds_the_first_maximum_and_prefers_the_first_nan(launch):
    x = np.float32([[1, 3, 3, 2], [0, -0.0, -1, 0], [1, np.nan, 9, np.nan], [np.nan, 1, 2, np.nan]])
    z = launch(ARGMAX, (4, 1), x[:, :, np.newaxis].copy(), np.empty((4, 1), np.int64))
    assert z.ravel().tolist() == [1, 0, 1, 0]


def test_elements_are_taken_and_scattered_along_an_axis(launch):
    x, index = numbers(2, 4, 3), np.array([[3, -1, 0], [1, 1, 2]])
    picked = np.where(index < 0, 0, np.take_along_axis(x, index[:, np.newaxis], 1)[:, 0])
    assert same_bits(
        launch(TAKE_ALONG_AXIS, (2, 3), x, index, np.empty((2, 3), np.float32)), picked
    )
    spread = np.where(np.arange(4)[:, np.newaxis] == index[:, np.newaxis], picked[:, np.newaxis], 0)
    z = launch(SCATTER_ALONG_AXIS, (2, 4, 3), picked, index, np.empty_like(x))
    assert same_bits(z, spread)
    rows = launch(TAKE_ROWS, (2, 3), x[0], np.array([2, -1]), np.empty((2, 3), np.float32))
    assert same_bits(rows, [x[0, 2], np.zeros(3)])


def test_an_ordered_sum_runs_from_the_first_to_the_last(launch):
    x = numbers(2, 29, 3)
    expected = np.zeros((2, 3), np.float32)
    for k in range(29):
        expected = expected + x[:, k]
    assert same_bits(launch(SUM_ORDERED, (2, 3), x, np.empty_like(expected)), expected)


def tree(x):
    """Sum by the balanced tree that splits at the largest power of two below the length."""
    if len(x) == 1:
        return x[0]
    split = 1 << ((len(x) - 1).bit_length() - 1)
    return tree(x[:split]) + tree(x[split:])


def test_a_pairwise_sum_is_the_balanced_tree_for_every_length(launch):
    for n in (*range(1, 35), 63, 64, 65):
        x = numbers(1, n, 2)
        expected = np.array([[tree(x[0, :, 0]), tree(x[0, :, 1])]])
        assert same_bits(launch(SUM_PAIRWISE, (1, 2), x)[:, 0], expected), n


def test_a_kernel_called_on_pieces_of_its_domain_gives_the_same_bits():
    table = ieee_table(Arithmetic(BINARY32), get_target("cpu"))
    python = ieee_table(Arithmetic(BINARY32), get_target("python"))
    a, b = numbers(2, 4, 6).view(np.uint32), numbers(2, 6, 5).view(np.uint32)
    whole, pieces = np.empty((2, 4, 5), np.uint32), np.zeros((2, 4, 5), object)
    kernel_for(get_target("cpu"), MATMUL, table)(whole.shape, a, b, whole)
    cell = MATMUL.make(python)
    for m, i, j in np.ndindex(whole.shape):
        cell(m, m + 1, i, i + 1, j, j + 1, a.astype(object), b.astype(object), pieces)
    assert np.array_equal(pieces.astype(np.uint32), whole)


def test_an_empty_sum_is_plus_zero_and_an_empty_domain_is_left_alone(launch):
    assert same_bits(launch(SUM_ORDERED, (1, 2), numbers(1, 0, 2), numbers(1, 2)), [[0, 0]])
    assert launch(binary("add"), (0,), numbers(0), numbers(0), numbers(0)).size == 0
