"""Losses of single samples, and over a batch."""

import numpy as np
import pytest

from numlean import Tensor, get_scalar
from numlean.errors import ShapeError
from numlean.losses import Reduction, cross_entropy_one_hot, mse

S = get_scalar("float32")


def tensor(values):
    return Tensor.of(S, values)


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
    with pytest.raises(ShapeError, match=r"\(batch, \.\.\., classes\), got \(3,\)"):
        cross_entropy_one_hot()(tensor([1, 2, 3]), tensor([1, 0, 0]))
