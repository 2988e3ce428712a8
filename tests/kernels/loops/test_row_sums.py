"""Sums of rows: the bits of the loops over cells, with and without NaNs on the way."""

import numpy as np
import pytest

import numlean as nl
from numlean import get_scalar
from numlean.errors import StorageError
from numlean_kernels.loops.reduce import SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.loops.row_sums import (
    LONG,
    PART,
    SUM_ORDERED_ROWS,
    SUM_PAIRWISE_ROWS,
    work_length,
)
from numlean_kernels.protocol import kernel_for
from numlean_kernels.targets import get_target

CASES = [("float32", "cpu"), ("ieee32exec", "python")]
TERMS = (1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 64, 100)


def rows_with_specials(scalar, terms):
    rng = np.random.default_rng(terms)
    values = rng.normal(size=(19, terms)) * np.ldexp(1.0, rng.integers(-20, 20, (19, terms)))
    values[3, terms // 2] = np.nan
    values[5, 0], values[5, -1] = np.inf, -np.inf
    values[6] = -0.0
    values[17, terms - 1] = np.inf
    x = scalar.from_float(values)
    codes = scalar.to_bits(x).reshape(x.shape).copy()
    codes[9, terms // 3] = 0xFFC0_1234
    codes[9, -1] = 0x7F80_0001  # a signalling NaN
    return np.ascontiguousarray(scalar.from_bits(codes))


@pytest.mark.parametrize(("dtype", "device"), CASES)
def test_rows_have_the_sums_of_cells(dtype, device):
    scalar, cells = get_scalar(dtype, device=device), get_target("python")
    reference = get_scalar("ieee32exec", device="python")
    run = scalar.target
    for terms in TERMS:
        x = rows_with_specials(scalar, terms)
        codes = reference.from_bits(scalar.to_bits(x).reshape(x.shape))
        expected = np.empty((len(x), 1), codes.dtype)
        kernel_for(cells, SUM_ORDERED, reference.table)(expected.shape, codes[:, :, None], expected)
        z = np.empty(len(x), x.dtype)
        kernel_for(run, SUM_ORDERED_ROWS, scalar.table)(z.shape, x, z)
        assert scalar.to_bits(z).tolist() == expected[:, 0].tolist(), terms
        tree = codes[:, :, None].copy()
        kernel_for(cells, SUM_PAIRWISE, reference.table)(expected.shape, tree)
        work = np.empty((len(x), work_length(terms)), x.dtype)
        kernel_for(run, SUM_PAIRWISE_ROWS, scalar.table)(z.shape, x, work, z)
        assert scalar.to_bits(z).tolist() == tree[:, 0, 0].tolist(), terms


def test_sums_along_the_last_axis_are_those_along_the_first_of_the_transpose():
    scalar = get_scalar("float32")
    x = scalar.from_float(np.random.default_rng(2).normal(size=(11, 300)))
    for reduction in ("ordered", "pairwise"):
        by_rows = scalar.sum(x, 1, reduction=reduction)
        by_columns = scalar.sum(np.ascontiguousarray(x.T), 0, reduction=reduction)
        assert scalar.to_bits(by_rows).tolist() == scalar.to_bits(by_columns).tolist()
        for axis in ((1,), (-1,)):
            for keepdims in (False, True):
                z = scalar.sum(x, axis, keepdims=keepdims, reduction=reduction)
                assert z.shape == ((11, 1) if keepdims else (11,))
                assert scalar.to_bits(z).ravel().tolist() == scalar.to_bits(by_rows).tolist()
    assert scalar.sum(x[:, :0], 1).tolist() == [0.0] * 11


def merged(x):
    """Return the sum of a row by merging neighbours level by level."""
    while x.size > 1:
        pairs = x[: x.size // 2 * 2].reshape(-1, 2)
        x = np.concatenate([pairs[:, 0] + pairs[:, 1], x[x.size // 2 * 2 :]])
    return x[0]


@pytest.mark.parametrize("terms", [LONG - 1, LONG, LONG + 1, LONG + 3 * PART + 12_345])
def test_a_long_row_has_the_sum_of_one_tree_with_any_number_of_threads(terms):
    scalar, rng = get_scalar("float32"), np.random.default_rng(terms)
    x = scalar.from_float(rng.normal(size=terms) * np.ldexp(1.0, rng.integers(-20, 20, terms)))
    before, sums = nl.get_num_threads(), set()
    try:
        for threads in (1, 2, 3):
            nl.set_num_threads(threads)
            for shape in ((terms,), (1, terms), (terms,)):
                z = scalar.sum(x.reshape(shape), reduction="pairwise")
                assert z.shape == ()
                sums.add(int(scalar.to_bits(z)))
    finally:
        nl.set_num_threads(before)
    assert sums == {int(merged(x).view(np.uint32))}
    x[terms // 3], x[-1] = -np.inf, np.inf
    assert np.isnan(scalar.sum(x, reduction="pairwise"))


@pytest.mark.parametrize("reduction", ["ordered", "pairwise"])
def test_the_short_way_to_the_sum_of_an_array_gives_what_the_long_way_gives(reduction):
    scalar = get_scalar("ieee32exec", fast_kernels=True)
    x = rows_with_specials(scalar, 100)
    for row in x:
        longer = scalar.sum(row.reshape(1, -1), 1, reduction=reduction)
        for shape in ((100,), (4, 25), (5, 2, 10)):
            z = scalar.sum(row.reshape(shape), reduction=reduction)
            assert z.shape == ()
            assert scalar.to_bits(z).tolist() == scalar.to_bits(longer)[0].tolist()
    assert reduction in scalar.direct_sums
    twice = np.repeat(x[0], 2)[::2]
    assert np.array_equal(
        scalar.sum(twice, reduction=reduction), scalar.sum(x[0], reduction=reduction)
    )
    assert scalar.to_bits(scalar.sum(x[0, :0], reduction=reduction)).tolist() == 0
    with pytest.raises(StorageError, match="takes uint32 arrays"):
        scalar.sum(x[0].astype(np.int64), reduction=reduction)
