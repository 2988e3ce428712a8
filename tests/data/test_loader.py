"""Loaders: batches, and the two ways of shuffling."""

import numpy as np
import pytest

from numlean import Batch, DataLoader, Dataset, NumleanError, Sample
from numlean.data import minibatches


def counted(size):
    return Dataset.of_arrays(np.arange(float(size)), np.arange(float(size)) + 0.5)


def seen(batches):
    return [[int(sample.x) for sample in batch] for batch in batches]


def transcribed_epoch(order, state):
    """Sort samples by random keys, by insertion; the last key is the next state."""
    keyed = []
    for index in order:
        state = (1103515245 * state + 12345) % 2147483648
        place = len(keyed)
        while place and keyed[place - 1][0] > state:
            place -= 1
        keyed.insert(place, (state, index))
    return [index for _, index in keyed], state


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31 - 1, 2**40 + 3])
def test_torchlean_shuffles_the_order_of_the_last_epoch(seed):
    loader, order, state = (
        DataLoader(counted(23), 5, shuffle=True, seed=seed),
        list(range(23)),
        seed,
    )
    for _ in range(4):
        order, state = transcribed_epoch(order, state)
        loader, batches = loader.epoch()
        assert seen(batches) == [order[k : k + 5] for k in range(0, 23, 5)]
        assert loader.seed == state


def test_torchlean_is_the_profile_by_default():
    assert DataLoader(counted(3), 1).shuffle_profile == "torchlean"


def test_samples_of_one_key_stay_in_their_order(monkeypatch):
    from numlean.data import loader as module

    monkeypatch.setattr(module, "_keys", lambda state, count: [7, 3, 7, 3, 7][:count])
    after, batches = DataLoader(counted(5), 5, shuffle=True).epoch()
    assert seen(batches) == [[1, 3, 0, 2, 4]]
    assert after.seed == 7


def test_philox_draws_the_order_of_minibatches():
    loader = DataLoader(counted(10), 4, shuffle=True, seed=3, shuffle_profile="philox", stack=True)
    endless = minibatches(counted(10), 4, seed=3)
    for _ in range(3):
        loader, batches = loader.epoch()
        for batch in batches:
            assert np.array_equal(batch.x, next(endless).x)
    assert (loader.seed, loader.epochs_done) == (3, 3)


def test_without_shuffling_every_epoch_is_the_same():
    loader = DataLoader(counted(5), 2, seed=9)
    for _ in range(2):
        loader, batches = loader.epoch()
        assert seen(batches) == [[0, 1], [2, 3], [4]]
    assert loader.seed == 9


def test_a_last_batch_that_is_not_full_can_be_dropped():
    for size, kept in ((5, [[0, 1], [2, 3]]), (4, [[0, 1], [2, 3]]), (1, [])):
        _, batches = DataLoader(counted(size), 2, drop_last=True).epoch()
        assert seen(batches) == kept


def test_stacked_batches_have_a_leading_axis():
    _, batches = DataLoader(counted(5), 2, stack=True).epoch()
    assert [batch.x.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    assert [batch.y.tolist() for batch in batches] == [[0.5, 1.5], [2.5, 3.5], [4.5]]


def test_a_batch_and_a_sample_are_different_types():
    data = counted(5)
    stacked, lists = (DataLoader(data, 2, stack=stack).epoch()[1] for stack in (True, False))
    made = [
        *data.minibatches(2),
        data.stacked(),
        data.batch([0]),
        next(minibatches(data, 2, seed=0)),
    ]
    assert {type(batch) for batch in (*stacked, *made)} == {Batch}
    assert {type(sample) for batch in lists for sample in batch} == {Sample}
    assert {type(sample) for sample in data} == {Sample}


def test_a_loader_is_not_changed_by_an_epoch():
    loader = DataLoader(counted(9), 2, shuffle=True, seed=1)
    first, again = loader.epoch(), loader.epoch()
    assert seen(first[1]) == seen(again[1])
    assert first[0].seed == again[0].seed != loader.seed


@pytest.mark.parametrize(
    ("size", "options", "words"),
    [
        (3, {"batch_size": 0}, "DataLoader: .*batch_size 0"),
        (3, {"batch_size": -2}, "DataLoader: .*batch_size -2"),
        (0, {"batch_size": 1}, "DataLoader: .*empty"),
        (3, {"batch_size": 1, "seed": -1}, "DataLoader: .*-1"),
        (3, {"batch_size": 1, "shuffle_profile": "dice"}, "DataLoader.*dice.*torchlean, philox"),
    ],
)
def test_errors_name_the_loader(size, options, words):
    with pytest.raises(NumleanError, match=words):
        DataLoader(counted(size), **options)
