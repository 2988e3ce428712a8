"""Numbers that enter a Scalar."""

import numpy as np
import pytest

from numlean import (
    get_scalar,
)

S = get_scalar("float32")


@pytest.mark.parametrize("value", [2**70, np.uint64(2**63), [2**64, 1]], ids=repr)
def test_integers_that_binary64_holds_enter_as_literals_whatever_their_size(value):
    expected = np.asarray(value, dtype=object).astype(np.float64)
    assert np.array_equal(S.to_float(S.from_float(value)), expected)
