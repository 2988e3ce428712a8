"""Datasets: order, and data that is refused."""

import numpy as np
import pytest

from numlean.data import Dataset
from numlean.errors import DataError


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


def test_datasets_of_other_shapes_are_not_appended():
    a = Dataset.of_arrays([[1.0, 2.0]], [[1.0]])
    with pytest.raises(DataError):
        a.append(Dataset.of_arrays([[1.0, 2.0, 3.0]], [[1.0]]))


def test_a_dataset_does_not_change_with_its_source_array():
    x = np.array([[1.0, 2.0]])
    data = Dataset.of_arrays(x, [[1.0]])
    x[0, 0] = np.nan
    assert np.isfinite(data.get(0).x).all()


def test_a_dataset_is_not_split_before_its_first_sample():
    data = Dataset.of_arrays([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert [part.size for part in data.split_at(4)] == [3, 0]
    with pytest.raises(DataError, match="-1"):
        data.split_at(-1)
