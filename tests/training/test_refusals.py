"""Data and rates that do not fit a model raise an error; nothing is broadcast."""

import numpy as np
import pytest

import numlean as nl
from numlean import (
    NumleanError,
    Task,
    TrainConfig,
    get_scalar,
    instantiate,
    stepper,
    train,
)
from numlean.data import Dataset, Sample
from numlean.errors import ShapeError
from numlean.nn import Linear, ReLU, Sequential
from numlean.optim import sgd

S = get_scalar("float32")
TASK = Task.regression(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)))


@pytest.mark.parametrize("columns", [2, 5])
def test_data_that_does_not_fit_a_model_names_the_layer_and_both_shapes(columns):
    data = Dataset.of_arrays(np.ones((4, columns)), np.ones((4, 2)))
    with pytest.raises(ShapeError) as caught:
        train(TASK, S, TrainConfig(1), data)
    message = str(caught.value)
    assert all(word in message for word in ("Linear(3, 4)", "(3,)", f"({columns},)")), message


def test_a_lone_sample_is_a_batch_of_one_and_other_shapes_are_refused():
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


def test_a_learning_rate_that_is_not_a_number_is_refused_from_a_schedule_too():
    runner = instantiate(TASK, S)
    step = stepper(runner, sgd(0.1), lambda _: float("nan"))
    with pytest.raises(NumleanError, match="nan"):
        step.step(Sample(np.ones((4, 3)), np.ones((4, 2))))


@pytest.mark.parametrize("scalar", ["float32", nl.policies.get("bf16-mixed")])
@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda scalar: None, r"wrap returned None for \w+; return the Scalar or a"),
        (lambda scalar: nl.get_scalar("float64"), r"wrap returned another arithmetic for \w+ on"),
    ],
)
def test_a_wrapper_of_other_numbers_is_refused(scalar, wrap, message):
    task = nl.get_task("xor").task
    with pytest.raises(nl.NumleanError, match=message):
        nl.instantiate(task, scalar, wrap=wrap)
