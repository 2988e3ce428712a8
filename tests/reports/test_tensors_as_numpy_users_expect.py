"""Tensors compare, index, reduce and convert as numpy's arrays and PyTorch's tensors do.

The right values are numpy's on the same binary64 numbers, or stated with their derivation.
"""

import operator
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.autograd.literal import as_tensor
from numlean.errors import (
    DataError,
    ExportError,
    IndexOutOfRangeError,
    MixedScalarError,
    NumleanError,
    ShapeError,
)

A = np.array([[3.0, -1.0, 2.0], [0.5, -0.0, 3.0]])
B = np.array([[3.0, 1.0, -2.0], [0.5, 0.0, np.nan]])
F64 = nl.get_scalar("float64")
MP = nl.get_scalar("mp:80")


def tensor(values, dtype="float64"):
    return nl.Tensor.of(dtype, values)


# Comparisons and truth.


@pytest.mark.parametrize("dtype", ["float64", "mp:80", "e4m3"])
@pytest.mark.parametrize("relation", ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_comparisons_are_elementwise(relation, dtype):
    a, b = tensor(A, dtype), tensor(B, dtype)
    for ours, theirs in [(b, B), (b[0], B[0]), (B, B), (0.5, 0.5), (B.tolist(), B)]:
        expected = getattr(A, relation)(theirs)
        found = getattr(a, relation)(ours)
        assert found.dtype == np.bool_
        assert np.array_equal(found, expected)


def test_an_array_on_the_left_leaves_the_comparison_to_the_tensor():
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        assert np.array_equal(compare(A, tensor(B)), compare(A, B))
        assert np.array_equal(compare(np.float64(0.5), tensor(A)), compare(0.5, A))


def test_a_tensor_does_not_equal_what_is_not_a_number():
    assert (tensor(A) == None) is False  # noqa: E711 (the operator is tried)
    assert (tensor(A) != "a") is True


def test_a_literal_is_rounded_before_it_is_compared():
    # 0.1 of bfloat16 is 0.10009765625, to which the literal 0.1 rounds.
    assert tensor(0.1, "bfloat16") == 0.1
    assert tensor(0.1, "bfloat16").item() == 0.10009765625


def test_tensors_of_two_arithmetics_do_not_compare():
    with pytest.raises(MixedScalarError, match=r"convert one with a\.to"):
        _ = tensor(A) == tensor(A, "bfloat16")


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, np.nan, np.inf, 5e-324])
def test_one_element_is_as_true_as_in_numpy(value):
    assert bool(tensor(value)) is bool(np.float64(value))
    assert bool(tensor([[value]])) is bool(np.array([[value]]))


@pytest.mark.parametrize("values", [[1.0, 1.0], [], [[0.0, 0.0]]])
def test_several_elements_are_neither_true_nor_false(values):
    with pytest.raises(ShapeError, match=r"use \(a == b\)\.all\(\)"):
        bool(tensor(values))


def test_tensors_are_keys_by_identity():
    a, b = tensor(A), tensor(A)
    assert len({a, b}) == 2
    assert {a: 1}[a] == 1


def test_membership_asks_the_elements():
    assert 3 in tensor(A)
    assert 7 not in tensor(A)


# Numbers of Python and arrays of numpy.


def test_numpy_takes_the_values():
    for dtype in ("float64", "e5m2", "mp:80"):
        t = tensor(A, dtype)
        assert np.asarray(t).dtype == np.float64
        assert np.array_equal(np.asarray(t), A)
        if dtype != "mp:80":  # whose only zero is +0
            assert np.array_equal(np.signbit(t.numpy()), np.signbit(A))
    assert np.array_equal(np.stack([tensor(A), tensor(A)]), np.stack([A, A]))
    np.testing.assert_allclose(tensor(A), A)


def test_the_values_are_a_copy():
    t = tensor(A)
    np.asarray(t)[0, 0] = 99.0
    t.numpy()[0, 0] = 99.0
    assert t[0, 0].item() == 3.0
    with pytest.raises(NumleanError, match="can only be copied"):
        np.asarray(t, copy=False)


def test_a_narrower_dtype_rounds_once():
    # 1 + 2^-24 + 2^-60 is above the middle of 1 and 1 + 2^-23. Binary64 would round it to the
    # middle, and binary32 then to 1.
    value = Fraction(1) + Fraction(1, 2**24) + Fraction(1, 2**60)
    t = as_tensor(MP, value)
    assert float(t.numpy()) == 1 + 2**-24
    assert np.asarray(t, dtype=np.float32) == np.float32(1 + 2**-23)
    exact = np.asarray(t, dtype=object).item()
    assert Fraction(int(exact.man)) * Fraction(2) ** int(exact.exp) == value


def test_integers_are_exact_or_refused():
    # 2^60 + 1 has 61 bits, which 80 hold and binary64 does not.
    t = as_tensor(MP, [2**60 + 1, -3])
    assert np.asarray(t, dtype=np.int64).tolist() == [2**60 + 1, -3]
    assert int(t[0]) == 2**60 + 1
    assert int(as_tensor(MP, 10**23)) == 10**23
    assert int(tensor(-2.75)) == -2
    with pytest.raises(NumleanError, match="not in the range of int8"):
        np.asarray(tensor(300.0), dtype=np.int8)
    for value in (np.nan, np.inf):
        with pytest.raises(NumleanError):
            int(tensor(value))


def test_one_element_is_a_number():
    assert float(tensor([[0.25]])) == 0.25
    assert complex(tensor(0.25)) == 0.25
    assert f"{tensor(1 / 3):.3f}" == "0.333"
    assert tensor(A).tolist() == A.tolist()
    assert tensor(2.0).tolist() == 2.0
    for convert in (float, int, complex, nl.Tensor.item):
        with pytest.raises(ShapeError, match=r"one element, not of shape \(2, 3\)"):
            convert(tensor(A))


def test_length_and_dtype():
    assert len(tensor(A)) == 2
    assert tensor(A, "e4m3").dtype == "e4m3"
    with pytest.raises(ShapeError, match="no length"):
        len(tensor(1.0))


# Functions of numpy.


def test_functions_of_elements_compute_in_the_arithmetic():
    x = tensor([0.1, 2.0], "bfloat16")
    assert np.exp(x).tolist() == nl.ops.exp(x).tolist()
    assert np.arctan2(x, 1.0).tolist() == nl.ops.atan2(x, 1.0).tolist()
    assert np.add([1.0, 2.0], x).tolist() == nl.ops.fma(x, 1.0, [1.0, 2.0]).tolist()
    assert np.isnan(x).tolist() == [False, False]
    (gradient,) = value_and_gradient(lambda p: np.sum(np.sqrt(p[0])), [tensor([4.0, 16.0])])[1]
    assert gradient.tolist() == [0.25, 0.125]


def test_functions_of_arrays_are_methods_or_take_the_values():
    # 256 + 1 is a tie of bfloat16, which goes to the even 256.
    x = tensor([[256.0, 1.0], [1.0, 1.0]], "bfloat16")
    assert np.sum(x).item() == 256.0
    assert np.mean(x, axis=1).tolist() == [128.0, 1.0]
    assert np.max(x, 0, keepdims=True).tolist() == [[256.0, 1.0]]
    assert np.argmin(x) == 1
    assert np.allclose(x, x.numpy())
    assert np.stack([x, x]).shape == (2, 2, 2)
    assert np.array_equal(np.where(x > 1, x, 0.0), [[256.0, 0.0], [0.0, 0.0]])


def test_functions_that_would_compute_in_binary64_are_refused():
    x = tensor(A)
    for call in (
        lambda: np.cumsum(x),
        lambda: np.var(x),
        lambda: np.sinc(x),
        lambda: np.add.reduce(x),
        lambda: np.add(x, 1.0, out=np.zeros(A.shape)),
        lambda: np.sum(x, dtype=np.float32),
        lambda: np.logaddexp(x, x),
    ):
        with pytest.raises(NumleanError, match="does not compute in the arithmetic of a tensor"):
            call()


# Arithmetic next to arrays.


def test_powers_and_magnitudes():
    assert (tensor(A) ** 2).tolist() == (A**2).tolist()
    assert (2 ** tensor(A)).tolist() == (2**A).tolist()
    assert abs(tensor(A)).tolist() == np.abs(A).tolist()
    assert (+tensor(A)).tolist() == A.tolist()


VECTOR, MATRIX, BATCH = (
    np.arange(3.0),
    np.arange(12.0).reshape(3, 4),
    np.arange(24.0).reshape(2, 4, 3),
)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (A, VECTOR),
        (VECTOR, MATRIX),
        (VECTOR, VECTOR),
        (A, MATRIX),
        (BATCH, MATRIX),
        (BATCH, VECTOR),
        (BATCH, BATCH.transpose(0, 2, 1)),
        (BATCH.reshape(2, 1, 4, 3), BATCH.transpose(0, 2, 1)),
        (np.zeros((2, 0)), np.zeros((0, 3))),
    ],
)
def test_products_have_numpys_shapes(a, b):
    expected = a @ b
    for x, y in [(tensor(a), tensor(b)), (tensor(a), b), (a, tensor(b))]:
        z = x @ y
        assert isinstance(z, nl.Tensor)
        assert z.shape == expected.shape
        assert np.array_equal(z, expected)  # small integers: every sum is exact


@pytest.mark.parametrize(("a", "b"), [(A, A), (A, 2.0), (VECTOR, A), (BATCH, BATCH)])
def test_products_of_other_shapes_are_refused(a, b):
    with pytest.raises(ShapeError, match="takes shapes"):
        tensor(a) @ b


def test_arrays_on_the_left_of_operators():
    for z, expected in [
        (A + tensor(B[0]), A + B[0]),
        (A - tensor(B[0]), A - B[0]),
        (A * tensor(2.0), A * 2.0),
        (A / tensor(2.0), A / 2.0),
        (np.abs(A) ** tensor(2.0), A**2.0),
    ]:
        assert isinstance(z, nl.Tensor)
        assert np.array_equal(z, expected)


# Indices.

C = np.arange(24.0).reshape(2, 3, 4)
INDICES = [
    None,
    ...,
    (..., None),
    (None, 1, ..., None),
    (slice(None, None, -1), slice(None), slice(3, None, -2)),
    (..., -1),
    (0, ..., slice(1, 3)),
    [1, 0, 1],
    (slice(None), [2, 0]),
    ([0, 1], [2, 0]),
    ([0, 1], slice(None), [3, 1]),
    np.array([[1], [0]]),
    np.array([True, False]),
    C > 7.0,
    (0, C[0] > 7.0),
    (1, [True, False, True]),
    [],
    np.int64(1),
    (np.uint8(1), 2, 3),
    (slice(5, 9),),
    (None, None, [1]),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indices_select_what_numpy_selects(index):
    x = tensor(C)
    assert x[index].shape == C[index].shape
    assert np.array_equal(x[index], C[index])


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_the_gradient_of_a_part_counts_the_uses_of_each_element(index):
    # The sum of the selected elements has the gradient n, for an element selected n times.
    (gradient,) = value_and_gradient(lambda p: p[0][index].sum(), [tensor(C)])[1]
    uses = np.zeros(C.size)
    np.add.at(uses, np.arange(C.size).reshape(C.shape)[index], 1.0)
    assert np.array_equal(gradient, uses.reshape(C.shape))


def test_a_tensor_of_indices_selects():
    assert tensor(VECTOR)[nl.Tensor.of(INDEX, [2, 0])].tolist() == [2.0, 0.0]
    labels = nl.Tensor.of(INDEX, [[4, 5], [6, 7]])
    assert labels[1].tolist() == [6, 7]
    assert labels[:, [1]].tolist() == [[5], [7]]


@pytest.mark.parametrize(
    "index",
    [
        5,
        -3,
        (0, 3),
        [7],
        "a",
        1.0,
        [0.5],
        (..., ...),
        slice("a"),
        slice(0, 2, 0),
        {},
        [[1], [1, 2]],
    ],
)
def test_what_is_no_index_is_refused(index):
    with pytest.raises(IndexOutOfRangeError):
        tensor(C)[index]


def test_further_indices_than_axes_are_refused():
    with pytest.raises(ShapeError, match="too many indices"):
        tensor(C)[0, 0, 0, 0]
    with pytest.raises(IndexOutOfRangeError, match="not numbers of float64"):
        tensor(C)[tensor([0.0])]
    with pytest.raises(NumleanError, match="immutable"):
        tensor(C)[0] = 1.0


def test_iteration_ends_and_parts_are_tensors():
    assert [part.tolist() for part in tensor(A)] == A.tolist()
    first, _ = tensor(A)
    assert first.tolist() == A[0].tolist()


# Greatest and least.


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0, 1), (), (-1,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_extrema_over_axes(axis, keepdims):
    values = np.sin(np.arange(24.0) * 7).reshape(2, 3, 4)
    x = tensor(values)
    for name in ("max", "min", "sum", "mean"):
        expected = getattr(values, name)(axis=axis, keepdims=keepdims)
        found = getattr(x, name)(axis, keepdims=keepdims)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    if axis is None or isinstance(axis, int):
        for name in ("argmax", "argmin"):
            expected = getattr(values, name)(axis=axis, keepdims=keepdims)
            assert np.array_equal(getattr(x, name)(axis, keepdims=keepdims), expected)


def test_a_nan_is_the_greatest_and_the_least():
    x = tensor([1.0, np.nan, 3.0])
    assert np.isnan(x.max().item())
    assert np.isnan(x.min().item())
    assert x.argmax() == x.argmin() == np.argmax([1.0, np.nan, 3.0]) == 1


def test_extrema_of_nothing_and_of_axes_that_do_not_exist_are_refused():
    for name in ("max", "min", "argmax", "argmin"):
        with pytest.raises(ShapeError, match="is empty"):
            getattr(tensor(np.zeros((2, 0))), name)()
        with pytest.raises(ShapeError, match="axis 2 is out of range"):
            getattr(tensor(A), name)(2)
        for axis in ("a", 0.5, [0.5]):
            with pytest.raises(NumleanError, match="axis must be an integer"):
                getattr(tensor(A), name)(axis)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.max(), [0, 1, 0, 0, 0, 0]),  # the first of the two greatest
        (lambda x: x.min(), [0, 0, 0, 1, 0, 0]),
        (lambda x: x.reshape(2, 3).max(0).sum(), [1, 1, 1, 0, 0, 0]),
        (lambda x: x.reshape(2, 3).min((0, 1)), [0, 0, 0, 1, 0, 0]),
        (lambda x: abs(x).sum(), [1, 1, 1, -1, 1, 1]),
        (lambda x: (x**2).sum(), [2, 4, 2, -4, 4, 0]),  # 2x
        (lambda x: (2.0 ** x[:1]).sum() / np.log(2.0), [2, 0, 0, 0, 0, 0]),  # 2^x at 1
        (lambda x: x[::-2][1], [0, 0, 0, 1, 0, 0]),
    ],
)
def test_gradients_are_exact(function, expected):
    x = tensor([1.0, 2.0, 1.0, -2.0, 2.0, 0.0])
    (gradient,) = value_and_gradient(lambda p: function(p[0]), [x])[1]
    mask = np.array([True, True, True, True, True, False])  # abs at 0 is 0 in numpy's sign
    assert gradient.numpy()[mask].tolist() == np.array(expected, float)[mask].tolist()


# Choices, limits and norms.


def test_two_branches_keep_the_signs_of_zeros_and_infinities():
    a = tensor([1.0, 2.0, 3.0])
    x, y = tensor([-0.0, -np.inf, 5.0]), tensor([7.0, 8.0, -0.0])
    for z in (nl.ops.where(a, "lt", 3.0, x, y), nl.ops.where(a < 3, x, y)):
        assert z.tolist() == [0.0, -np.inf, 0.0]
        assert np.signbit(z).tolist() == [True, True, True]
    assert nl.ops.where(a < 3, x, 1.5).tolist() == [0.0, -np.inf, 1.5]
    assert nl.ops.where(a, "le", 2, x).tolist() == [0.0, -np.inf, 0.0]
    assert nl.ops.where([[True], [False]], a, 0.0).tolist() == [[1, 2, 3], [0, 0, 0]]


@pytest.mark.parametrize("by_mask", [True, False])
def test_each_branch_has_the_gradient_of_its_places(by_mask):
    a = tensor([1.0, 2.0, 3.0])

    def program(p):
        chosen = (a < 3,) if by_mask else (a, "lt", 3.0)
        z = nl.ops.where(*chosen, p[0], p[1])
        return (z * tensor([10.0, 20.0, 30.0])).sum()

    x, y = value_and_gradient(program, [tensor([4.0, 5.0, 6.0]), tensor(2.0)])[1]
    assert (x.tolist(), y.tolist()) == ([10.0, 20.0, 0.0], 30.0)


@pytest.mark.parametrize(
    "arguments", [(), (1,), (A > 0, A, 1.0), ([1, 0], tensor(A), 1.0), (tensor(A), "lt", 1.0)]
)
def test_other_arguments_of_where_are_refused(arguments):
    with pytest.raises(NumleanError):
        nl.ops.where(*arguments)


def test_a_compiled_step_chooses_again():
    class Bent(nl.nn.Layer):
        name = "Bent"

        def __call__(self, parameters, x, context):
            return nl.ops.where(x, "lt", 0.0, x * 0.5, nl.ops.clamp(x, None, 1.0))

    task = nl.Task.regression(nl.nn.Sequential(nl.nn.Linear(2, 2), Bent()))
    inputs = np.array([[[1.0, -2.0]], [[-1.0, 2.0]], [[3.0, 3.0]]])
    samples = [nl.Sample(x, -x) for x in inputs] * 2
    eager, compiled = (
        nl.train(task, "float64", nl.steps(6), samples, nl.Options(backend), log=lambda _: None)[0]
        for backend in ("eager", "compiled")
    )
    assert nl.state_digest(eager.named_parameters) == nl.state_digest(compiled.named_parameters)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (None, 1.0), (0.0, None), (2.0, 1.0)])
def test_limits(low, high):
    values = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, np.inf, np.nan])
    assert np.array_equal(
        nl.ops.clamp(tensor(values), low, high), np.clip(values, low, high), equal_nan=True
    )


def test_the_gradient_within_limits_includes_the_ends():
    # As in PyTorch.
    x = tensor([-2.0, -1.0, 0.0, 1.0, 3.0])
    (gradient,) = value_and_gradient(lambda p: nl.ops.clamp(p[0], -1.0, 1.0).sum(), [x])[1]
    assert gradient.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]
    with pytest.raises(NumleanError, match="a lower or an upper limit"):
        nl.ops.clamp(x)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("binary16", [3e4, 300, 0], 30000.0),  # sqrt(9e8 + 9e4) = 30001.5; the ulp is 16
        ("binary16", [2.0**-14, 2.0**-14], 2.0**-14 * 1.4140625),  # sqrt(2) in 11 bits
        ("binary16", [6e-8] * 4, 2 * 2.0**-24),  # 6e-8 is 2^-24; the norm twice that
        ("binary16", [60000.0, 60000.0], np.inf),  # 84852.8 is beyond 65504
        ("float64", [3e200, 4e200], 5e200),
        ("float64", [3e-200, 4e-200, 0.0], 5e-200),
        ("float64", [-np.inf, 1.0], np.inf),
        ("float64", [np.nan, 1.0], np.nan),
        ("float64", [], 0.0),
        ("e4m3", [448.0], 448.0),
        ("e4m3", [1.0] * 16, 4.0),
        ("mp:80", [3.0, 4.0], 5.0),
    ],
)
def test_norms_do_not_overflow_in_between(dtype, values, expected):
    found = nl.ops.norm(tensor(values, dtype)).item()
    assert np.isclose(found, expected, rtol=2.0**-50, atol=0, equal_nan=True)


def test_a_norm_without_overflow_has_the_bits_of_the_formula():
    x = tensor(np.sin(np.arange(1.0, 40.0)) * 50, "binary16")
    plain = nl.ops.sqrt((x * x).sum())
    assert nl.ops.norm(x) == plain
    assert nl.ops.norm(x.reshape(3, 13), 1).tolist() == [
        nl.ops.norm(row).item() for row in x.reshape(3, 13)
    ]
    assert nl.ops.norm(x, order=1) == abs(x).sum()
    assert nl.ops.norm(x, order=np.inf) == abs(x).max()
    assert nl.ops.norm(x.reshape(3, 13), (0, 1), keepdims=True).shape == (1, 1)


def test_the_gradient_of_a_norm_is_the_direction_and_zero_at_zero():
    for values, expected in [([3.0, -4.0], [0.6, -0.8]), ([0.0, 0.0], [0.0, 0.0])]:
        (found,) = value_and_gradient(lambda p: nl.ops.norm(p[0]), [tensor(values)])[1]
        assert found.tolist() == expected


# DLPack.


@pytest.mark.parametrize(
    ("dtype", "exported"),
    [
        ("binary16", np.float16),
        ("e5m2", np.float16),
        ("e4m3", np.float16),
        ("bfloat16", np.float32),
        ("tf32", np.float32),
        ("ieee32exec", np.float32),
        ("float64", np.float64),
        ("ieee:e9m2", np.float64),
    ],
)
def test_dlpack_exports_the_values_in_the_narrowest_format_that_has_them(dtype, exported):
    scalar = nl.get_scalar(dtype)
    width = scalar.format.width
    bits = np.unique(np.linspace(0, scalar.format.max_finite, 50).astype(np.uint64))
    x = nl.Tensor(scalar, scalar.from_bits(bits | np.uint64(1) << np.uint64(width - 1)))
    values = np.from_dlpack(x)
    assert values.dtype == exported
    assert np.array_equal(values.astype(np.float64), x.to_float())
    values[0] = 1.0  # a copy
    assert x[0].item() == x.to_float()[0]


def test_dlpack_refuses_numbers_that_binary64_does_not_have():
    with pytest.raises(ExportError, match=r"export t\.numpy\(\)"):
        np.from_dlpack(tensor(1.0, "mp:80"))
    with pytest.raises(NumleanError, match="from_dlpack takes"):
        nl.Tensor.from_dlpack([1.0])
    with pytest.raises(NumleanError, match="no Scalar has exactly the numbers of int8"):
        nl.Tensor.from_dlpack(np.array([1], np.int8))


def test_dlpack_imports_arrays():
    for dtype, name in [(np.float16, "binary16"), (np.float32, "float32"), (np.float64, "float64")]:
        values = np.array([0.1, -2.5], dtype)
        assert nl.Tensor.from_dlpack(values).dtype == name
        assert nl.Tensor.from_dlpack(values).tolist() == values.tolist()
    assert nl.Tensor.from_dlpack(np.array([1, 2]), "bfloat16").tolist() == [1.0, 2.0]


def test_pytorch_takes_and_gives_tensors():
    torch = pytest.importorskip("torch")
    x = tensor([0.1, -2.5], "bfloat16")
    theirs = torch.from_dlpack(x)
    assert theirs.dtype == torch.float32
    assert theirs.tolist() == x.tolist()
    assert nl.Tensor.from_dlpack(theirs, "bfloat16").tolist() == x.tolist()


# Other arithmetics.


def test_numbers_go_to_another_arithmetic_with_one_rounding():
    value = Fraction(1) + Fraction(1, 2**24) + Fraction(1, 2**60)
    assert as_tensor(MP, value).to("float32").item() == 1 + 2**-23
    assert np.signbit(tensor(-0.0).to("bfloat16").item())
    t = tensor(A)
    assert t.to("float64") is t
    with pytest.raises(NumleanError, match=r"use t\.detach"):
        value_and_gradient(lambda p: p[0].to("bfloat16").sum(), [t])


def test_arithmetic_of_indices_is_refused():
    labels = nl.Tensor.of(INDEX, [1, 2])
    assert labels.tolist() == [1, 2]
    assert (labels == [1, 3]).tolist() == [True, False]
    with pytest.raises(DataError, match="got indices"):
        _ = labels + labels


# Display.


def test_a_tensor_shows_the_shortest_decimals_of_its_format():
    assert repr(tensor([[0.1, 1.0], [-2.5, np.inf]], "bfloat16")) == (
        "Tensor([[ 0.1,  1.0],\n        [-2.5,  inf]], bfloat16 on cpu)"
    )
    assert repr(nl.Tensor.of(INDEX, [1, 20])) == "Tensor([ 1, 20], indices on any)"
    assert repr(tensor(np.zeros((0, 2)))) == "Tensor([], float64 on cpu, shape=(0, 2))"
    long = repr(tensor(np.zeros(1000)))
    assert "..." in long
    assert "shape=(1000,)" in long


def test_html_shows_tables_and_escapes_texts():
    html = tensor([[0.1, 1.0]], "bfloat16")._repr_html_()
    assert "<table>" in html
    assert ">0.1</td>" in html
    assert "Tensor of bfloat16 on cpu, shape (1, 2)" in html
    assert "..." in tensor(np.zeros((30, 30)))._repr_html_()
    assert tensor(np.zeros((2, 2, 2)))._repr_html_().startswith("<pre>")

    layer = nl.nn.Elementwise("<b>&", nl.ops.exp)
    for model in (layer, nl.nn.Sequential(nl.nn.Linear(2, 1), layer)):
        assert "&lt;b&gt;&amp;" in model._repr_html_()
        assert "<b>&" not in model._repr_html_()
    assert "invalid</th>" in nl.Flags(invalid=3)._repr_html_()


def test_reprs_name_what_they_show():
    model = nl.nn.Sequential(nl.nn.Linear(2, 1), nl.nn.ReLU(), nl.nn.GELU(approximate="tanh"))
    assert repr(model) == (
        "Sequential(Linear(in_features=2, out_features=1), ReLU(), GELU(approximate='tanh'))"
    )
    assert repr(F64) == "Scalar(float64: hardware binary64, ties_to_even, on cpu)"
    runner = nl.instantiate(nl.Task.regression(model), "float64")
    assert repr(runner).startswith("Runner(Task(model=Sequential(Linear(in_features=2")
    assert repr(runner).endswith("float64 on cpu, eager, eval mode, step 0)")
    assert repr(nl.ops.exp) == "Primitive(exp)"
    for text in map(repr, (runner, nl.Session("float64"), nl.stepper(runner, nl.sgd(0.1)))):
        assert " at 0x" not in text
        assert "lambda" not in text
