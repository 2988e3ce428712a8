"""Products in vector registers have the bits of the plain loop, for every shape and width."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from numba import njit

from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.loops.matmul_of_views import MATMUL_FMA_OF_VIEWS, MATMUL_OF_VIEWS, OF_VIEWS
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.vector_matmul.lanes import hardware_lanes
from numlean_kernels.targets.vector_matmul.machine import Caches, Machine
from numlean_kernels.targets.vector_matmul.product import make_product
from numlean_kernels.targets.vector_matmul.shape import shape

AVX2, AVX512, NEON = Machine(256, 16), Machine(512, 32), Machine(128, 32)
CACHES = Caches(16 << 10, 64 << 10)
EMPTY = (0, 3, 4), (3, 0, 5), (2, 4, 0)
SMALL = (1, 1, 1), (5, 2, 17), (3, 40, 33), (5, 2, 60), (13, 7, 33), (25, 9, 70)
FEW_ROWS = (16, 1030, 29), (21, 1030, 37), (10, 41, 3301), (17, 41, 3301)
"""Products of few rows that panels serve because of their terms, as in gradients of convolutions,
or because of the size of b, as in convolutions: of one tile and of several."""
BLOCKS = (61, 530, 91)
"""Blocks of terms and of rows with edges, and panels of both operands, for both widths and for
these caches."""

CASES = {
    "AVX-512": (AVX512, BINARY32, MATMUL_OF_VIEWS),
    "AVX2, fma": (AVX2, BINARY64, MATMUL_FMA_OF_VIEWS),
}
PLAIN = {views: loop for loop, views in OF_VIEWS.items()}
TRANSPOSED = tuple(product((0, 1), repeat=3))
RNG = np.random.default_rng(24)


@cache
def kernel(case):
    processor, format, loop = CASES[case]
    lanes = hardware_lanes(format.width, fused=loop is MATMUL_FMA_OF_VIEWS)
    table = hardware_table(format, CPU)
    make = make_product(lanes, table, loop=loop, processor=processor, memory=CACHES)
    return njit(error_model="numpy")(make)


def run(case, a, b, rows=None, columns=None, transposed=(0, 0, 0)):
    """Return the product of two batches by the kernel, with zeros outside of a range of cells."""
    bounds = (0, len(a), *(rows or (0, a.shape[1])), *(columns or (0, b.shape[2])))
    c = np.zeros((len(a), a.shape[1], b.shape[2]), a.dtype)
    a, b, c = (
        np.ascontiguousarray(x.swapaxes(1, 2) if exchanged else x)
        for x, exchanged in zip((a, b, c), transposed, strict=True)
    )
    kernel(case)(*map(np.uint64, bounds), np.array(transposed), a, b, c)
    return np.ascontiguousarray(c.swapaxes(1, 2)) if transposed[2] else c


def plain(case, a, b):
    _, format, loop = CASES[case]
    c = np.zeros((len(a), a.shape[1], b.shape[2]), a.dtype)
    kernel_for(CPU, PLAIN[loop], hardware_table(format, CPU))(c.shape, a, b, c)
    return c


def numbers(case, *shape):
    dtype = np.dtype(f"float{CASES[case][1].width}")
    spread = 10.0 ** RNG.integers(-18, 18, shape)
    return (RNG.standard_normal(shape) * spread).astype(dtype)


def bits(x):
    return x.view(f"u{x.itemsize}")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("transposed", TRANSPOSED)
def test_every_shape_has_the_bits_of_the_plain_loop(case, transposed):
    for n, k, m in (*EMPTY, *SMALL, *FEW_ROWS, BLOCKS):
        a, b = numbers(case, 2, n, k), numbers(case, 2, k, m)
        result = run(case, a, b, transposed=transposed)
        assert np.array_equal(bits(result), bits(plain(case, a, b))), (n, k, m)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("extents", [(13, 7, 33), *FEW_ROWS, BLOCKS])
def test_special_numbers_have_the_bits_of_the_plain_loop(case, extents):
    n, k, m = extents
    a, b = numbers(case, 1, n, k), numbers(case, 1, k, m)
    a[0, :3, 1] = np.inf, -np.inf, -0.0
    bits(a)[0, 3:5, 2] = bits(np.full(2, np.nan, a.dtype)) + np.array([5, 9], bits(a).dtype)
    bits(b)[0, 2, 3:6] = bits(-np.full(3, np.nan, a.dtype)) + bits(b).dtype.type(3)
    b[0, 1, ::4], b[0, :, 7], a[0, 6] = -np.inf, 0.0, np.finfo(a.dtype).smallest_subnormal
    expected = plain(case, a, b)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()
    for transposed in TRANSPOSED:
        result = run(case, a, b, transposed=transposed)
        assert np.array_equal(bits(result), bits(expected)), transposed


def test_the_order_of_sums_is_that_of_numpy_operations_in_a_loop():
    a, b = numbers("AVX-512", 1, 53, 531), numbers("AVX-512", 1, 531, 66)
    c = np.zeros((1, 53, 66), np.float32)
    with np.errstate(all="ignore"):
        for k in range(531):
            c += a[:, :, k : k + 1] * b[:, k : k + 1]
    assert np.array_equal(bits(run("AVX-512", a, b)), bits(c))


@pytest.mark.parametrize("case", CASES)
def test_ranges_of_cells_give_the_cells_of_the_whole(case):
    a, b = numbers(case, 1, 61, 530), numbers(case, 1, 530, 91)
    whole = run(case, a, b)
    for transposed in ((0, 0, 0), (0, 0, 1)):
        parts = np.zeros((1, 61, 91), a.dtype)
        for rows in ((0, 2), (2, 55), (55, 61)):
            for columns in ((0, 21), (21, 91)):
                part = run(case, a, b, rows, columns, transposed)
                outside = part.copy()
                outside[:, slice(*rows), slice(*columns)] = 0
                assert not outside.any()
                parts += part
        assert np.array_equal(bits(whole), bits(parts))


@pytest.mark.parametrize("caches", [Caches(32 << 10, 256 << 10), Caches(48 << 10, 2 << 20)])
@pytest.mark.parametrize(
    ("processor", "width", "temporaries", "tile", "direct"),
    [
        (AVX2, 32, 0, (6, 16), (6, 16)),
        (AVX2, 64, 0, (6, 8), (6, 8)),
        (AVX2, 32, 1, (6, 16), (6, 16)),
        (AVX512, 32, 1, (16, 16), (16, 16)),
        (AVX512, 64, 0, (12, 16), (16, 8)),
        (NEON, 32, 0, (12, 8), (12, 8)),
        (AVX512, 32, 9, (10, 32), (10, 32)),
    ],
)
def test_tiles_fit_into_the_registers(processor, width, temporaries, tile, direct, caches):
    found = shape(processor, caches, width, temporaries)
    assert (found.packed.rows, found.packed.columns) == tile
    assert (found.direct.rows, found.direct.columns) == direct
    for form in (found.packed, found.direct):
        sums = form.rows * form.vectors
        assert sums + form.vectors + 1 + temporaries <= processor.registers
    rows, columns, size = found.packed.rows, found.packed.columns, width // 8
    assert columns * found.terms * size <= caches.first
    assert found.block_rows % rows == 0
    assert found.block_rows * found.terms * size <= caches.second
