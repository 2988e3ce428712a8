"""Minibatches: every sample once an epoch."""

import numpy as np
import pytest

from numlean.data import Dataset, minibatches
from numlean.errors import DataError


def test_every_epoch_contains_every_sample_once_in_its_own_order():
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
