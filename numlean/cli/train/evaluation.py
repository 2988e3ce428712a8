"""Evaluations on the test data during a training, as the options ask for them."""

from __future__ import annotations

import argparse

from numlean.errors import NumleanError
from numlean.tasks import NamedTask, Split
from numlean.training import EarlyStopping


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Say what the options are."""
    group.add_argument(
        "--eval-every", type=int, metavar="N", help="evaluate on the test data every N steps"
    )
    group.add_argument(
        "--patience", type=int, metavar="N", help="stop when N evaluations bring no lower loss"
    )


def evaluator_of(
    arguments: argparse.Namespace, task: NamedTask, split: Split
) -> EarlyStopping | None:
    """What evaluates a training, if it is to be evaluated.

    Raises:
        NumleanError: A count is not positive, or there is nothing to evaluate on, or at no time.
    """
    every, patience = arguments.eval_every or 0, arguments.patience
    if every < 0:
        raise NumleanError(f"--eval-every N takes a number of steps, not {every}")
    if patience is not None and patience < 1:
        raise NumleanError(f"--patience N takes one evaluation or more, not {patience}")
    if patience is not None and not every:
        raise NumleanError(f"--patience {patience} also takes --eval-every N")
    if every and not split.test.size:
        raise NumleanError("--eval-every needs test data; here there are none")
    if not every:
        return None
    return EarlyStopping(every, split.test, patience, with_accuracy=task.is_classification)
