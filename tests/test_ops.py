"""Operations of users' functions on tensors, and the conversion of numbers to tensors."""

import inspect
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import numlean as nl
from numlean import ops
from numlean.autograd.indices import INDEX
from numlean.autograd.literal import as_tensor
from numlean.errors import NumleanError, ShapeError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.precision import precision_of

S = nl.get_scalar("ieee32exec")
X = np.array([0.25, 0.5, 0.75])
Y = np.array([1.5, -2.0, 0.125])

# Just above the middle of two binary32 numbers; as a binary64 number it is the middle.
ABOVE_MIDDLE = 1 + Fraction(1, 2**24) + Fraction(1, 2**60)


def bits(tensor):
    return tensor.scalar.to_bits(tensor.data).tolist()


@pytest.mark.parametrize("name", ARITIES)
def test_every_elementary_function_is_the_scalar_s(name):
    values = (X + (name == "acosh"), Y)[: ARITIES[name]]
    z = getattr(ops, name)(*(nl.Tensor.of(S, v) for v in values))
    assert bits(z) == S.to_bits(getattr(S, name)(*map(S.from_float, values))).tolist()


def test_other_operations_are_the_scalar_s():
    x, y = nl.Tensor.of(S, X), nl.Tensor.of(S, Y)
    a, b = x.data, y.data
    row, column = x.reshape(1, -1), y.reshape(-1, 1)
    terms = nl.Tensor.of(S, 1 / np.arange(1, 100))
    for mine, its in [
        (ops.sqrt(x), S.sqrt(a)),
        (ops.abs(y), S.abs(b)),
        (ops.relu(y), S.maximum(b, S.from_float(0.0))),
        (ops.minimum(x, y), S.minimum(a, b)),
        (ops.maximum(x, 0.5), S.maximum(a, S.from_float(0.5))),
        (ops.fma(x, y, 1.0), S.fma(a, b, S.from_float(1.0))),
        (ops.max(y), S.max(b)),
        (ops.sum(terms), S.sum(terms.data)),
        (ops.sum(terms, reduction="pairwise"), S.sum(terms.data, reduction="pairwise")),
        (terms.sum(reduction="pairwise"), S.sum(terms.data, reduction="pairwise")),
        (ops.matmul(row, column), S.matmul(row.data, column.data)),
        (
            ops.matmul(row, column, contraction="fma"),
            S.matmul(row.data, column.data, contraction="fma"),
        ),
    ]:
        assert bits(mine) == S.to_bits(its).tolist()
    assert ops.concat([x, y]).to_float().tolist() == [*X, *Y]
    assert ops.stack([x, y]).to_float().tolist() == [X.tolist(), Y.tolist()]
    assert ops.where(y, "lt", 0.0, x).to_float().tolist() == [0.0, 0.5, 0.0]


def test_every_operation_has_a_docstring():
    for name, function in vars(ops).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            assert function.__doc__


def test_refusals_show_the_operand():
    with pytest.raises(NumleanError, match="at least must be a Tensor"):
        ops.hypot(3.0, 4.0)
    with pytest.raises(NumleanError, match="'gt'"):
        ops.where(nl.Tensor.of(S, X), "gt", 0.0, 1.0)


def test_parts_of_a_tensor_are_numpy_s():
    values = np.arange(24.0).reshape(2, 3, 4)
    x = nl.Tensor.of(S, values)
    for where in (0, -1, (1, 2), (1, 2, 3), slice(1), (slice(None), 1), (0, slice(None, None, -2))):
        assert np.array_equal(x[where].to_float(), values[where])
    assert [part.shape for part in x] == [(3, 4), (3, 4)]
    assert np.array_equal(x[np.int64(1)].to_float(), values[1])
    with pytest.raises(IndexError, match="index 3 is out of range for an axis of extent 3"):
        x[0, 3]
    with pytest.raises(ShapeError, match="3 axes: 4"):
        x[0, 0, 0, 0]
    with pytest.raises(ShapeError, match="cannot iterate"):
        list(x[0, 0, 0])


@pytest.mark.parametrize(
    "value",
    [
        ABOVE_MIDDLE,
        f"{ABOVE_MIDDLE.numerator}/{ABOVE_MIDDLE.denominator}",
        Decimal("1.0000000596046447762"),  # of so many digits that it is above the middle
        "0x1.0000010000000010p0",
        "0x1000001000000001 p-60",
    ],
    ids=["fraction", "text", "decimal", "hexadecimal", "integral hexadecimal"],
)
def test_exact_numbers_enter_with_one_rounding(value):
    assert bits(as_tensor(S, value)) == 0x3F800001
    assert bits(as_tensor(S, [value, -1, 0.5])) == [0x3F800001, 0xBF800000, 0x3F000000]
    assert bits(ops.constant(nl.Tensor.of(S, X), value)) == 0x3F800001


def test_integers_of_any_size_enter_with_one_rounding():
    above = (2**60 + 2**36) + 1  # 2**60 * (1 + 2**-24 + 2**-60)
    assert bits(as_tensor(S, above)) == 0x5D800001
    assert bits(as_tensor(S, np.array([above]))) == [0x5D800001]
    assert bits(as_tensor(S, [above, 1])) == [0x5D800001, 0x3F800000]


def test_binary64_numbers_and_tensors_enter_as_they_are():
    assert bits(as_tensor(S, np.array([-0.0, np.nan, np.inf]))) == [
        0x80000000,
        0x7FC00000,
        0x7F800000,
    ]
    assert bits(as_tensor(S, [-0.0, "-0.0", np.float32(0.1)])) == [
        0x80000000,
        0x80000000,
        0x3DCCCCCD,
    ]
    wide = nl.get_scalar("mp:200")
    third = nl.Tensor(wide, wide.div(wide.from_float([1.0]), wide.from_float([3.0])))
    assert bits(as_tensor(S, third)) == [0x3EAAAAAB]
    assert bits(as_tensor(S, nl.Tensor.of(nl.get_scalar("bfloat16"), [-0.0, 1.5]))) == [
        0x80000000,
        0x3FC00000,
    ]
    with mpmath.workprec(100):
        assert bits(as_tensor(S, [-mpmath.mpf(1) / 3, mpmath.inf])) == [0xBEAAAAAB, 0x7F800000]
    places = nl.Tensor(INDEX, np.array([1, 2]))
    assert as_tensor(S, places) is places
    assert as_tensor(S, []).shape == (0,)


@pytest.mark.parametrize("value", ["1/0", "one", "1/2/3", 1 + 2j, True, None, [[1], ["x"]]])
def test_values_that_are_not_numbers_are_refused(value):
    with pytest.raises(NumleanError, match="is not a number"):
        as_tensor(S, value)


def test_ragged_lists_are_refused():
    with pytest.raises((ShapeError, NumleanError), match="not an array"):
        as_tensor(S, [[1, 2], [3]])


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [("float64", 53), ("float32", 24), ("e4m3", 4), ("mp:1", 1), ("mp:2", 2), ("mp:77", 77)],
)
def test_the_precision_of_an_arithmetic_is_known(dtype, precision):
    assert precision_of(nl.get_scalar(dtype)) == precision
