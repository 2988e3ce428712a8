"""A training that asks for every kernel that it needs, in as little time as possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from numlean.data import Dataset
from numlean.training.config import TrainConfig
from numlean.training.hooks import run_evaluation
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper

_EVALUATED: Final = 4
"""The number of samples of an evaluation: more than one, so that the axes are those of many."""

_STEPS: Final = 2
"""The number of steps that ask for all kernels."""


def rehearse(
    make_runner: Callable[[], Runner],
    config: TrainConfig,
    train: Dataset,
    test: Dataset,
    *,
    with_accuracy: bool,
) -> None:
    """Make a step and, if there are more, another one; evaluate before and after them.

    The second step is the first one of a compiled run that its program makes.

    Args:
        make_runner: Makes the runner, which converts the initial parameters.
        config: The configuration.
        train: The training data.
        test: The test data, perhaps none.
        with_accuracy: Whether evaluations count correct class predictions.
    """
    runner = make_runner()
    stepper = Stepper(runner, config.optimizer, config.scheduler)
    few = Dataset(*train.batch(range(min(_EVALUATED, train.size))))
    runner.reported_loss(few)
    batch = train.batch(range(min(config.batch_size, train.size)))
    for _ in range(min(config.steps, _STEPS)):
        stepper.step(batch)
    if test.size:
        some = Dataset(*test.batch(range(min(_EVALUATED, test.size))))
        run_evaluation(stepper, some, with_accuracy=with_accuracy)
