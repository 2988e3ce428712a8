"""Operands that do not fit each other raise an error that shows them; nothing fails silently."""

import numpy as np
import pytest

from numlean import (
    NumleanError,
    Tensor,
    get_scalar,
)
from numlean.autograd import Tape
from numlean.autograd import primitives as ops
from numlean.errors import MixedScalarError, ShapeError

S = get_scalar("float32")


def tensor(values):
    return Tensor.of(S, values)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "minimum", "matmul"])
def test_two_scalars_in_one_primitive_are_refused_with_both_names(name):
    a, b = tensor([[1.0]]), Tensor.of(get_scalar("ieee32exec"), [[1.0]])
    for operands in ((a, b), (b, a)):
        with pytest.raises(MixedScalarError) as caught:
            getattr(ops, name)(*operands)
        assert all(word in str(caught.value) for word in ("float32", "ieee32exec", name))


def test_two_options_of_one_backend_do_not_mix():
    a = Tensor.of(get_scalar("ieee32exec"), [1.0])
    with pytest.raises(MixedScalarError, match="toward_zero"):
        a * Tensor.of(get_scalar("ieee32exec@round=toward_zero"), [1.0])


@pytest.mark.parametrize("shape", [(3,), (2, 2), ()])
def test_a_broadcast_that_does_not_fit_is_a_shape_error(shape):
    with pytest.raises(ShapeError):
        ops.broadcast_to(tensor([[1.0, 2.0]] * 3), shape)


def test_choices_that_do_not_broadcast_are_a_shape_error():
    with pytest.raises(ShapeError):
        ops.where(tensor([1, 2]), tensor([1, 2]), tensor([1, 2, 3]), relation="lt")


def test_a_matrix_times_a_number_is_refused_in_words():
    with pytest.raises((NumleanError, TypeError), match=r"(?i)matmul|@|tensor"):
        tensor([[1.0]]) @ 2.0


def test_a_numpy_array_on_the_left_does_not_make_an_array_of_tensors():
    try:
        result = np.ones(2) + tensor([1.0, 2.0])
    except TypeError:
        return
    assert isinstance(result, Tensor)
    assert result.to_float().tolist() == [2.0, 3.0]


def test_a_tensor_of_another_tape_has_no_gradient_here():
    one, other = Tape(), Tape()
    a, b = one.watch(tensor([1.0, 2.0])), other.watch(tensor([5.0, 6.0, 7.0]))
    value = (a * a).sum()
    try:
        (gradient,) = one.gradient(value, [b])
    except NumleanError:
        return
    assert gradient.to_float().tolist() == [0.0, 0.0, 0.0]


def test_the_gradient_by_an_intermediate_result_is_right_or_refused():
    tape = Tape()
    a = tape.watch(tensor([1.0, 2.0]))
    h = a * 2.0
    value = (h * h).sum()
    try:
        (gradient,) = tape.gradient(value, [h])
    except NumleanError:
        return
    assert gradient.to_float().tolist() == [4.0, 8.0]


def test_values_of_many_numbers_have_no_gradient():
    tape = Tape()
    watched = tape.watch(tensor(np.ones((2, 3))))
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        tape.gradient(watched * 2.0, [watched])
