"""What makes no sense is an error of ours that shows what came; nothing fails silently."""

import numpy as np
import pytest

from numlean import (
    NumleanError,
    Task,
    Tensor,
    TrainConfig,
    get_scalar,
    instantiate,
    stepper,
    train,
)
from numlean.autograd import Tape
from numlean.autograd import operations as ops
from numlean.data import Dataset, Sample
from numlean.errors import DataError, MixedScalarError, ShapeError
from numlean.nn import Linear, ReLU, Sequential
from numlean.optim import sgd

S = get_scalar("float32")
TASK = Task.regression(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)))


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


@pytest.mark.parametrize("columns", [2, 5])
def test_data_that_does_not_fit_a_model_names_the_layer_and_both_shapes(columns):
    data = Dataset.of_arrays(np.ones((4, columns)), np.ones((4, 2)))
    with pytest.raises(ShapeError) as caught:
        train(TASK, S, TrainConfig(1), data)
    message = str(caught.value)
    assert all(word in message for word in ("Linear(3, 4)", "(3,)", f"({columns},)")), message


def test_a_lone_sample_is_a_batch_of_one_and_what_is_neither_is_refused():
    runner = instantiate(TASK, S)
    lone, batch = runner.predict(np.ones(3)), runner.predict(np.ones((1, 3)))
    assert (lone.shape, batch.shape) == ((2,), (1, 2))
    assert np.array_equal(lone.data, batch.data[0])
    samples = [Sample(np.ones(3), np.zeros(2)), Sample(np.ones((1, 3)), np.zeros((1, 2)))]
    alone, batched = (runner.loss(sample).item() for sample in samples)
    assert alone == batched
    with pytest.raises(ShapeError, match=r"Linear\(3, 4\)"):
        runner.predict(np.ones(4))


def test_targets_of_another_shape_than_predictions_are_refused_and_not_broadcast():
    runner = instantiate(TASK, S)
    for shape in ((4, 1), (1, 2), (2,), (4, 2, 1)):
        with pytest.raises(ShapeError, match=r"\(4, 2\)"):
            stepper(runner, sgd(0.1)).step(Sample(np.ones((4, 3)), np.ones(shape)))


@pytest.mark.parametrize("shape", [(4,), (4, 5)])
def test_accuracy_asks_for_targets_of_the_predictions_shape(shape):
    data = Dataset.of_arrays(np.ones((4, 3)), np.ones(shape))
    with pytest.raises(NumleanError):
        instantiate(TASK, S).accuracy_one_hot(data)


def test_datasets_of_other_shapes_are_not_appended():
    a = Dataset.of_arrays([[1.0, 2.0]], [[1.0]])
    with pytest.raises(DataError):
        a.append(Dataset.of_arrays([[1.0, 2.0, 3.0]], [[1.0]]))


def test_a_dataset_does_not_change_with_the_array_it_was_made_of():
    x = np.array([[1.0, 2.0]])
    data = Dataset.of_arrays(x, [[1.0]])
    x[0, 0] = np.nan
    assert np.isfinite(data.get(0).x).all()


def test_a_dataset_is_not_split_before_its_first_sample():
    data = Dataset.of_arrays([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert [part.size for part in data.split_at(4)] == [3, 0]
    with pytest.raises(DataError, match="-1"):
        data.split_at(-1)


@pytest.mark.parametrize("value", [2**70, np.uint64(2**63), [2**64, 1]], ids=repr)
def test_integers_that_binary64_holds_enter_as_literals_whatever_their_size(value):
    expected = np.asarray(value, dtype=object).astype(np.float64)
    assert np.array_equal(S.to_float(S.from_float(value)), expected)


def test_a_learning_rate_that_is_no_number_is_refused_from_a_schedule_too():
    runner = instantiate(TASK, S)
    step = stepper(runner, sgd(0.1), lambda _: float("nan"))
    with pytest.raises(NumleanError, match="nan"):
        step.step(Sample(np.ones((4, 3)), np.ones((4, 2))))


def test_values_of_many_numbers_have_no_gradient():
    tape = Tape()
    watched = tape.watch(tensor(np.ones((2, 3))))
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        tape.gradient(watched * 2.0, [watched])
