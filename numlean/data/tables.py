"""Users' own tables: inputs and targets out of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from numlean.data import npz_file
from numlean.data.csv_file import TextTable, read_csv
from numlean.data.dataset import Floats
from numlean.data.npz_file import input_key, read_npz
from numlean.data.targets import Target, number_target, text_target
from numlean.errors import DataError

_TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt")
_EMPTY_ONLY: Final = frozenset({""})
_COMPLETE: Final = "fill it in or delete the row"
_LEAVE_OUT: Final = f"{_COMPLETE}, or leave the column out by --drop {{column}}"
_ENCODE: Final = "--categorical {column} makes the column one-hot, --drop {column} leaves it out"


@dataclass(frozen=True)
class Table:
    """What is to be learnt from a file.

    Attributes:
        path: The file.
        inputs: Numbers of shape (n, ...).
        target: The targets, n of them.
        input_name: What the inputs are, in words.
        target_name: The column or key of the targets.
    """

    path: str
    inputs: Floats
    target: Target
    input_name: str
    target_name: str


def read_table(
    path: str,
    target: str,
    *,
    key: str | None = None,
    kind: str | None = None,
    categorical: Sequence[str] = (),
    drop: Sequence[str] = (),
    header: str = "auto",
) -> Table:
    """Inputs and targets out of a text file (.csv, .tsv, .txt) or a numpy archive (.npz).

    Args:
        path: The file.
        target: The column, or the key, to be predicted.
        key: Of an archive, the array of inputs; by default the only other one, or ``x``.
        kind: "regression" or "classification"; by default what ``targets`` makes of the target.
        categorical: Of a text file, columns of texts that become one column for each text.
        drop: Of a text file, columns to be left out.
        header: Of a text file, whether its first row names the columns: yes, no or auto.

    Raises:
        DataError: The file is not as described, with row and column where there is one.
        UnknownNameError: There is no such column.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        if categorical or drop or header != "auto":
            raise DataError(f"{path}: archives have no columns to name; leave those options out")
        return _of_archive(path, target, key, kind)
    if suffix not in _TEXT_SUFFIXES:
        raise DataError(f"{path}: tables are read from {', '.join(_TEXT_SUFFIXES)} and .npz")
    if key is not None:
        raise DataError(f"{path}: only archives have keys; its inputs are all columns but {target}")
    return _of_text(read_csv(path, header=header), target, kind, categorical, drop)


def _of_text(
    table: TextTable,
    target: str,
    kind: str | None,
    categorical: Sequence[str],
    drop: Sequence[str],
) -> Table:
    goal = table.index(target)
    one_hot = {table.index(column) for column in categorical}
    dropped = {table.index(column) for column in drop}
    for column, others in ((goal, one_hot | dropped), *((k, dropped) for k in one_hot)):
        if column in others:
            raise DataError(f"{table.path}: column {table.names[column]!r} is asked for twice")
    chosen = [k for k in range(len(table.names)) if k != goal and k not in dropped]
    if not chosen:
        raise DataError(
            f"{table.path}: besides the target there must be a column of inputs; are columns"
            " separated by commas, semicolons or tabs?"
        )
    _check_named(table, chosen)
    blocks = [_one_hot(table, k) if k in one_hot else _numbers(table, k) for k in chosen]
    inputs = np.ascontiguousarray(np.concatenate(blocks, axis=1))
    named = f"{len(chosen)} column{'s' * (len(chosen) > 1)}"
    return Table(table.path, inputs, _text_or_numbers(table, goal, kind), named, table.names[goal])


def _numbers(table: TextTable, index: int) -> Floats:
    is_text = not table.is_numeric(index)
    return table.numbers(index, _ENCODE if is_text else _LEAVE_OUT).reshape(-1, 1)


def _one_hot(table: TextTable, index: int) -> Floats:
    texts = np.array(table.texts(index, _LEAVE_OUT, missing=_EMPTY_ONLY), dtype=np.str_)
    categories, numbers = np.unique(texts, return_inverse=True)
    return np.eye(len(categories))[numbers.reshape(-1)]


def _text_or_numbers(table: TextTable, index: int, kind: str | None) -> Target:
    if table.is_numeric(index):
        return number_target(table.numbers(index, _COMPLETE), kind)
    if kind == "regression":
        table.numbers(index, "texts can only be classes: --kind classification")
    return text_target(table.texts(index, _COMPLETE))


def _check_named(table: TextTable, chosen: Sequence[int]) -> None:
    for index in chosen:
        if not table.names[index]:
            raise DataError(
                f"{table.path}: column {index + 1} has no name, as an index of rows has none:"
                f" name it, or leave it out by --drop {index + 1}"
            )


def _of_archive(path: str, target: str, key: str | None, kind: str | None) -> Table:
    arrays = read_npz(path)
    key = input_key(path, arrays, target, key)
    for name in (key, target):
        if arrays[name].ndim == 0 or arrays[name].size == 0:
            raise DataError(
                f"{path}, key {name!r}: an array of shape {arrays[name].shape} holds no samples"
            )
    inputs, goal = npz_file.numbers(path, key, arrays[key]), arrays[target]
    if len(inputs) != len(goal):
        raise DataError(
            f"{path}: {key!r} has {len(inputs)} rows but {target!r} {len(goal)}: of shapes"
            f" {inputs.shape} and {goal.shape}"
        )
    inputs = inputs.reshape(len(inputs), -1) if inputs.ndim == 1 else inputs
    return Table(path, inputs, _classes_or_numbers(path, target, goal, kind), key, target)


def _classes_or_numbers(path: str, key: str, goal: npz_file.Array, kind: str | None) -> Target:
    if goal.dtype.kind != "U":
        return number_target(npz_file.numbers(path, key, goal), kind)
    if kind == "regression":
        raise DataError(f"{path}, key {key!r}: texts can only be classes: --kind classification")
    if goal.size != len(goal):
        raise DataError(f"{path}, key {key!r}: classes are one column, not {goal.shape}")
    cells = [text.strip() for text in goal.reshape(-1).tolist()]
    if "" in cells:
        raise DataError(f"{path}, key {key!r}: row {cells.index('')} (from 0) is empty text")
    return text_target(cells)
