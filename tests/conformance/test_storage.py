"""Which arrays a Scalar takes, and that it refuses all others."""

import numpy as np
import pytest

from numlean.errors import NumleanError, ShapeError, StorageError

UNARY = ("neg", "abs", "sqrt", "exp", "tanh", "sin")
BINARY = ("add", "sub", "mul", "div", "minimum", "max_num", "eq", "lt", "compare")


def foreign_dtypes(scalar):
    candidates = ("int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64")
    candidates = (*candidates, "object", "bool", "float16", "U3")
    return [d for d in map(np.dtype, candidates) if d != scalar.storage_dtype]


def test_every_operation_refuses_arrays_of_another_dtype(scalar):
    x = scalar.from_float([1.0, 2.0])
    for dtype in foreign_dtypes(scalar):
        wrong = np.zeros(2, dtype)
        for name in (*UNARY, "sum", "to_float", "to_exact", "to_bytes"):
            with pytest.raises(StorageError, match=str(dtype)):
                getattr(scalar, name)(wrong)
        for name in BINARY:
            with pytest.raises(StorageError, match=str(dtype)):
                getattr(scalar, name)(x, wrong)
        with pytest.raises(StorageError, match=str(dtype)):
            scalar.matmul(x.reshape(1, 2), wrong.reshape(2, 1))
        with pytest.raises(StorageError, match=str(dtype)):
            scalar.fma(x, x, wrong)


@pytest.mark.parametrize("wrong", [1.0, 1, [1.0], None, "1", np.float32(1)])
def test_what_is_no_array_is_refused_by_its_type(scalar, wrong):
    with pytest.raises(StorageError, match=type(wrong).__name__):
        scalar.neg(wrong)
    with pytest.raises(StorageError, match=type(wrong).__name__):
        scalar.add(scalar.from_float([1.0]), wrong)


def test_an_object_array_of_what_are_no_numbers_of_the_scalar_is_refused(scalar):
    wrong = np.array([1.0, 2.0], dtype=object)
    for operation in (lambda: scalar.add(wrong, wrong), lambda: scalar.to_float(wrong)):
        with pytest.raises(NumleanError):
            operation()


def test_byte_swapped_arrays_are_not_taken_for_native_ones(scalar):
    if scalar.storage_dtype.itemsize == 1 or scalar.storage_dtype.hasobject:
        pytest.skip("no byte order")
    x = scalar.from_float([1.0, 2.0])
    with pytest.raises(StorageError):
        scalar.neg(x.astype(x.dtype.newbyteorder(">")))


@pytest.mark.parametrize("shapes", [((2,), (3,)), ((2, 3), (2,)), ((4, 1), (3, 2)), ((0,), (2,))])
def test_shapes_that_do_not_broadcast_are_shown(scalar, shapes):
    x, y = (scalar.from_float(np.ones(shape)) for shape in shapes)
    for name in BINARY:
        with pytest.raises(ShapeError) as caught:
            getattr(scalar, name)(x, y)
        assert all(str(shape) in str(caught.value) for shape in shapes), caught.value
    with pytest.raises(ShapeError):
        scalar.fma(x, x, y)


@pytest.mark.parametrize(
    ("a", "b", "z"),
    [
        ((), (), ()),
        ((), (3,), (3,)),
        ((2, 1), (1, 3), (2, 3)),
        ((0,), (1,), (0,)),
        ((0, 3), (3,), (0, 3)),
        ((2, 3), (), (2, 3)),
        ((4, 1, 2), (3, 1), (4, 3, 2)),
    ],
)
def test_arrays_broadcast_as_numpy_s_do(scalar, a, b, z):
    rng = np.random.default_rng(173)
    x, y = scalar.from_float(rng.standard_normal(a)), scalar.from_float(rng.standard_normal(b))
    wide_x, wide_y = np.broadcast_arrays(x, y)
    for name in ("add", "div", "compare"):
        result = getattr(scalar, name)(x, y)
        expected = getattr(scalar, name)(np.array(wide_x), np.array(wide_y))
        assert result.shape == z
        assert result.tolist() == expected.tolist()
    assert scalar.fma(x, y, x).shape == z


def test_views_of_every_kind_give_what_their_copies_give(scalar):
    base = scalar.from_float(np.random.default_rng(179).standard_normal((4, 6)))
    frozen = base.copy()
    frozen.flags.writeable = False
    views = [base[::2], base[:, ::-1], base.T, base[1:3, 2:5], frozen, np.array(base, order="F")]
    views.append(np.broadcast_to(base[0], (3, 6)))
    for view in views:
        copy = np.array(view, order="C")
        for name in ("add", "mul", "lt"):
            operation = getattr(scalar, name)
            assert operation(view, view).tolist() == operation(copy, copy).tolist()
        for name in ("neg", "sqrt", "to_float", "to_bytes"):
            function = getattr(scalar, name)
            got, expected = function(view), function(copy)
            if isinstance(got, bytes):
                assert got == expected
            else:
                assert got.shape == expected.shape
                assert repr(got.tolist()) == repr(expected.tolist())


def test_results_share_no_memory_with_arguments(scalar):
    x = scalar.from_float([1.0, -2.0])
    before = scalar.to_bytes(x)
    for z in (scalar.neg(x), scalar.abs(x), scalar.add(x, x), scalar.sum(x, 0, keepdims=True)):
        z[...] = scalar.from_float(5.0)
    assert scalar.to_bytes(x) == before
