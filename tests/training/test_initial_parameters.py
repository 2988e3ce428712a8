"""Initial values of parameters."""

import numpy as np

from numlean.nn import Linear, ReLU, Sequential
from numlean.training import Task, initial_parameters


def test_initial_values_are_xavier_uniform_from_numpy_s_philox():
    task = Task.regression(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)))
    rng = np.random.Generator(np.random.Philox(9))
    w1, b1, w2, b2 = initial_parameters(task, seed=9)
    assert np.array_equal(w1, (2 * rng.random((4, 3)) - 1) * np.sqrt(6 / 7))
    assert np.array_equal(w2, (2 * rng.random((2, 4)) - 1) * np.sqrt(6 / 6))
    assert not b1.any()
    assert not b2.any()
    assert task.param_shapes == ((4, 3), (4,), (2, 4), (2,))
