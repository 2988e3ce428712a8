"""Checks of the order of sums and products, against loops over the Scalar's own operations."""

from __future__ import annotations

import numpy as np

from numlean.errors import NumleanError, ShapeError
from numlean.scalar.finiteness import is_nan
from numlean.scalar.protocol import Contraction, Order, Scalar, Storage
from numlean.testing.conformance.checks import NotApplicableError, Subject, check, expect_error


@check(1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33)
def sums_of_every_length_have_the_specified_order(subject: Subject, length: int) -> None:
    """Check ordered sums from +0, and pairwise sums by the balanced tree."""
    scalar, x = subject.repeatable, _spread(subject.scalar, (length,), length)
    assert _same(scalar, scalar.sum(x), _ordered(scalar, _elements(x)))
    tree = _pairwise(scalar, _elements(x))
    assert _same(scalar, scalar.sum(x, reduction="pairwise"), tree)


@check()
def the_orders_differ_where_rounding_makes_them(subject: Subject) -> None:
    """Check one plus many units that vanish when added to it one at a time."""
    scalar = subject.repeatable
    p = subject.known.precision if subject.known else 24
    x = scalar.from_float([1.0, *[2.0 ** -min(p, 1000)] * 3])
    parts = [scalar.add(x[2:3], x[3:4]), scalar.add(x[:1], x[1:2])]
    assert _same(scalar, scalar.sum(x, reduction="pairwise"), scalar.add(parts[1], parts[0]))
    assert _same(scalar, scalar.sum(x), _ordered(scalar, _elements(x)))


@check()
def an_empty_sum_is_plus_zero_and_so_is_one_of_minus_zeros_unless_rounded_down(
    subject: Subject,
) -> None:
    """Check that every sum starts from +0; toward negative, +0 + -0 is -0 (clause 6.3)."""
    scalar, zero = subject.scalar, subject.scalar.from_float(0.0)
    total = scalar.from_float(-0.0) if scalar.rounding == "toward_negative" else zero
    x = scalar.from_float([-0.0, -0.0, -0.0])
    assert _same(scalar, scalar.sum(x[:0]), zero)
    assert _same(scalar, scalar.sum(x[:0], reduction="pairwise"), zero)
    if subject.reference.has_zero:
        assert _same(scalar, scalar.sum(x), total)
    assert scalar.sum(scalar.from_float(np.ones((0, 3))), 0).shape == (3,)
    assert scalar.sum(scalar.from_float(np.ones((0, 3))), 1).shape == (0,)


@check(None, 0, 1, 2, -1, -3, (0, 1), (1, 2), (0, 2), (2, 0), (0, -2))
def sums_along_axes_add_elements_in_c_order(
    subject: Subject, axis: int | tuple[int, ...] | None
) -> None:
    """Check both orders, with and without keepdims."""
    scalar, x = subject.repeatable, _spread(subject.scalar, (2, 3, 4), 139)
    requested = range(3) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = sorted(a % 3 for a in requested)
    kept = [k for k in range(3) if k not in axes]
    rows = x.transpose(*kept, *axes).reshape(-1, int(np.prod([x.shape[a] for a in axes])))
    orders: tuple[Order, ...] = ("ordered", "pairwise")
    for reduction in orders:
        add_up = _ordered if reduction == "ordered" else _pairwise
        expected = np.concatenate([add_up(scalar, _elements(row)) for row in rows])
        z = scalar.sum(x, axis, reduction=reduction)
        assert z.shape == tuple(x.shape[k] for k in kept)
        assert _same(scalar, z.reshape(-1), expected)
        again = scalar.sum(x, axis, keepdims=True, reduction=reduction)
        assert again.shape == tuple(1 if k in axes else n for k, n in enumerate(x.shape))
        assert _same(scalar, again.reshape(-1), expected)


@check()
def sums_do_not_depend_on_memory_order_nor_change_their_argument(subject: Subject) -> None:
    """Check the same numbers in C and in Fortran order."""
    scalar, x = subject.repeatable, _spread(subject.scalar, (3, 5), 149)
    before, fortran = scalar.to_bytes(x), np.array(x, order="F")
    for axis in (None, 0, 1):
        assert _same(scalar, scalar.sum(x, axis), scalar.sum(fortran, axis))
        tree = scalar.sum(x, axis, reduction="pairwise")
        assert _same(scalar, tree, scalar.sum(fortran, axis, reduction="pairwise"))
    assert scalar.to_bytes(x) == before


@check(3, -4, (0, 0), (0, -3), (1, 5))
def a_missing_or_repeated_axis_is_refused(subject: Subject, axis: int | tuple[int, ...]) -> None:
    """Check that the message contains the axis."""
    with expect_error(ShapeError, "axis"):
        subject.scalar.sum(subject.scalar.from_float(np.ones((1, 2, 3))), axis)


@check()
def an_unknown_order_is_refused_with_the_known_ones(subject: Subject) -> None:
    """Check unknown orders of sums and unknown contractions of products."""
    scalar = subject.scalar
    x = scalar.from_float(np.ones((1, 1)))
    with expect_error(NumleanError, "ordered, pairwise"):
        scalar.sum(x, reduction="kahan")  # type: ignore[arg-type]
    with expect_error(NumleanError, "separate, fma"):
        scalar.matmul(x, x, contraction="sometimes")  # type: ignore[arg-type]


@check((1, 1, 1), (2, 7, 3), (3, 1, 2), (1, 9, 1), (4, 2, 5))
def products_run_over_ascending_k(subject: Subject, sizes: tuple[int, int, int]) -> None:
    """Check products that are rounded separately, and fused ones."""
    scalar, (n, k, m) = subject.repeatable, sizes
    a, b = _spread(scalar, (n, k), 151), _spread(scalar, (k, m), 157)
    contractions: tuple[Contraction, ...] = ("separate", "fma")
    for contraction in contractions:
        expected = _product(scalar, a, b, contraction)
        assert _same(scalar, scalar.matmul(a, b, contraction=contraction), expected)


@check((1, 1, 1, 1), (3, 2, 5, 4), (2, 0, 3, 2), (0, 2, 2, 2))
def products_in_batches_are_those_of_each_batch(
    subject: Subject, sizes: tuple[int, int, int, int]
) -> None:
    """Check both contractions."""
    scalar, (m, n, k, columns) = subject.repeatable, sizes
    a, b = _spread(scalar, (m, n, k), 191), _spread(scalar, (m, k, columns), 193)
    contractions: tuple[Contraction, ...] = ("separate", "fma")
    for contraction in contractions:
        z = scalar.bmm(a, b, contraction=contraction)
        assert z.shape == (m, n, columns)
        for one, x, y in zip(z, a, b, strict=True):
            assert _same(scalar, one, scalar.matmul(x, y, contraction=contraction))
    with expect_error(ShapeError, "bmm"):
        scalar.bmm(a, b[:, :, 0])


@check()
def products_take_any_stride_and_read_only_arrays(subject: Subject) -> None:
    """Check that the results equal those of contiguous copies."""
    scalar = subject.repeatable
    a, b = _spread(scalar, (3, 4), 163), _spread(scalar, (5, 4), 167)
    expected = scalar.matmul(a, np.array(b.T, order="C"))
    frozen = b.T
    frozen.flags.writeable = False
    assert _same(scalar, scalar.matmul(a, frozen), expected)
    wide = np.repeat(a, 2, axis=1)
    assert _same(scalar, scalar.matmul(wide[:, ::2], b.T), expected)


@check()
def products_over_nothing_are_plus_zero_and_empty_ones_are_empty(subject: Subject) -> None:
    """Check that a sum of no products is +0."""
    scalar = subject.scalar
    a, b = scalar.from_float(np.ones((2, 0))), scalar.from_float(np.ones((0, 3)))
    assert _same(scalar, scalar.matmul(a, b), scalar.from_float(np.zeros((2, 3))))
    assert scalar.matmul(b, scalar.from_float(np.ones((3, 2)))).shape == (0, 2)


@check()
def nans_pass_through_products_and_sums(subject: Subject) -> None:
    """Check that a factor of zero does not stop a NaN."""
    scalar = subject.scalar
    if not is_nan(scalar, scalar.from_float([np.nan])).any():
        raise NotApplicableError("there is no NaN")
    if is_nan(scalar, scalar.from_float([0.0])).any():
        raise NotApplicableError("there is no zero")
    # Sums of ones are beyond the range of some formats, and a NaN there by their options.
    a = scalar.from_float([[np.nan, 0.5], [0.5, 0.5]])
    b = scalar.from_float([[0.0, 0.5], [0.5, 0.5]])
    z = scalar.to_float(scalar.matmul(a, b))
    assert np.isnan(z).tolist() == [[True, True], [False, False]]
    assert np.isnan(scalar.to_float(scalar.sum(a)))


@check(((2, 3), (2, 3)), ((3,), (3, 2)), ((2, 3), (3,)), ((), ()))
def matrices_that_do_not_fit_are_refused_with_the_shapes(
    subject: Subject, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Check that vectors are not promoted to matrices."""
    a, b = (subject.scalar.from_float(np.ones(shape)) for shape in shapes)
    with expect_error(ShapeError, *map(str, shapes)):
        subject.scalar.matmul(a, b)


def _ordered(scalar: Scalar, elements: list[Storage]) -> Storage:
    total = scalar.from_float([0.0])
    for element in elements:
        total = scalar.add(total, element)
    return total


def _pairwise(scalar: Scalar, elements: list[Storage]) -> Storage:
    """Return the pairwise sum, recursively: split at the largest power of two below the length."""
    if len(elements) == 1:
        return elements[0]
    half = 1 << (len(elements) - 1).bit_length() - 1
    return scalar.add(_pairwise(scalar, elements[:half]), _pairwise(scalar, elements[half:]))


def _product(scalar: Scalar, a: Storage, b: Storage, contraction: Contraction) -> Storage:
    cells = [scalar.from_float(np.zeros(0))]
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = scalar.from_float([0.0])
            for k in range(a.shape[1]):
                left, right = a[i, k : k + 1], b[k : k + 1, j]
                if contraction == "fma":
                    total = scalar.fma(left, right, total)
                else:
                    total = scalar.add(total, scalar.mul(left, right))
            cells.append(total)
    return np.concatenate(cells).reshape(a.shape[0], b.shape[1])


def _elements(x: Storage) -> list[Storage]:
    return [x.reshape(-1)[k : k + 1] for k in range(x.size)]


def _same(scalar: Scalar, x: Storage, y: Storage) -> bool:
    return scalar.to_bytes(x) == scalar.to_bytes(y)


def _spread(scalar: Scalar, shape: tuple[int, ...], seed: int) -> Storage:
    rng = np.random.default_rng(seed)
    return scalar.from_float(rng.standard_normal(shape) * 2.0 ** rng.integers(-6, 6, shape))
