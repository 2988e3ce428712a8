"""The order of sums and matrix products, against loops over the Scalar's own operations."""

import numpy as np
import pytest

from numlean.errors import NumleanError, ShapeError


def one(scalar, value=0.0):
    return scalar.from_float([value])


def ordered(scalar, elements):
    total = one(scalar)
    for element in elements:
        total = scalar.add(total, element)
    return total


def pairwise(scalar, elements):
    """The tree, recursively: split at the largest power of two below the length."""
    if len(elements) == 1:
        return elements[0]
    half = 1 << (len(elements) - 1).bit_length() - 1
    return scalar.add(pairwise(scalar, elements[:half]), pairwise(scalar, elements[half:]))


def elements_of(x):
    return [x.reshape(-1)[k : k + 1] for k in range(x.size)]


def same(scalar, x, y):
    return scalar.to_bytes(x) == scalar.to_bytes(y)


def spread(scalar, shape, seed):
    rng = np.random.default_rng(seed)
    return scalar.from_float(rng.standard_normal(shape) * 2.0 ** rng.integers(-6, 6, shape))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33])
def test_sums_of_every_length_have_the_order_they_are_said_to_have(scalar, length):
    x = spread(scalar, length, length)
    elements = elements_of(x)
    assert same(scalar, scalar.sum(x), ordered(scalar, elements))
    assert same(scalar, scalar.sum(x, reduction="pairwise"), pairwise(scalar, elements))


def test_the_orders_differ_where_rounding_makes_them(scalar):
    p = scalar.format.precision if scalar.format else 300
    big, ulp = 1.0, 2.0**-p
    x = scalar.from_float([big, ulp, ulp, ulp])
    parts = [scalar.add(x[2:3], x[3:4]), scalar.add(x[:1], x[1:2])]
    assert same(scalar, scalar.sum(x, reduction="pairwise"), scalar.add(parts[1], parts[0]))
    assert same(scalar, scalar.sum(x), ordered(scalar, elements_of(x)))


def test_a_sum_of_nothing_is_plus_zero_and_a_sum_of_minus_zeros_too(scalar):
    x = scalar.from_float([-0.0, -0.0, -0.0])
    for reduction in ("ordered", "pairwise"):
        empty = scalar.sum(x[:0], reduction=reduction)
        assert same(scalar, empty, scalar.from_float(0.0)), reduction
    assert same(scalar, scalar.sum(x), scalar.from_float(0.0))
    assert scalar.sum(scalar.from_float(np.ones((0, 3))), 0).shape == (3,)
    assert scalar.sum(scalar.from_float(np.ones((0, 3))), 1).shape == (0,)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, -3, (0, 1), (1, 2), (0, 2), (2, 0), (0, -2)])
@pytest.mark.parametrize("reduction", ["ordered", "pairwise"])
def test_sums_along_axes_run_in_c_order_over_what_is_summed(scalar, axis, reduction):
    x = spread(scalar, (2, 3, 4), 139)
    asked = range(3) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = sorted(a % 3 for a in asked)
    kept = [k for k in range(3) if k not in axes]
    rows = x.transpose(*kept, *axes).reshape(-1, int(np.prod([x.shape[a] for a in axes])))
    add_up = ordered if reduction == "ordered" else pairwise
    expected = np.concatenate([add_up(scalar, elements_of(row)) for row in rows])
    shape = tuple(x.shape[k] for k in kept)
    z = scalar.sum(x, axis, reduction=reduction)
    assert z.shape == shape
    assert same(scalar, z.reshape(-1), expected)
    kept_shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    again = scalar.sum(x, axis, keepdims=True, reduction=reduction)
    assert again.shape == kept_shape
    assert same(scalar, again.reshape(-1), expected)


def test_sums_do_not_depend_on_memory_order_nor_change_their_argument(scalar):
    x = spread(scalar, (3, 5), 149)
    before = scalar.to_bytes(x)
    fortran = np.array(x, order="F")
    for reduction in ("ordered", "pairwise"):
        for axis in (None, 0, 1):
            a = scalar.sum(x, axis, reduction=reduction)
            assert same(scalar, a, scalar.sum(fortran, axis, reduction=reduction))
    assert scalar.to_bytes(x) == before


@pytest.mark.parametrize("axis", [3, -4, (0, 0), (0, -3), (1, 5)])
def test_an_axis_that_is_not_there_or_twice_is_refused(scalar, axis):
    with pytest.raises(ShapeError, match="axis"):
        scalar.sum(scalar.from_float(np.ones((1, 2, 3))), axis)


def test_an_order_nobody_defined_is_refused_with_the_known(scalar):
    with pytest.raises(NumleanError, match="ordered, pairwise"):
        scalar.sum(one(scalar), reduction="kahan")


def product(scalar, a, b, contraction):
    rows = []
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = one(scalar)
            for k in range(a.shape[1]):
                left, right = a[i, k : k + 1], b[k : k + 1, j]
                if contraction == "fma":
                    total = scalar.fma(left, right, total)
                else:
                    total = scalar.add(total, scalar.mul(left, right))
            rows.append(total)
    empty = scalar.from_float(np.zeros(0))
    return np.concatenate([empty, *rows]).reshape(a.shape[0], b.shape[1])


@pytest.mark.parametrize("contraction", ["separate", "fma"])
@pytest.mark.parametrize(("n", "k", "m"), [(1, 1, 1), (2, 7, 3), (3, 1, 2), (1, 9, 1), (4, 2, 5)])
def test_products_run_over_ascending_k(scalar, n, k, m, contraction):
    a, b = spread(scalar, (n, k), 151), spread(scalar, (k, m), 157)
    expected = product(scalar, a, b, contraction)
    assert same(scalar, scalar.matmul(a, b, contraction=contraction), expected)


def test_products_take_any_stride_and_read_only_arrays(scalar):
    a, b = spread(scalar, (3, 4), 163), spread(scalar, (5, 4), 167)
    expected = scalar.matmul(a, np.array(b.T, order="C"))
    frozen = b.T
    frozen.flags.writeable = False
    assert same(scalar, scalar.matmul(a, frozen), expected)
    wide = np.repeat(a, 2, axis=1)
    assert same(scalar, scalar.matmul(wide[:, ::2], b.T), expected)


def test_products_over_nothing_are_plus_zero_and_empty_ones_are_empty(scalar):
    a, b = scalar.from_float(np.ones((2, 0))), scalar.from_float(np.ones((0, 3)))
    assert same(scalar, scalar.matmul(a, b), scalar.from_float(np.zeros((2, 3))))
    assert scalar.matmul(b, scalar.from_float(np.ones((3, 2)))).shape == (0, 2)


def test_infinities_and_nans_pass_through_products_and_sums(scalar):
    a = scalar.from_float([[np.inf, 1.0], [np.nan, 1.0]])
    b = scalar.from_float([[0.0, 1.0], [1.0, 1.0]])
    z = scalar.to_float(scalar.matmul(a, b))
    assert np.isnan(z[[0, 1, 1], [0, 0, 1]]).all()
    assert np.isposinf(z[0, 1]) or not scalar.format.has_infinity
    assert np.isnan(scalar.to_float(scalar.sum(a)))


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (3, 2)), ((2, 3), (3,)), ((), ())])
def test_what_are_no_two_matrices_that_fit_is_refused_with_the_shapes(scalar, shapes):
    a, b = (scalar.from_float(np.ones(shape)) for shape in shapes)
    with pytest.raises(ShapeError) as caught:
        scalar.matmul(a, b)
    assert all(str(shape) in str(caught.value) for shape in shapes)
