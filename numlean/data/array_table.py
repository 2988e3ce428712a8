"""Tables of numpy arrays: inputs and targets from .npz and .npy files, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from numlean.data.array_columns import ArrayColumns
from numlean.data.dataset import Floats
from numlean.data.input_file import shown_path
from numlean.data.missing import MissingValues
from numlean.data.npy_file import TEXT, Array, read_npy
from numlean.data.npz_file import Archive
from numlean.data.size_limit import FLOAT_SIZE, check_size
from numlean.display_text import printable
from numlean.errors import DataError

_OBJECT_SIZE: Final = 40
"""The memory of an integer or a float of Python and of the reference to it, in bytes."""


@dataclass(frozen=True)
class ArrayTable:
    """Inputs of shape (n, ...) and targets of shape (n,) or (n, ...), in their own dtypes.

    Attributes:
        path: The file.
        inputs: The inputs.
        target: The targets.
        input_name: The key of the inputs, or a description.
        target_name: The key or the columns of the targets.
        input_place: Where the inputs are, for messages.
        target_place: Where the targets are, for messages.
        test_path: The file of the test data, if there is one.
        test_size: The number of samples from that file, which are the last ones.
    """

    path: str
    inputs: Array
    target: Array
    input_name: str
    target_name: str
    input_place: str
    target_place: str
    test_path: str = ""
    test_size: int = 0

    def __post_init__(self) -> None:
        for array, place in ((self.inputs, self.input_place), (self.target, self.target_place)):
            if array.ndim == 0 or array.size == 0:
                raise DataError(f"{place}: the array of shape {array.shape} has no samples")
        if len(self.inputs) != len(self.target):
            raise DataError(
                f"{self.path}: {self.input_name!r} has {len(self.inputs)} rows but"
                f" {self.target_name!r} {len(self.target)}; their shapes are {self.inputs.shape}"
                f" and {self.target.shape}"
            )

    def with_test(self, other: ArrayTable) -> ArrayTable:
        """Return the table followed by the samples of a file of test data.

        Raises:
            DataError: The shapes of samples differ, or numbers stand next to text.
        """
        joined = []
        for ours, theirs, place in (
            (self.inputs, other.inputs, other.input_place),
            (self.target, other.target, other.target_place),
        ):
            if ours.shape[1:] != theirs.shape[1:] or (ours.dtype.kind == TEXT) != (
                theirs.dtype.kind == TEXT
            ):
                raise DataError(
                    f"{place}: samples of shape {theirs.shape[1:]} and type {theirs.dtype} do not"
                    f" match those of {self.path}, of shape {ours.shape[1:]} and type {ours.dtype}"
                )
            joined.append(_join(ours, theirs, place))
        size = len(other.inputs)
        inputs, target = joined
        return replace(self, inputs=inputs, target=target, test_path=other.path, test_size=size)

    def floats(self, missing: MissingValues) -> Floats:
        """Return the inputs as binary64 numbers, each rounded once; NaN is a missing value.

        Raises:
            DataError: The inputs are text, or infinite, or missing values are an error.
        """
        return numbers(self.input_place, self.inputs, missing, keep=missing.impute is not None)

    def without_gaps(self, missing: MissingValues) -> ArrayTable:
        """Return the table without the samples in which a value is missing.

        Raises:
            DataError: No sample is left.
        """
        gaps = _gaps(self.inputs, missing) | _gaps(self.target, missing)
        if gaps.all():
            raise DataError(
                f"{self.path}: each row has a missing value; pass --impute in place of"
                " --drop-missing"
            )
        kept = ~gaps
        test = int(kept[len(kept) - self.test_size :].sum())
        return replace(self, inputs=self.inputs[kept], target=self.target[kept], test_size=test)


def read_arrays(
    path: str, targets: Sequence[str], key: str | None, drop: Sequence[str]
) -> ArrayTable:
    """Return the table of a .npz or .npy file.

    Args:
        path: The file.
        targets: The key, the columns, or the other .npy file to predict.
        key: The key of the inputs, for a .npz file; None for the default.
        drop: The columns to leave out, for a .npy file.

    Raises:
        DataError: The file is not as described.
    """
    if _is_npy(path):
        if key is not None:
            raise DataError(f"{shown_path(path)}: only .npz files have keys; leave out --input")
        if is_file_of_targets(path, targets):
            return _of_pair(path, targets[0], drop)
        return _of_columns(path, targets, drop)
    if drop or len(targets) > 1:
        raise DataError(
            f"{shown_path(path)}: archives have no columns; leave out the options for columns"
        )
    archive, (target,) = Archive.open(path), targets
    key = archive.input_key(target, key)
    inputs, goal = archive.array(key), archive.array(target)
    names = printable(key), printable(target)
    places = f"{archive.path}, key {key!r:.80}", f"{archive.path}, key {target!r:.80}"
    return ArrayTable(archive.path, inputs, goal, *names, *places)


def is_file_of_targets(path: str, targets: Sequence[str]) -> bool:
    """Return whether the target of a table is a file of its own: one .npy file for another."""
    return len(targets) == 1 and _is_npy(path) and _is_npy(targets[0])


def _is_npy(path: str) -> bool:
    return Path(path).suffix.lower() == ".npy"


def _of_pair(path: str, target: str, drop: Sequence[str]) -> ArrayTable:
    shown = shown_path(path), shown_path(target)
    if drop:
        raise DataError(
            f"{shown[0]}: with --target FILE.npy there are no columns; leave out --drop"
        )
    inputs, goal = read_npy(path), read_npy(target)
    for each, array in zip(shown, (inputs, goal), strict=True):
        if array.dtype.names:
            raise DataError(f"{each}: expected an array of numbers, got one of {array.dtype!s:.80}")
    names = Path(shown[0]).name, Path(shown[1]).name
    return ArrayTable(shown[0], inputs, goal, *names, *shown)


def _of_columns(path: str, targets: Sequence[str], drop: Sequence[str]) -> ArrayTable:
    table = ArrayColumns(shown_path(path), read_npy(path))
    goals, dropped = table.indices(targets), table.indices(drop)
    is_input = np.ones(table.count, dtype=bool)
    is_input[[*goals, *dropped]] = False
    if int((~is_input).sum()) < len(goals + dropped):
        raise DataError(f"{table.path}: a column is used twice; name it in one option")
    chosen = np.flatnonzero(is_input)
    if not len(chosen):
        raise DataError(f"{table.path}: the table needs a column of inputs besides the target")
    for name in (table.name(k) for k in table.with_dtype(TEXT) if is_input[k]):
        raise DataError(
            f"{table.path}, column {name!r:.80}: inputs must be numbers, got text; pass --drop"
            f" {printable(name)}"
        )
    # A single target keeps its dtype, in which labels are compared.
    inputs, goal = table.columns(chosen), table.columns(goals)
    goal_names = [printable(table.name(k)) for k in goals]
    place = f"{table.path}, column {table.name(goals[0])!r:.80}"
    named = f"{len(chosen)} column{'s' * (len(chosen) > 1)}"
    return ArrayTable(table.path, inputs, goal, named, ", ".join(goal_names), table.path, place)


def numbers(place: str, array: Array, missing: MissingValues, *, keep: bool = False) -> Floats:
    """Return an array as binary64 numbers, each rounded once; missing values become NaNs.

    Raises:
        DataError: The array is text, or a value is infinite, or missing and not to keep; rows and
            columns count from 0.
    """
    if array.dtype.kind == TEXT:
        raise DataError(f"{place}: inputs must be numbers, got text of type {array.dtype}")
    check_size(f"{place}: the numbers in binary64", array.size * FLOAT_SIZE)
    with np.errstate(over="ignore"):
        values = array.astype(np.float64)
    values[missing.is_marked(array)] = np.nan
    wrong = np.argwhere(~np.isfinite(values) & ~(keep & np.isnan(values)))
    if len(wrong):
        row, *columns = (int(k) for k in wrong[0])
        where = f", column {', '.join(map(str, columns))}" if columns else ""
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DataError(
            f"{place}: row {row}{where} (from 0) is {array[tuple(wrong[0])]}{more}: data must be"
            " finite; fill in the value or remove the row (--impute and --drop-missing do so for"
            " missing values)"
        )
    return values


def _gaps(array: Array, missing: MissingValues) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    marked = missing.is_marked(array).reshape(len(array), -1)
    gaps: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.any(marked, axis=1)
    return gaps


def _join(a: Array, b: Array, place: str) -> Array:
    """Return two arrays one after the other, without rounding a number.

    Raises:
        DataError: They exceed the limit for arrays.
    """
    if TEXT in (a.dtype.kind, b.dtype.kind) or a.dtype == b.dtype:
        return np.concatenate([a, b])
    count = a.size + b.size
    check_size(f"{place}: the {count:,} elements of two types of numbers", count * _OBJECT_SIZE)
    # int64 and uint64, or int64 and float64, have no common dtype that contains both.
    return np.concatenate([a.astype(object), b.astype(object)])
