"""The task of a user's own table."""

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
from numlean.tasks.splits import standardise_before, standardise_within, train_test_split
from numlean.training.task import Task

STANDARDISE: Final = ("before", "scalar", "none")
"""How to standardise inputs, and targets of a regression: in binary64 before the run, with the
Scalar's own operations, or not at all."""

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
    """Settings for the split of a table, its standardisation and the model.

    Attributes:
        test_share: The fraction of rows held out for testing, rounded down to whole rows.
        split_seed: The seed of the train/test split.
        standardise: One of ``STANDARDISE``, with the statistics of the training data.
        hidden: The widths of the hidden layers.
        activation: The activation function of the hidden layers, one of ``ACTIVATIONS``.
    """

    test_share: Fraction = Fraction(1, 5)
    split_seed: int = 0
    standardise: str = STANDARDISE[0]
    hidden: tuple[int, ...] = (32, 16)
    activation: str = ACTIVATIONS[0]

    def __post_init__(self) -> None:
        if not 0 <= self.test_share < 1:
            raise NumleanError(
                f"--test-share must be at least 0 and below 1, got {self.test_share}"
            )
        if self.standardise not in STANDARDISE:
            raise UnknownNameError("standardisation", self.standardise, STANDARDISE)
        if self.activation not in ACTIVATIONS:
            raise UnknownNameError("activation", self.activation, ACTIVATIONS)


def table_task(table: Table, settings: TableSettings) -> NamedTask:
    """Return the task of predicting a table's target with a multilayer perceptron.

    Raises:
        DataError: The table has fewer than two rows.
    """
    rows, outputs = table.target.values.shape
    test_size = int(rows * settings.test_share)
    if rows < 2:
        raise DataError(f"{table.path}: the table needs at least two rows, got {rows}")
    sample = table.inputs.shape[1:]
    is_classification = table.target.kind == "classification"
    model = _perceptron(sample, settings.hidden, outputs, settings.activation)
    make = Task.classification if is_classification else Task.regression
    within = partial(standardise_within, targets=not is_classification)
    return NamedTask(
        name=Path(table.path).name,
        summary=f"{table.target_name} from {table.input_name}: {table.target.kind}, as"
        f" {table.target.reason}; {rows} rows, {test_size} held out",
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
    return standardise_before(split, targets=table.target.kind == "regression")


def _perceptron(
    sample: tuple[int, ...], hidden: Sequence[int], outputs: int, activation: str
) -> Sequential:
    layers: list[Layer] = [] if len(sample) == 1 else [Flatten()]
    for fan_in, fan_out in pairwise((prod(sample), *hidden)):
        layers += [Linear(fan_in, fan_out), _ACTIVATIONS[activation]()]
    last = hidden[-1] if hidden else prod(sample)
    return Sequential(*layers, Linear(last, outputs), sample_shape=sample)
