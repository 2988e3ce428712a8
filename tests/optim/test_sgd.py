"""Stochastic gradient descent against its formula in numpy."""

import numpy as np
import pytest

from numlean import Tensor, get_scalar
from numlean.errors import NumleanError
from numlean.optim import momentum_sgd, sgd

S = get_scalar("float32")


def tensor(values):
    return Tensor.of(S, values)


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


def test_optimizers_refuse_invalid_rates():
    assert momentum_sgd(0.1).momentum == 0.9
    for lr, momentum in ((-0.1, 0), (float("inf"), 0), (0.1, float("nan"))):
        with pytest.raises(NumleanError, match="finite"):
            sgd(lr, momentum)
