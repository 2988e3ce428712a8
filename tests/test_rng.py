"""Random streams."""

import numpy as np
import pytest

from numlean.errors import NumleanError
from numlean.rng import UniformStream, permutation


def test_streams_are_numpy_s_and_paths_are_streams_of_their_own():
    rng = np.random.Generator(np.random.Philox(5))
    assert np.array_equal(UniformStream(5)((7,)), rng.random(7))
    assert not np.array_equal(UniformStream(5)((7,)), UniformStream(5, 0)((7,)))
    order = permutation(50, UniformStream(5, 3))
    assert sorted(order) == list(range(50))
    with pytest.raises(NumleanError, match="-1"):
        UniformStream(-1)
