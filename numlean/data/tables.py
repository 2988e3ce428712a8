"""Reading inputs and targets from a table in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from numlean.data.array_samples import table_of_arrays
from numlean.data.array_table import read_arrays
from numlean.data.csv_columns import table_of_csv
from numlean.data.csv_dialect import CsvDialect
from numlean.data.csv_file import read_csv
from numlean.data.input_file import is_given_pipe, shown_path
from numlean.data.missing import MissingValues
from numlean.data.table import Table
from numlean.errors import DataError

TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt")
"""The ends of the names of tables in text files."""

ARRAY_SUFFIXES: Final = (".npz", ".npy")
"""The ends of the names of tables in numpy's files."""

_DEFAULT_HEADER: Final = "auto"


def read_table(
    path: str,
    target: str | Sequence[str],
    *,
    key: str | None = None,
    kind: str | None = None,
    categorical: Sequence[str] = (),
    drop: Sequence[str] = (),
    header: str = _DEFAULT_HEADER,
    dialect: CsvDialect | None = None,
    missing: MissingValues | None = None,
    test_path: str | None = None,
) -> Table:
    """Read inputs and targets from a text file (.csv, .tsv, .txt) or from numpy's (.npz, .npy).

    A pipe that the process was given, such as ``/dev/stdin``, is read as a text file.

    Args:
        path: The file.
        target: The column, the columns or the key to predict; for a .npy file perhaps another one.
        key: The array of inputs, for an archive; by default the only other array, or ``x``.
        kind: "regression" or "classification"; by default chosen from the target's values.
        categorical: The columns of a text file whose cells are compared as texts: inputs are
            encoded one-hot, and a target has a class for each text.
        drop: The columns to drop, for a text or a .npy file.
        header: Whether the first row names the columns, for a text file: yes, no or auto.
        dialect: How a text file separates cells and writes numbers; None for the default.
        missing: What stands for a missing value, and what becomes of it; None for the default.
        test_path: A file of test data of the same columns or keys; None if there is none.

    Raises:
        DataError: A file is not as described, with row and column where there is one.
        UnknownNameError: There is no such column.
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    missing = missing or MissingValues()
    is_text = _is_text(path)
    if test_path is not None and _is_text(test_path) != is_text:
        raise DataError(
            f"{shown_path(test_path)}: the test data must be a file like {shown_path(path)}"
        )
    if is_text:
        if key is not None:
            raise DataError(
                f"{shown_path(path)}: only archives have keys; the inputs of a text file are its"
                " other columns"
            )
        table = read_csv(path, dialect, header=header, missing=missing)
        if test_path is not None:
            table = table.with_test(read_csv(test_path, dialect, header=header, missing=missing))
        return table_of_csv(table, targets, kind, categorical, drop)
    if categorical or header != _DEFAULT_HEADER or dialect not in (None, CsvDialect()):
        raise DataError(
            f"{shown_path(path)}: archives have no columns; leave out the options for text files"
        )
    arrays = read_arrays(path, targets, key, drop)
    if test_path is not None and Path(targets[0]).suffix.lower() == ".npy":
        raise DataError(
            f"{shown_path(test_path)}: test data need targets of their own; put the inputs and the"
            " targets into one .npz file each, with --target KEY"
        )
    if test_path is not None:
        arrays = arrays.with_test(read_arrays(test_path, targets, key, drop))
    return table_of_arrays(arrays, kind, missing)


def _is_text(path: str) -> bool:
    suffix = Path(path).suffix.lower()
    if not suffix and is_given_pipe(path):
        return True
    if suffix not in TEXT_SUFFIXES + ARRAY_SUFFIXES:
        raise DataError(
            f"{shown_path(path)}: the name of a table must end in {', '.join(TEXT_SUFFIXES)}, .npz"
            " or .npy"
        )
    return suffix in TEXT_SUFFIXES
