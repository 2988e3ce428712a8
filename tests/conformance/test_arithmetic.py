"""What every Scalar promises, held to exact rationals and to MPFR."""

import gmpy2
import mpmath
import numpy as np
import pytest

from numlean.errors import NumleanError, ShapeError, StorageError

VALUES = [0.0, 1.0, -1.0, 0.5, 3.0, -0.1, 1 / 3, 7.25, -117.0, 1e-3, 440.0]


def mpfr_context(scalar, **options):
    """A context that rounds as the Scalar does, for formats within the IEEE family."""
    f = scalar.format
    if f is None:
        return gmpy2.context(precision=scalar.codec.precision, emax=2**40, emin=-(2**40))
    return gmpy2.context(
        precision=f.precision,
        emax=f.emax + 1,
        emin=f.emin - f.precision + 2,
        subnormalize=True,
        **options,
    )


def to_mpfr(value):
    sign, man, exponent, _ = value._mpf_
    if man == 0 and exponent:
        return gmpy2.mpfr(str(float(value)))
    with gmpy2.context(precision=4096, emax=2**40, emin=-(2**40)):
        return gmpy2.mul_2exp(gmpy2.mpfr(-man if sign else man), 0) * gmpy2.exp2(exponent)


def check(scalar, x, mpfr_values):
    """Exact values equal MPFR's; what a format without infinity cannot hold is a NaN."""
    lacks_infinity = scalar.format is not None and not scalar.format.has_infinity
    for value, expected in zip(scalar.to_exact(x).flat, mpfr_values, strict=True):
        beyond = lacks_infinity and (gmpy2.is_infinite(expected) or abs(expected) > 448)
        if gmpy2.is_nan(expected) or beyond:
            assert mpmath.isnan(value)
        elif gmpy2.is_infinite(expected):
            assert float(value) == float(expected)
        else:
            rational = gmpy2.mpq(*mpmath.libmp.to_rational(value._mpf_))
            assert rational == gmpy2.mpq(*expected.as_integer_ratio())


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_operations_are_rounded_once_to_nearest_even(scalar, name):
    x = scalar.from_float(np.repeat(VALUES, len(VALUES)))
    y = scalar.from_float(np.tile(VALUES, len(VALUES)))
    z = getattr(scalar, name)(x, y)
    with mpfr_context(scalar) as context:
        operation = getattr(context, name)
        pairs = zip(scalar.to_exact(x), scalar.to_exact(y), strict=True)
        expected = [operation(to_mpfr(a), to_mpfr(b)) for a, b in pairs]
    check(scalar, z, expected)


def test_square_roots_are_rounded_once(scalar):
    x = scalar.from_float(VALUES)
    with mpfr_context(scalar) as context:
        expected = [context.sqrt(to_mpfr(a)) for a in scalar.to_exact(x)]
    check(scalar, scalar.sqrt(x), expected)


def test_fma_rounds_once(scalar):
    x, y, w = (scalar.from_float(np.roll(VALUES, k)) for k in (0, 3, 7))
    exact = [(scalar.to_exact(a)) for a in (x, y, w)]
    with mpfr_context(scalar) as context:
        expected = [context.fma(*map(to_mpfr, abc)) for abc in zip(*exact, strict=True)]
    check(scalar, scalar.fma(x, y, w), expected)


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sinh", "cosh", "sin", "cos"])
def test_elementary_functions_are_correctly_rounded(scalar, name):
    values = [0.0, 1.0, -1.0, 0.5, 3.0, -0.1, 1 / 3, 1e-3, -20.0, 120.0, 1e-30, 0.9999]
    x = scalar.from_float([*values, np.inf, -np.inf, np.nan])
    with mpfr_context(scalar) as context:
        operation = getattr(context, name)
        expected = [operation(to_mpfr(a)) for a in scalar.to_exact(x)]
    if scalar.format is not None and not scalar.format.has_infinity:
        x, expected = x[:8], expected[:8]
    check(scalar, getattr(scalar, name)(x), expected)


@pytest.mark.parametrize("name", ["tanh", "sinh", "sin"])
def test_odd_functions_leave_a_zero_its_sign(scalar, name):
    if scalar.format is None:
        pytest.skip("no zero with a sign")
    zeros = scalar.from_bits([0, scalar.format.sign_mask])
    assert scalar.to_bits(getattr(scalar, name)(zeros)).tolist() == [0, scalar.format.sign_mask]


def test_numbers_come_out_as_they_went_in(scalar):
    x = scalar.from_float([0.0, 1.0, -2.5, 0.375])
    assert scalar.to_float(x).tolist() == [0.0, 1.0, -2.5, 0.375]
    assert x.dtype == scalar.storage_dtype
    again = scalar.from_exact(scalar.to_exact(x))
    assert scalar.to_bytes(again) == scalar.to_bytes(x)
    if scalar.format is not None:
        assert scalar.to_bytes(scalar.from_bits(scalar.to_bits(x))) == scalar.to_bytes(x)


def test_integers_go_in_and_come_out_truncated(scalar):
    assert scalar.to_float(scalar.from_int([0, 1, -3, 7])).tolist() == [0.0, 1.0, -3.0, 7.0]
    assert scalar.to_int(scalar.from_float([2.5, -2.5, 0.0])).tolist() == [2, -2, 0]
    with pytest.raises(NumleanError, match="nan"):
        scalar.to_int(scalar.from_float([np.nan]))


def test_division_by_zero_is_infinite_and_zero_by_zero_is_no_number(scalar):
    x, zero = scalar.from_float([1.0, -1.0, 0.0]), scalar.from_float(0.0)
    z = scalar.to_float(scalar.div(x, zero))
    has_infinity = scalar.format is None or scalar.format.has_infinity
    infinite = [np.inf, -np.inf] if has_infinity else [np.nan, np.nan]
    assert np.array_equal(z, [*infinite, np.nan], equal_nan=True)


def test_arrays_broadcast_and_may_be_empty_scalar_strided_or_read_only(scalar):
    x = scalar.from_float([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    row = scalar.from_float([1.0, 2.0, 4.0])
    assert scalar.to_float(scalar.add(x, row)).tolist() == [[1, 3, 6], [2, 4, 7]]
    assert scalar.to_float(scalar.add(x.T, scalar.from_float(1.0)))[2].tolist() == [3, 4]
    assert scalar.add(x[:0], row).shape == (0, 3)
    assert scalar.to_float(scalar.neg(scalar.from_float(1.0))).item() == -1
    frozen = x.copy()
    frozen.flags.writeable = False
    assert scalar.to_float(scalar.add(frozen, frozen)).tolist() == [[0, 2, 4], [2, 4, 6]]
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(2,\)"):
        scalar.add(x, row[:2])


def test_arrays_that_are_not_storage_are_refused(scalar):
    wrong = np.zeros(2, np.complex64)
    with pytest.raises(StorageError, match="complex64"):
        scalar.add(wrong, wrong)
    with pytest.raises(StorageError, match="list"):
        scalar.neg([1.0])


def test_comparisons_order_numbers_and_no_nan(scalar):
    x = scalar.from_float([1.0, 1.0, 2.0, np.nan])
    y = scalar.from_float([2.0, 1.0, 1.0, 1.0])
    assert scalar.lt(x, y).tolist() == [True, False, False, False]
    assert scalar.le(x, y).tolist() == [True, True, False, False]
    assert scalar.eq(x, y).tolist() == [False, True, False, False]
    assert scalar.compare(x, y).tolist() == [-1, 0, 1, 2]


def test_extrema_propagate_nans_and_their_elder_siblings_drop_them(scalar):
    x, y = scalar.from_float([1.0, np.nan]), scalar.from_float([-2.0, 3.0])

    def values(name):
        return scalar.to_float(getattr(scalar, name)(x, y))

    assert np.array_equal(values("minimum"), [-2, np.nan], equal_nan=True)
    assert np.array_equal(values("maximum"), [1, np.nan], equal_nan=True)
    assert values("min_num").tolist() == [-2, 3]
    assert values("max_num").tolist() == [1, 3]


def test_matmul_is_its_own_additions_and_products_in_order(scalar):
    rng = np.random.default_rng(41)
    a, b = (
        scalar.from_float(rng.standard_normal((2, 5))),
        scalar.from_float(rng.standard_normal((5, 3))),
    )
    separate = fused = scalar.from_float(np.zeros((2, 3)))
    for k in range(5):
        column, row = a[:, k : k + 1], b[k : k + 1]
        separate = scalar.add(separate, scalar.mul(column, row))
        fused = scalar.fma(column, row, fused)
    assert scalar.to_bytes(scalar.matmul(a, b)) == scalar.to_bytes(separate)
    assert scalar.to_bytes(scalar.matmul(a, b, contraction="fma")) == scalar.to_bytes(fused)
    with pytest.raises(ShapeError, match=r"\(2, 5\) and \(2, 5\)"):
        scalar.matmul(a, a)
    with pytest.raises(NumleanError, match="fma"):
        scalar.matmul(a, b, contraction="sometimes")


def test_sums_add_in_index_order_along_any_axes(scalar):
    x = scalar.from_float(np.random.default_rng(43).standard_normal((2, 3, 4)))
    last = scalar.from_float(np.zeros((2, 3)))
    for k in range(4):
        last = scalar.add(last, np.ascontiguousarray(x[..., k]))
    assert scalar.to_bytes(scalar.sum(x, -1)) == scalar.to_bytes(last)
    outer = scalar.from_float(np.zeros(3))
    for i in range(2):
        for k in range(4):
            outer = scalar.add(outer, np.ascontiguousarray(x[i, :, k]))
    assert scalar.to_bytes(scalar.sum(x, (0, 2))) == scalar.to_bytes(outer)
    assert scalar.sum(x, (0, 2), keepdims=True).shape == (1, 3, 1)
    assert scalar.to_bytes(scalar.sum(x)) == scalar.to_bytes(scalar.sum(x.reshape(-1), 0))
    with pytest.raises(ShapeError, match="axis 3"):
        scalar.sum(x, 3)


def test_pairwise_sums_are_the_balanced_tree(scalar):
    x = scalar.from_float(np.random.default_rng(47).standard_normal(7))
    add = scalar.add
    pair = [add(x[k : k + 1], x[k + 1 : k + 2]) for k in (0, 2, 4)]
    tree = add(add(pair[0], pair[1]), add(pair[2], x[6:7]))
    assert scalar.to_bytes(scalar.sum(x, reduction="pairwise")) == scalar.to_bytes(tree)
    assert scalar.to_float(scalar.sum(x[:0], reduction="pairwise")) == 0


def test_a_scalar_says_what_it_is(scalar):
    assert scalar.name in scalar.describe()
    assert scalar.device in scalar.describe()
