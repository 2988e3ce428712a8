"""Checks of the arrays that a Scalar accepts, and that it refuses all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numlean.errors import NumleanError, ShapeError, StorageError
from numlean.scalar.dtype import Dtype
from numlean.scalar.protocol import Scalar, Storage
from numlean.testing.conformance.checks import NotApplicableError, Subject, check, expect_error

_UNARY = ("neg", "abs", "sqrt", "exp", "tanh", "sin")
_BINARY = ("add", "sub", "mul", "div", "minimum", "max_num", "eq", "lt", "compare")
_DTYPES = (
    *("int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64"),
    *("object", "bool", "float16", "U3"),
)

Shape = tuple[int, ...]


@check()
def a_scalar_describes_itself(subject: Subject) -> None:
    """Check that the description has one line with the name and the device."""
    line = subject.scalar.describe()
    assert subject.scalar.name in line
    assert subject.scalar.device in line
    assert "\n" not in line


@check()
def a_scalar_with_its_stream_reset_is_equal_to_itself(subject: Subject) -> None:
    """Check that a run can take a Scalar with its stream reset."""
    with_reset_stream = subject.scalar.with_reset_stream()
    with_reset_stream.start_step(3)
    assert with_reset_stream == subject.scalar
    assert hash(with_reset_stream) == hash(subject.scalar)


@check()
def every_operation_refuses_arrays_of_another_dtype(subject: Subject) -> None:
    """Check that the message contains the dtype."""
    scalar = subject.scalar
    x = scalar.from_float([1.0, 2.0])
    for dtype in (d for d in map(np.dtype, _DTYPES) if d != scalar.storage_dtype):
        wrong = np.zeros(2, dtype)
        for name in (*_UNARY, "sum", "to_float", "to_exact", "to_bytes"):
            with expect_error(StorageError, str(dtype)):
                getattr(scalar, name)(wrong)
        for name in _BINARY:
            with expect_error(StorageError, str(dtype)):
                getattr(scalar, name)(x, wrong)
        with expect_error(StorageError, str(dtype)):
            scalar.matmul(x.reshape(1, 2), wrong.reshape(2, 1))
        with expect_error(StorageError, str(dtype)):
            scalar.fma(x, x, wrong)


@check(1.0, 1, [1.0], None, "1", np.float32(1))
def objects_that_are_not_arrays_are_refused_by_their_type(subject: Subject, wrong: Any) -> None:
    """Check that numbers enter only by conversions."""
    with expect_error(StorageError, type(wrong).__name__):
        subject.scalar.neg(wrong)
    with expect_error(StorageError, type(wrong).__name__):
        subject.scalar.add(subject.scalar.from_float([1.0]), wrong)


@check()
def object_arrays_with_foreign_elements_are_refused(subject: Subject) -> None:
    """Check Scalars whose storage dtype is object, too."""
    wrong = np.array([1.0, 2.0], dtype=object)
    with expect_error(NumleanError):
        subject.scalar.add(wrong, wrong)
    with expect_error(NumleanError):
        subject.scalar.to_float(wrong)


@check()
def byte_swapped_arrays_are_not_taken_for_native_ones(subject: Subject) -> None:
    """Check both byte orders."""
    scalar = subject.scalar
    if scalar.storage_dtype.itemsize == 1 or scalar.storage_dtype.hasobject:
        raise NotApplicableError("no byte order")
    x = scalar.from_float([1.0, 2.0])
    with expect_error(StorageError):
        scalar.neg(x.astype(x.dtype.newbyteorder(">")))


@check(((2,), (3,)), ((2, 3), (2,)), ((4, 1), (3, 2)), ((0,), (2,)))
def shapes_that_do_not_broadcast_are_shown(subject: Subject, shapes: tuple[Shape, Shape]) -> None:
    """Check that the message contains both shapes."""
    scalar = subject.scalar
    x, y = (scalar.from_float(np.ones(shape)) for shape in shapes)
    for name in _BINARY:
        with expect_error(ShapeError, *map(str, shapes)):
            getattr(scalar, name)(x, y)
    with expect_error(ShapeError):
        scalar.fma(x, x, y)


@check(
    ((), (), ()),
    ((), (3,), (3,)),
    ((2, 1), (1, 3), (2, 3)),
    ((0,), (1,), (0,)),
    ((0, 3), (3,), (0, 3)),
    ((2, 3), (), (2, 3)),
    ((4, 1, 2), (3, 1), (4, 3, 2)),
)
def arrays_broadcast_as_numpy_s_do(subject: Subject, shapes: tuple[Shape, Shape, Shape]) -> None:
    """Check that the result of an element depends on its operands alone."""
    scalar, (a, b, z), rng = subject.repeatable, shapes, np.random.default_rng(173)
    x, y = scalar.from_float(rng.standard_normal(a)), scalar.from_float(rng.standard_normal(b))
    wide_x, wide_y = np.broadcast_arrays(x, y)
    for name in ("add", "div", "compare"):
        result = getattr(scalar, name)(x, y)
        assert result.shape == z
        assert result.tolist() == _one_by_one(scalar, name, wide_x, wide_y)
    assert scalar.fma(x, y, x).shape == z


@check()
def views_of_every_kind_give_what_their_copies_give(subject: Subject) -> None:
    """Check strided, reversed, transposed, read-only and broadcast views."""
    scalar = subject.repeatable
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
        assert scalar.to_bytes(view) == scalar.to_bytes(copy)
        for name in ("neg", "sqrt", "to_float"):
            got, expected = getattr(scalar, name)(view), getattr(scalar, name)(copy)
            assert got.shape == expected.shape
            assert repr(got.tolist()) == repr(expected.tolist())


@check()
def results_share_no_memory_with_arguments(subject: Subject) -> None:
    """Check that a result can be written to."""
    scalar = subject.scalar
    x = scalar.from_float([1.0, -2.0])
    before = scalar.to_bytes(x)
    for z in (scalar.neg(x), scalar.abs(x), scalar.add(x, x), scalar.sum(x, 0, keepdims=True)):
        z[...] = scalar.from_float(5.0)
    assert scalar.to_bytes(x) == before


@check("exp", "log", "tanh", "sinh", "cosh", "sin", "cos")
def elementary_functions_take_and_keep_any_shape_and_stride(subject: Subject, name: str) -> None:
    """Check that the argument is not changed."""
    scalar, function = subject.scalar, getattr(subject.scalar, name)
    x = scalar.from_float([[0.5, 1.0, 2.0], [0.25, 3.0, 1.5]])
    before, flat = scalar.to_bytes(x), function(x.reshape(-1))
    assert function(x.T).ravel().tolist() == flat[[0, 3, 1, 4, 2, 5]].tolist()
    assert function(x[:, ::2]).ravel().tolist() == flat[[0, 2, 3, 5]].tolist()
    assert function(x[:0]).shape == (0, 3)
    single = function(np.asarray(x[0, 0]))
    assert single.shape == ()
    assert single.dtype == scalar.storage_dtype
    assert single.tolist() == flat.tolist()[0]
    assert scalar.to_bytes(x) == before


@check("tanh", "sinh", "sin")
def an_odd_function_of_minus_x_is_minus_the_function_of_x(subject: Subject, name: str) -> None:
    """Check zeros as well, where they have a sign; without negative numbers, nothing.

    Rounded up or down, f(-x) is -f(x) or its neighbour in that direction: the mirror image of
    rounding up is rounding down.
    """
    subject.check_has_every_negative()
    scalar, function = subject.scalar, getattr(subject.scalar, name)
    x = scalar.from_float([0.0, 0.25, 1.5, 3.0])
    found, expected = function(scalar.neg(x)), scalar.neg(function(x))
    step = {"toward_positive": scalar.next_up, "toward_negative": scalar.next_down}
    if scalar.rounding not in step:
        assert scalar.to_bytes(found) == scalar.to_bytes(expected)
        return
    either = (expected, _stepped(scalar, step[scalar.rounding], expected))
    pairs = [[scalar.to_bytes(z[k : k + 1]) for z in (found, *either)] for k in range(x.size)]
    assert all(one in others for one, *others in pairs)
    assert pairs[0][0] == pairs[0][1]


def _stepped(scalar: Scalar, step: Callable[[Storage], Storage], x: Storage) -> Storage:
    """Return the neighbours of numbers that a result can be: not subnormal if those are flushed."""
    z, format = step(x), scalar.format
    if format is None or Dtype.parse(scalar.name).options.get("subnormal") != "flush":
        return z
    least, zero = scalar.from_bits([format.implicit_bit]), scalar.from_float([0.0])
    is_subnormal = scalar.lt(zero, scalar.abs(z)) & scalar.lt(scalar.abs(z), least)
    jumped = np.where(scalar.eq(x, zero), least, zero)
    return np.where(is_subnormal, scalar.copy_sign(jumped, z), z)


def _one_by_one(scalar: Scalar, name: str, x: Any, y: Any) -> Any:
    operation, z = getattr(scalar, name), []
    for a, b in zip(x.ravel(), y.ravel(), strict=True):
        pair = (_single(scalar, a), _single(scalar, b))
        z.append(operation(*pair)[0])
    dtype = np.int8 if name == "compare" else scalar.storage_dtype
    return np.array(z, dtype=dtype).reshape(x.shape).tolist()


def _single(scalar: Scalar, element: Any) -> Any:
    array = np.empty(1, scalar.storage_dtype)
    array[0] = element
    return array
