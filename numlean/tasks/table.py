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

import numpy as np

from numlean.data.input_file import naming_file
from numlean.data.missing import impute
from numlean.data.size_limit import FLOAT_SIZE, check_size
from numlean.data.table import Table, count_of
from numlean.data.targets import CLASSIFICATION, REGRESSION
from numlean.errors import DataError, NumleanError, UnknownNameError
from numlean.nn import GELU, Flatten, Layer, Linear, ReLU, Sequential, Sigmoid, SiLU, Softplus, Tanh
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import split_of, split_rows, standardise_before, standardise_within
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
        impute: How to replace missing inputs, by the statistics of the training data; see
            ``numlean.data.missing.impute``. None if there are none.
    """

    test_share: Fraction = Fraction(1, 5)
    split_seed: int = 0
    standardise: str = STANDARDISE[0]
    hidden: tuple[int, ...] = (32, 16)
    activation: str = ACTIVATIONS[0]
    impute: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.test_share < 1:
            raise NumleanError(
                f"--test-share must be at least 0 and below 1, got {self.test_share!s:.80}"
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
    test_size = table.test_size
    if test_size is None:
        test_size = int(rows * settings.test_share)
    if rows < 2:
        raise DataError(f"{table.path}: the table needs at least two rows, got {rows}")
    if test_size == rows:
        raise DataError(f"{table.path}: no row is left for training")
    sample = table.inputs.shape[1:]
    is_classification = table.target.kind == CLASSIFICATION
    model = _perceptron(sample, settings.hidden, outputs, settings.activation)
    widths = ",".join(map(str, settings.hidden)) or "none"
    count = sum(prod(spec.shape) for spec in model.parameters)
    check_size(
        f"{table.path}: the {count:,} parameters of a model with {prod(sample):,} inputs,"
        f" {outputs:,} outputs and --hidden {widths:.80}",
        count * FLOAT_SIZE,
    )
    make = Task.classification if is_classification else Task.regression
    within = partial(standardise_within, targets=not is_classification)
    return NamedTask(
        name=Path(table.path).name,
        summary=f"{table.target_name} from {table.input_name}: {table.target.kind}, as"
        f" {table.target.reason}; {_sizes(table, settings, rows, test_size)}",
        task=make(model),
        load=partial(_load, table, test_size, settings),
        steps=500,
        batch_size=32,
        lr=0.02,
        momentum=0.9,
        is_classification=is_classification,
        preprocess=within if settings.standardise == "scalar" else None,
    )


def _sizes(table: Table, settings: TableSettings, rows: int, test_size: int) -> str:
    if table.test_size is None:
        sizes = f"{rows} rows, {test_size} held out"
    else:
        sizes = f"{rows - test_size} rows, {test_size} test rows"
    gaps = int(np.isnan(table.inputs.reshape(rows, -1)).any(axis=1).sum())
    imputed = [f"{count_of(gaps, 'row')} with missing inputs, replaced ({settings.impute})"]
    return "; ".join([sizes, *table.notes, *imputed[: bool(gaps)]])


def _load(table: Table, test_size: int, settings: TableSettings) -> Split:
    inputs, rows = table.inputs, len(table.inputs)
    if table.test_size is None:
        train, test = split_rows(rows, test_size=test_size, seed=settings.split_seed)
    else:
        train, test = np.split(np.arange(rows), [rows - test_size])
    with naming_file(table.path):
        if settings.impute is not None:
            inputs = impute(inputs, inputs[train], settings.impute, table.categories)
        split = split_of(inputs, table.target.values, train, test)
        if settings.standardise != "before":
            return split
        return standardise_before(split, targets=table.target.kind == REGRESSION)


def _perceptron(
    sample: tuple[int, ...], hidden: Sequence[int], outputs: int, activation: str
) -> Sequential:
    layers: list[Layer] = [] if len(sample) == 1 else [Flatten()]
    for fan_in, fan_out in pairwise((prod(sample), *hidden)):
        layers += [Linear(fan_in, fan_out), _ACTIVATIONS[activation]()]
    last = hidden[-1] if hidden else prod(sample)
    return Sequential(*layers, Linear(last, outputs), sample_shape=sample)
