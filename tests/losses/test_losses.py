"""Losses for classes and for probabilities, and the accuracy with labels."""

import numpy as np
import pytest

from numlean import Task, Tensor, get_scalar, instantiate, losses, nn
from numlean.autograd.indices import INDEX
from numlean.data import Dataset, Sample
from numlean.errors import DataError, NumleanError, ShapeError
from numlean.losses import Reduction

S = get_scalar("float32")
RNG = np.random.default_rng(137)


def tensor(values):
    return Tensor.of(S, values)


def labels(values):
    return Tensor(INDEX, np.asarray(values))


@pytest.mark.parametrize("reduction", Reduction)
def test_labels_give_the_bits_of_their_one_hot_rows(reduction):
    logits, names = tensor(3 * RNG.standard_normal((4, 5, 6))), RNG.integers(0, 6, (4, 5))
    one_hot = tensor(np.eye(6)[names])
    by_label = losses.cross_entropy(reduction=reduction)
    by_row = losses.cross_entropy_one_hot(reduction=reduction)
    nll = losses.nll_one_hot(reduction=reduction)
    logarithms = nn.functional.log_softmax(logits)
    for method in ("__call__", "per_sample"):
        z = getattr(by_label, method)(logits, labels(names))
        expected = S.to_bits(getattr(by_row, method)(logits, one_hot).data).tolist()
        assert S.to_bits(z.data).tolist() == expected
        assert S.to_bits(getattr(nll, method)(logarithms, one_hot).data).tolist() == expected


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize(
    "name", ["cross_entropy", "nll_one_hot", "bce", "bce_with_logits", "cross_entropy_one_hot"]
)
def test_a_sample_s_own_loss_is_that_of_a_batch_of_one(name, reduction):
    loss = getattr(losses, name)(reduction=reduction)
    p = tensor(RNG.uniform(0.01, 0.99, (5, 3, 4)))
    t = tensor(RNG.random((5, 3, 4)))
    if loss.takes_labels:
        t = labels(RNG.integers(0, 4, (5, 3)))
    each = loss.per_sample(p, t)
    assert each.shape == (5,)
    for k in range(5):
        one = loss(Tensor(S, p.data[k : k + 1]), Tensor(t.scalar, t.data[k : k + 1]))
        assert one.shape == ()
        assert S.to_bits(one.data) == S.to_bits(each.data)[k]


def test_binary_losses_are_worked_by_hand():
    p, y = tensor([[0.5, 0.25], [0.25, 0.5]]), tensor([[1, 0], [1, 0]])
    expected = [np.log(2), np.log(4 / 3), np.log(4), np.log(2)]
    assert losses.bce(reduction=Reduction.SUM)(p, y).item() == pytest.approx(sum(expected))
    assert losses.bce()(p, y).item() == pytest.approx(np.mean(expected))
    x = tensor(np.log([[1, 1 / 3], [1 / 3, 1]]))
    assert losses.bce_with_logits()(x, y).item() == pytest.approx(np.mean(expected))


def test_binary_losses_stay_finite_where_probabilities_and_logits_are_extreme():
    p, y = tensor([[0.0, 1.0, 0.0, 1.0]]), tensor([[0.0, 1.0, 1.0, 0.0]])
    each = losses.bce(reduction=Reduction.SUM).elements(p, y).to_float()
    assert each[0, :2].tolist() == [0, 0]
    assert each[0, 2:] == pytest.approx(-np.log(1e-12))
    x = tensor([[-1000.0, 1000.0, -1000.0, 1000.0]])
    each = losses.bce_with_logits().elements(x, y).to_float()
    assert each.tolist() == [[0, 0, 1000, 1000]]
    with pytest.raises(NumleanError, match="epsilon must be positive, got 0"):
        losses.BinaryCrossEntropy(epsilon=0.0)


def test_losses_refuse_shapes_and_labels_that_do_not_fit():
    logits = tensor(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"labels of shape \(2,\) .* not \(3,\)"):
        losses.cross_entropy()(logits, labels([0, 1, 2]))
    with pytest.raises(DataError, match="integer labels, not numbers of float32"):
        losses.cross_entropy()(logits, tensor([0, 1]))
    with pytest.raises(ShapeError, match=r"\(batch, \.\.\., classes\), got \(3,\)"):
        losses.cross_entropy()(tensor([0, 0, 0]), labels(1))
    with pytest.raises(ShapeError, match="index 3"):
        losses.cross_entropy()(logits, labels([0, 3]))
    for name in ("bce", "bce_with_logits", "nll_one_hot"):
        with pytest.raises(ShapeError, match=rf"{name} .*\(2, 3\) and \(2,\)"):
            getattr(losses, name)()(logits, tensor([0, 1]))


MODEL = nn.models.softmax_regression((4,), 3)


@pytest.mark.parametrize("backend", ["one-hot", "labels"])
def test_accuracy_counts_classes_however_targets_name_them(backend):
    x, names = RNG.standard_normal((20, 4)), RNG.integers(0, 3, 20)
    by_label = backend == "labels"
    task = Task(MODEL, losses.cross_entropy() if by_label else losses.cross_entropy_one_hot())
    data = Dataset.of_arrays(x, names if by_label else np.eye(3)[names])
    runner = instantiate(task, S)
    predicted = runner.predict(x).to_float().argmax(1)
    assert runner.accuracy(data) == ((predicted == names).sum(), 20)
    assert runner.accuracy(data.split_at(0)[0]) == (0, 0)


def test_each_label_of_a_sequence_counts():
    task = Task(nn.Sequential(nn.Embedding(5, 3)), losses.cross_entropy())
    tokens, names = RNG.integers(0, 5, (4, 6)), RNG.integers(0, 3, (4, 6))
    runner = instantiate(task, S)
    predicted = runner.params[0].to_float()[tokens].argmax(-1)
    assert runner.accuracy(Dataset.of_arrays(tokens, names)) == ((predicted == names).sum(), 24)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_tokens_and_labels_out_of_range_are_refused_at_every_step(backend):
    from numlean import Options, stepper
    from numlean.optim import sgd

    task = Task(nn.Sequential(nn.Embedding(5, 3)), losses.cross_entropy())
    step = stepper(instantiate(task, S, Options(backend=backend)), sgd(0.1))
    step.step(Sample(np.array([[0, 4]]), np.array([[2, 0]])))
    with pytest.raises(DataError, match="token 5 is not in the range 0 to 4"):
        step.step(Sample(np.array([[0, 5]]), np.array([[2, 0]])))
    with pytest.raises(DataError, match="label 3 is not in the range 0 to 2"):
        step.step(Sample(np.array([[0, 4]]), np.array([[3, 0]])))
    with pytest.raises(DataError, match="must be an integer from 0 on"):
        step.step(Sample(np.array([[0, 0.5]]), np.array([[1, 0]])))
