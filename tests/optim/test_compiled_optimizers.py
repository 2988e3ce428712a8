"""Every optimizer, planned once and replayed, has the bits of the eager one."""

import numpy as np
import pytest

from numlean import Dataset, Options, Task, TrainConfig, instantiate, state_digest, train_samples
from numlean.nn import Linear, Sequential, Tanh
from numlean.optim import adam, adamw, clip_by_norm, clip_by_value, sgd
from numlean.training import make_stepper

TASK = Task.regression(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)))
RNG = np.random.default_rng(113)
DATA = Dataset.of_arrays(RNG.standard_normal((6, 3)), RNG.standard_normal((6, 2)))
OPTIMIZERS = [
    sgd(0.1, weight_decay=0.1),
    sgd(0.1, 0.9, nesterov=True, weight_decay=0.1),
    adam(0.1),
    adamw(0.1),
    clip_by_norm(adam(0.1), 0.5),
    clip_by_value(sgd(0.1, 0.9), 0.1),
]


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "mp:30"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_replayed_updates_are_the_eager_ones(optimizer, dtype):
    digests = set()
    for backend in ("eager", "compiled"):
        runner = instantiate(TASK, dtype, Options(backend=backend))
        step = make_stepper(runner, optimizer, lambda t: 0.1 / (t + 1))
        losses = step.epoch([*DATA.minibatches(2), *DATA.minibatches(4)])
        named = [*runner.named_parameters, *((f"loss {k}", x) for k, x in enumerate(losses))]
        named += [(f"{k} {i}", x) for k, xs in step.state.items() for i, x in enumerate(xs)]
        digests.add(state_digest(named))
    assert len(digests) == 1


def test_the_loops_run_compiled_as_well():
    digests = set()
    for backend in ("eager", "compiled"):
        runner = instantiate(TASK, "float32", Options(backend=backend))
        report = train_samples(runner, TrainConfig(5, 3, adam(0.05), log_every=0), list(DATA))
        named = [*runner.named_parameters, ("before", report.before), ("after", report.after)]
        digests.add(state_digest(named))
    assert len(digests) == 1
