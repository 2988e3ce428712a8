"""Runners: their instantiation, their predictions and the measures of these."""

import numpy as np
import pytest

from numlean import (
    Batch,
    Dataset,
    Mode,
    NumleanError,
    Options,
    Sample,
    Task,
    Tensor,
    get_scalar,
    instantiate,
    run,
    sgd,
    state_digest,
    stepper,
)
from numlean.errors import MixedScalarError, ShapeError
from numlean.losses import Reduction, cross_entropy_one_hot, mse
from numlean.nn import Flatten, Linear, Sequential
from numlean.training.evaluation import argmax

S = get_scalar("float32")
F32 = np.float32
MODEL = Sequential(Linear(3, 2))
TASK = Task.regression(MODEL)
IDENTITY = Task.classification(Sequential(Flatten(), sample_shape=(3,)))
RNG = np.random.default_rng(107)
X, Y = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 2))
DATA = Dataset.of_arrays(X, Y)


def bits(tensor):
    return tensor.scalar.to_bits(tensor.data).tolist()


def test_tasks_are_a_model_and_a_loss():
    assert Task.regression(MODEL) == Task(MODEL, mse())
    assert Task.regression(MODEL, Reduction.SUM) == Task(MODEL, mse(reduction=Reduction.SUM))
    assert Task.classification(MODEL) == Task(MODEL, cross_entropy_one_hot())
    summed = Task.classification(MODEL, Reduction.SUM)
    assert summed.loss == cross_entropy_one_hot(reduction=Reduction.SUM)
    assert TASK.param_shapes == ((2, 3), (2,))


def test_a_module_definition_is_a_program_of_parameters_input_and_target():
    runner = instantiate(TASK, S)
    x, y = Tensor.of(S, X), Tensor.of(S, Y)
    for mode in Mode:
        assert bits(TASK.module_def(mode)(runner.params, x, y)) == bits(runner.loss(Sample(X, Y)))


def test_a_dtype_s_name_stands_for_its_scalar():
    by_name, by_scalar = instantiate(TASK, "float32"), instantiate(TASK, S)
    assert by_name.scalar == S
    assert state_digest(by_name.named_parameters) == state_digest(by_scalar.named_parameters)
    assert instantiate(TASK, "float32", Options(device="python")).scalar.device == "python"
    assert instantiate(TASK, S, Options(device="cpu")).scalar == S
    with pytest.raises(NumleanError, match="float32 is on cpu, but the options ask for python"):
        instantiate(TASK, S, Options(device="python"))
    with pytest.raises(NumleanError, match=r"known: .*float32"):
        instantiate(TASK, "float31")


def test_the_seed_of_the_options_names_the_initial_parameters():
    digests = [
        state_digest(instantiate(TASK, S, Options(seed=seed)).named_parameters)
        for seed in (0, 1, 1)
    ]
    assert digests[0] != digests[1] == digests[2]


def test_a_cast_is_how_every_binary64_number_enters():
    seen = []

    def cast(values):
        seen.append(np.shape(values))
        return S.from_float(np.asarray(values) / 2)

    runner = instantiate(TASK, S, cast=cast)
    plain = instantiate(TASK, S)
    assert seen == [(2, 3), (2,)]
    assert np.array_equal(runner.params[0].to_float() * 2, plain.params[0].to_float())
    assert runner.tensor([3.0]).to_float().tolist() == [1.5]


def test_several_inputs_are_predicted_one_by_one_and_a_batch_at_once():
    runner = instantiate(TASK, S)
    together = runner.predict(X)
    each = runner.predict_batch(list(X))
    assert [z.shape for z in each] == [(2,)] * 4
    assert [bits(z) for z in each] == bits(together)
    assert runner.predict_batch([]) == []


def test_the_class_is_the_first_maximum_or_none_among_nans():
    runner = instantiate(IDENTITY, S)
    for row, expected in (
        ([1.0, 3.0, 3.0], 1),
        ([5.0, -1.0, 5.0], 0),
        ([-3.0, -2.0, -1.0], 2),
        ([0.0, np.nan, 1.0], None),
        ([np.nan, 2.0, 3.0], None),
        ([-0.0, 0.0, -1.0], 0),
        ([-np.inf, -np.inf, np.inf], 2),
    ):
        found = runner.predict_class(np.array(row))
        assert found == expected
        assert found is None or type(found) is int
    batch = runner.predict_class(np.array([[1.0, 3.0, 3.0], [0.0, np.nan, 1.0]]))
    assert batch.tolist() == [1, -1]
    assert argmax(Tensor.of(S, np.eye(3).reshape(1, 3, 3))).tolist() == [[0, 1, 2]]
    with pytest.raises(ShapeError):
        argmax(Tensor.of(S, 1.0))


def test_accuracy_counts_samples_alone_and_stacked():
    runner = instantiate(IDENTITY, S)
    x = np.array([[1.0, 3.0, 3.0], [0.0, np.nan, 1.0], [0.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    y = np.eye(3)[[1, 2, 2, 1]]
    lone = [Sample(*pair) for pair in zip(x, y, strict=True)]
    assert runner.accuracy_one_hot(lone) == (2, 4)
    assert runner.accuracy_one_hot([lone[0], Sample(x[1:], y[1:])]) == (2, 4)
    assert runner.accuracy_one_hot([]) == (0, 0)
    finite = Dataset.of_arrays(x[[0, 2, 3]], y[[0, 2, 3]])
    assert runner.accuracy_one_hot(finite) == (2, 3)
    assert runner.accuracy_one_hot(finite.split_at(0)[0]) == (0, 0)
    with pytest.raises(ShapeError, match=r"\(1, 3\), got \(1, 2\)"):
        runner.accuracy_one_hot([Sample(x[0], y[0, :2])])


def test_the_mean_loss_of_a_list_is_the_sum_from_zero_divided_by_the_count():
    runner = instantiate(TASK, S)
    samples = [*DATA, Sample(X[:2], Y[:2])]
    total = F32(0)
    for sample in samples:
        total = total + runner.loss(sample).data
    assert bits(runner.mean_loss(samples)) == (total / F32(5)).view(np.uint32)
    assert bits(runner.mean_loss(list(DATA))) == bits(runner.mean_loss(DATA))
    assert bits(runner.mean_loss([])) == 0
    perfect = Task.regression(Sequential(Flatten(), sample_shape=(3,)))
    assert bits(instantiate(perfect, S).mean_loss([Sample(X[0], X[0])])) == 0


def test_run_strips_flags_logs_and_hands_over_a_runner(capsys):
    argv = ["a", "--dtype", "float64", "--backend=eager", "b", "--cpu"]
    dtype, rest = run(TASK, argv, lambda runner, rest: (runner.scalar.name, rest))
    assert (dtype, rest) == ("float64", ["a", "b"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["dtype: float64", "backend: eager", "device: cpu", "fast kernels: off"]


def test_a_new_runner_of_run_is_in_evaluation_mode():
    assert run(TASK, [], lambda runner, rest: (runner.mode, rest)) == (Mode.EVAL, [])


def test_a_batch_and_a_stacked_sample_give_the_same_bits():
    runner = instantiate(TASK, S)
    assert bits(runner.loss(Batch(X, Y))) == bits(runner.loss(Sample(X, Y)))
    lone, alone = Sample(X[0], Y[0]), Batch(X[:1], Y[:1])
    assert bits(runner.loss(lone)) == bits(runner.loss(alone))


def test_the_first_axis_of_a_batch_is_never_taken_for_a_samples():
    runner = instantiate(TASK, S)
    with pytest.raises(ShapeError, match=r"takes samples of shape"):
        runner.loss(Batch(X[0], Y[0]))
    with pytest.raises(ShapeError, match="a Batch needs a leading batch axis"):
        runner.loss(Batch(np.float64(1.0), np.float64(1.0)))


def test_the_model_decides_once_per_shape_whether_inputs_are_a_batch(monkeypatch):
    shapes = []
    takes_batch = Task.takes_batch
    monkeypatch.setattr(
        Task, "takes_batch", lambda task, shape: shapes.append(shape) or takes_batch(task, shape)
    )
    runner = instantiate(TASK, S)
    for _ in range(3):
        runner.loss(Sample(X, Y))
        runner.predict(X[0])
        runner.loss(Batch(X, Y))
    assert shapes == [X.shape, X[0].shape]


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_step_refuses_tensors_of_another_scalar_also_when_it_is_replayed(backend):
    ours = get_scalar("ieee32exec", "python")
    theirs = get_scalar("ieee32exec@round=toward_zero", "python")
    make = stepper(instantiate(TASK, ours, Options(backend=backend)), sgd(0.1))
    make.step(Batch(X, Y))
    for x, y in ((Tensor.of(theirs, X), Y), (X, Tensor.of(theirs, Y))):
        with pytest.raises(MixedScalarError, match="the run and of the tensor differ: ieee32exec"):
            make.step(Batch(x, y))
    with pytest.raises(MixedScalarError, match="the run and of the tensor differ"):
        make.runner.predict(Tensor.of(theirs, X))


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_batch_without_samples_has_no_loss(backend):
    make = stepper(instantiate(TASK, S, Options(backend=backend)), sgd(0.1))
    before = state_digest(make.runner.named_parameters)
    for sample in (Batch(X[:0], Y[:0]), Sample(X[:0], Y[:0])):
        with pytest.raises(ShapeError, match="at least one sample"):
            make.step(sample)
    assert state_digest(make.runner.named_parameters) == before
