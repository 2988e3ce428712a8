"""A task out of a user's own table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Final

from numlean.data.tables import Table
from numlean.errors import DataError, NumleanError, UnknownNameError
from numlean.nn import GELU, Flatten, Layer, Linear, ReLU, Sequential, Sigmoid, SiLU, Softplus, Tanh
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import standardised_before, standardised_within, train_test_split
from numlean.training.task import Task

STANDARDISE: Final = ("before", "scalar", "none")
"""Where inputs are standardised, and targets of a regression: in binary64 before the run, by the
Scalar's own operations, or nowhere."""

_ACTIVATIONS: Final[dict[str, Callable[[], Layer]]] = {
    "tanh": Tanh,
    "relu": ReLU,
    "gelu": GELU,
    "silu": SiLU,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
}
ACTIVATIONS: Final = tuple(_ACTIVATIONS)


@dataclass(frozen=True)
class TableSettings:
    """What becomes of a table.

    Attributes:
        test_share: The part of the rows that is a test, rounded down to whole rows.
        split_seed: Names the order in which rows are parted: the first are the test.
        standardise: One of ``STANDARDISE``; statistics are the training part's.
        hidden: The widths of the hidden layers.
        activation: What follows each of them, one of ``ACTIVATIONS``.
    """

    test_share: Fraction = Fraction(1, 5)
    split_seed: int = 0
    standardise: str = STANDARDISE[0]
    hidden: tuple[int, ...] = (32, 16)
    activation: str = ACTIVATIONS[0]

    def __post_init__(self) -> None:
        if not 0 <= self.test_share < 1:
            raise NumleanError(
                f"the test's share of the rows is at least 0 and below 1: {self.test_share}"
            )
        if self.standardise not in STANDARDISE:
            raise UnknownNameError("way to standardise", self.standardise, STANDARDISE)
        if self.activation not in ACTIVATIONS:
            raise UnknownNameError("activation", self.activation, ACTIVATIONS)


def table_task(table: Table, settings: TableSettings) -> NamedTask:
    """The task of predicting a table's target from its inputs by a multilayer perceptron.

    Raises:
        DataError: The training part would be empty.
    """
    rows, outputs = table.target.values.shape
    test_size = int(rows * settings.test_share)
    if rows < 2:
        raise DataError(f"{table.path}: a table to be learnt has two rows or more, not {rows}")
    sample = table.inputs.shape[1:]
    is_classification = table.target.kind == "classification"
    model = _perceptron(sample, settings.hidden, outputs, settings.activation)
    make = Task.classification if is_classification else Task.regression
    within = partial(standardised_within, targets=not is_classification)
    return NamedTask(
        name=Path(table.path).name,
        summary=f"{table.target_name} from {table.input_name}: {table.target.kind}, as"
        f" {table.target.reason}; {rows} rows, {test_size} of them a test",
        task=make(model),
        load=partial(_load, table, test_size, settings),
        steps=500,
        batch_size=32,
        lr=0.02,
        momentum=0.9,
        is_classification=is_classification,
        preprocess=within if settings.standardise == "scalar" else None,
    )


def _load(table: Table, test_size: int, settings: TableSettings) -> Split:
    values = table.target.values
    split = train_test_split(table.inputs, values, test_size=test_size, seed=settings.split_seed)
    if settings.standardise != "before":
        return split
    return standardised_before(split, targets=table.target.kind == "regression")


def _perceptron(
    sample: tuple[int, ...], hidden: Sequence[int], outputs: int, activation: str
) -> Sequential:
    layers: list[Layer] = [] if len(sample) == 1 else [Flatten()]
    for fan_in, fan_out in pairwise((prod(sample), *hidden)):
        layers += [Linear(fan_in, fan_out), _ACTIVATIONS[activation]()]
    last = hidden[-1] if hidden else prod(sample)
    return Sequential(*layers, Linear(last, outputs), sample_shape=sample)
