"""Layers, losses, optimizers, data and random numbers."""

import numpy as np
import pytest

from numlean import Tensor, get_scalar
from numlean.data import Dataset, minibatches
from numlean.errors import DataError, NumleanError, ShapeError
from numlean.losses import Reduction, cross_entropy_one_hot, mse
from numlean.nn import EVALUATION, Flatten, Linear, ReLU, Sequential, Tanh
from numlean.optim import momentum_sgd, sgd
from numlean.rng import UniformStream, permutation
from numlean.training import Task, initial_parameters

S = get_scalar("float32")


def tensor(values):
    return Tensor.of(S, values)


def test_a_linear_layer_is_x_times_the_transposed_weight_plus_bias():
    layer = Linear(2, 3)
    weight, bias = tensor([[1, 2], [3, 4], [5, 6]]), tensor([0.5, 0.25, 0.125])
    z = layer((weight, bias), tensor([[1, 10], [2, 20]]), EVALUATION)
    assert z.to_float().tolist() == [[21.5, 43.25, 65.125], [42.5, 86.25, 130.125]]


def test_layers_pass_shapes_on_and_name_themselves_when_one_does_not_fit():
    model = Sequential(Flatten(), Linear(64, 32), ReLU(), Tanh(), Linear(32, 10))
    assert model.output_shape((8, 8)) == (10,)
    assert [spec.name for spec in model.parameters] == [
        "1.weight",
        "1.bias",
        "4.weight",
        "4.bias",
    ]
    with pytest.raises(ShapeError, match=r"layer 1: Linear\(6, 2\) .*\(6,\), not \(5,\)"):
        Sequential(Linear(4, 5), Linear(6, 2))
    with pytest.raises(ShapeError, match=r"layer 1: Linear\(6, 2\) .*\(6,\), not \(8,\)"):
        Sequential(Flatten(), Linear(6, 2), sample_shape=(2, 4))
    with pytest.raises(ShapeError, match=r"Linear\(0, 3\)"):
        Linear(0, 3)


def test_initial_values_are_xavier_uniform_from_numpy_s_philox():
    task = Task.regression(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)))
    rng = np.random.Generator(np.random.Philox(9))
    w1, b1, w2, b2 = initial_parameters(task, seed=9)
    assert np.array_equal(w1, (2 * rng.random((4, 3)) - 1) * np.sqrt(6 / 7))
    assert np.array_equal(w2, (2 * rng.random((2, 4)) - 1) * np.sqrt(6 / 6))
    assert not b1.any()
    assert not b2.any()
    assert task.param_shapes == ((4, 3), (4,), (2, 4), (2,))


def test_streams_are_numpy_s_and_paths_are_streams_of_their_own():
    rng = np.random.Generator(np.random.Philox(5))
    assert np.array_equal(UniformStream(5)((7,)), rng.random(7))
    assert not np.array_equal(UniformStream(5)((7,)), UniformStream(5, 0)((7,)))
    order = permutation(50, UniformStream(5, 3))
    assert sorted(order) == list(range(50))
    with pytest.raises(NumleanError, match="-1"):
        UniformStream(-1)


def test_mse_averages_over_all_elements_or_sums_them():
    prediction, target = tensor([[1, 2], [3, 5]]), tensor([[0, 2], [1, 1]])
    assert mse()(prediction, target).item() == (1 + 0 + 4 + 16) / 4
    assert mse(reduction=Reduction.SUM)(prediction, target).item() == 21
    assert mse().per_sample(prediction, target).to_float().tolist() == [0.5, 10]
    assert mse(reduction=Reduction.SUM).per_sample(prediction, target).to_float()[1] == 20
    with pytest.raises(ShapeError, match=r"\(2, 2\) and \(2,\)"):
        mse()(prediction, tensor([1, 2]))


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("make", [mse, cross_entropy_one_hot])
def test_a_sample_s_own_loss_is_that_of_a_batch_of_one(make, reduction):
    rng, loss = np.random.default_rng(59), make(reduction=reduction)
    p, t = tensor(rng.standard_normal((5, 3, 7))), tensor(rng.standard_normal((5, 3, 7)))
    each = loss.per_sample(p, t)
    for k in range(5):
        one = loss(Tensor(S, p.data[k : k + 1]), Tensor(S, t.data[k : k + 1]))
        assert S.to_bits(one.data) == S.to_bits(each.data)[k]


def test_cross_entropy_refuses_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(3,\)"):
        cross_entropy_one_hot()(tensor(np.ones((2, 3))), tensor([1, 0, 0]))
    with pytest.raises(ShapeError, match=r"\(batch, \.\.\., classes\), not \(3,\)"):
        cross_entropy_one_hot()(tensor([1, 2, 3]), tensor([1, 0, 0]))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_follows_its_formula_in_its_order_bit_for_bit(momentum):
    rng = np.random.default_rng(61)
    p = rng.standard_normal(20).astype(np.float32)
    parameters, buffer = [Tensor(S, p)], np.zeros(20, np.float32)
    lr, mu = np.float32(0.1), np.float32(momentum)
    optimizer = sgd(0.1, momentum)
    state = optimizer.initial(parameters, tensor)
    for _ in range(5):
        g = rng.standard_normal(20).astype(np.float32)
        parameters, state = optimizer.update(
            parameters, [Tensor(S, g)], state, rate=tensor(0.1), cast=tensor
        )
        buffer = buffer * mu + g if momentum else g
        p = p - buffer * lr
        assert np.array_equal(parameters[0].data.view(np.uint32), p.view(np.uint32))


def test_optimizers_refuse_rates_that_make_no_sense():
    assert momentum_sgd(0.1).momentum == 0.9
    for lr, momentum in ((-0.1, 0), (float("inf"), 0), (0.1, float("nan"))):
        with pytest.raises(NumleanError, match="finite"):
            sgd(lr, momentum)


def test_datasets_are_ordered_and_finite():
    data = Dataset.of_list([([1, 2], [3]), ([4, 5], [6])])
    more = data.append(data.map(lambda sample: (sample.x * 10, sample.y)))
    assert more.size == 4
    assert more.get(3).x.tolist() == [40, 50]
    first, rest = more.split_at(1)
    assert (first.size, rest.size) == (1, 3)
    assert [sample.y.tolist() for sample in rest] == [[6], [3], [6]]
    with pytest.raises(DataError, match="sample 4 among 4"):
        more.get(4)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([[1, 2], [3, np.nan]], [1, 2], "input nan at row 1, column 1"),
        ([[1, 2], [3, 4]], [1, np.inf], "target inf at row 1"),
        ([[np.nan, np.nan]], [1], "column 0 .and 1 more"),
        ([[1], [2]], [1], "2 inputs but 1 targets"),
        ([[1, 2], [3]], [1, 2], "one shape"),
        (["a"], [1], "must be numbers"),
        (1.0, [1], "leading axis"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_with_its_place(x, y, words):
    with pytest.raises(DataError, match=words):
        Dataset.of_arrays(x, y)


def test_samples_of_several_shapes_are_refused():
    with pytest.raises(DataError, match=r"\(1,\) and \(2,\)"):
        Dataset.of_list([([1], [1]), ([1, 2], [1])])
    with pytest.raises(DataError, match="empty"):
        Dataset.of_list([])


def test_every_epoch_sees_every_sample_once_in_an_order_of_its_own():
    data = Dataset.of_arrays(np.arange(10.0), np.arange(10.0))
    batches = minibatches(data, 4, seed=3)
    epochs = [[next(batches).x for _ in range(3)] for _ in range(2)]
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    orders = [np.concatenate(epoch).tolist() for epoch in epochs]
    assert orders[0] != orders[1]
    assert [sorted(order) for order in orders] == [list(range(10))] * 2
    again = minibatches(data, 4, seed=3)
    assert next(again).x.tolist() == epochs[0][0].tolist()


def test_minibatches_need_samples_and_a_size():
    data = Dataset.of_arrays(np.zeros((0, 2)), np.zeros((0, 1)))
    with pytest.raises(DataError, match="empty"):
        minibatches(data, 4, seed=0)
    with pytest.raises(DataError, match="0"):
        minibatches(Dataset.of_arrays([1.0], [1.0]), 0, seed=0)
