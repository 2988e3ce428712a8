"""Options for evaluations on the test data during training."""

from __future__ import annotations

import argparse

from numlean.tasks import NamedTask, Recipe, Split
from numlean.training import EarlyStopping


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Add the options."""
    group.add_argument(
        "--eval-every", type=int, metavar="N", help="evaluate on the test data every N steps"
    )
    group.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N evaluations without a lower test loss",
    )


def make_evaluator(recipe: Recipe, task: NamedTask, split: Split) -> EarlyStopping | None:
    """Return the evaluations that the recipe requests; None if it requests none.

    Raises:
        NumleanError: There are no test data.
    """
    return None if recipe.evaluation is None else recipe.evaluation.hook(task, split)
