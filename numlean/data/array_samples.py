"""Inputs and targets from arrays of numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numlean.data.array_table import ArrayTable, numbers
from numlean.data.input_file import naming_file
from numlean.data.labels import Labels, labels_of_array, labels_of_texts
from numlean.data.missing import MissingValues
from numlean.data.npy_file import TEXT
from numlean.data.table import Table, dropped_note
from numlean.data.targets import (
    REGRESSION,
    Target,
    are_classes,
    class_target,
    columns_target,
    regression_target,
    text_target,
)
from numlean.errors import DataError


def table_of_arrays(arrays: ArrayTable, kind: str | None, missing: MissingValues) -> Table:
    """Return the inputs and targets of a .npz or .npy file.

    Raises:
        DataError: The inputs are not numbers, or the targets are not of this kind.
    """
    before = len(arrays.inputs)
    if missing.drop_rows:
        arrays = arrays.without_gaps(missing)
    inputs = arrays.floats(missing)
    with naming_file(arrays.path, arrays.test_path):
        target = _target(arrays, kind, missing)
    return Table(
        arrays.path,
        inputs.reshape(len(inputs), -1) if inputs.ndim == 1 else inputs,
        target,
        arrays.input_name,
        arrays.target_name,
        arrays.test_size if arrays.test_path else None,
        notes=tuple(dropped_note(before - len(inputs))),
    )


def _target(arrays: ArrayTable, kind: str | None, missing: MissingValues) -> Target:
    goal, place = arrays.target, arrays.target_place
    if goal.dtype.kind == TEXT:
        labels = labels_of_texts(_texts(arrays, kind, missing))
        _check_classes(arrays, labels)
        return text_target(labels, is_requested=kind is not None)
    values = numbers(place, goal, missing).reshape(len(goal), -1)
    if values.shape[1] > 1:
        return columns_target(values, kind, list(map(str, range(values.shape[1]))))
    labels = labels_of_array(goal.reshape(-1))
    if are_classes(labels, kind):
        _check_classes(arrays, labels)
        return class_target(labels, kind)
    return regression_target(values, labels, kind)


def _texts(arrays: ArrayTable, kind: str | None, missing: MissingValues) -> Sequence[str]:
    goal, place = arrays.target, arrays.target_place
    if kind == REGRESSION:
        raise DataError(f"{place}: text can only be classes: pass --kind classification")
    if goal.size != len(goal):
        raise DataError(f"{place}: classes must be one column, got shape {goal.shape}")
    cells = [text.strip() for text in goal.reshape(-1).tolist()]
    wrong = next((k for k, cell in enumerate(cells) if cell in ("", *missing.words)), None)
    if wrong is not None:
        what = "an empty text" if not cells[wrong] else f"missing ({cells[wrong]!r:.80})"
        raise DataError(
            f"{place}: row {wrong} (from 0) is {what}; fill it in, or pass --drop-missing"
        )
    return cells


def _check_classes(arrays: ArrayTable, labels: Labels) -> None:
    size = len(labels.numbers) - arrays.test_size
    new = np.flatnonzero(~np.isin(labels.numbers[size:], labels.numbers[:size]))
    if len(new):
        raise DataError(
            f"{arrays.test_path}: row {new[0]} (from 0) has the class"
            f" {labels.classes[labels.numbers[size + new[0]]]!r:.80}, which does not occur in"
            f" {arrays.path}; delete the row from the test data, or add one to the training data"
        )
