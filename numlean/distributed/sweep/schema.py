"""The columns of a sweep's tables, and the Parquet files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numlean.data.input_file import shown_path
from numlean.display_text import one_line
from numlean.errors import DataError, UnavailableError

if TYPE_CHECKING:
    import pyarrow

RUN_COLUMNS: Final = {
    "digest": ("string", "SHA-256 of the recipe, which identifies the run"),
    "recipe": ("string", "the recipe as JSON, as certificates contain it"),
    "task": ("string", "the task, or the file of a table"),
    "arithmetic": ("string", "the dtype, or policy: and the policy"),
    "bits": ("int64", "bits of a number of the dtype, or of the policy's losses; null for mp"),
    "seed": ("int64", "seed of the initial parameters and of the samples' order"),
    "steps_asked": ("int64", "updates to make"),
    "batch_size": ("int64", "samples per update"),
    "optimizer": ("string", "the optimizer with its settings"),
    "lr": ("double", "the learning rate, before a schedule"),
    "schedule": ("string", "the learning-rate schedule; null for a constant rate"),
    "status": ("string", "done, or failed"),
    "error": ("string", "the error of a run that failed"),
    "steps": ("int64", "updates made"),
    "stopped_by": ("string", "patience if evaluations ended the run early"),
    "loss_before": ("double", "exact mean loss over the training data before the first update"),
    "loss_after": ("double", "the same after the last update"),
    "last_loss": ("double", "loss of the last measured step, before its update"),
    "test_loss": ("double", "exact mean loss over the test data at the end"),
    "accuracy": ("double", "fraction of the test data classified correctly at the end"),
    "nonfinite_step": ("int64", "first step after which a number was not finite"),
    "skipped_steps": ("int64", "updates that loss scaling skipped"),
    "state_digest": ("string", "digest of the encodings of the final parameters"),
    "value_digest": ("string", "digest of their values"),
    "chain": ("string", "last link of the certificate's chain"),
    "seconds": ("double", "time of the updates; of everything if the run failed"),
    "numlean": ("string", "version of numlean"),
    "python": ("string", "version of Python"),
    "host": ("string", "machine that made the run"),
    "finished": ("timestamp", "when the run ended, in UTC"),
}
"""Columns of the table of runs: type and meaning. A run that failed has nulls."""

STEP_COLUMNS: Final = {
    "digest": ("string", "the run"),
    "step": ("int64", "the step, from 0"),
    "loss": ("double", "loss of the step's batch before the update, as the run computed it"),
    "lr": ("double", "learning rate of the step"),
    "test_loss": ("double", "exact mean loss over the test data, if the run was evaluated then"),
    "accuracy": ("double", "fraction of the test data classified correctly, likewise"),
}
"""Columns of the table of measured steps: type and meaning."""

Columns = Mapping[str, tuple[str, str]]


def to_parquet(columns: Columns, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a Parquet file; a column that a row lacks is null.

    Raises:
        UnavailableError: pyarrow is not installed.
    """
    arrow = _arrow()
    from pyarrow import parquet

    table = arrow.Table.from_pylist([*rows], schema=_schema(columns))
    sink = BytesIO()
    plain: dict[str, Any] = {"compression": "none", "use_dictionary": False}
    parquet.write_table(table, sink, write_statistics=False, **plain)  # for few rows, less is more
    return sink.getvalue()


def read_parquet(columns: Columns, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the rows of Parquet files that ``to_parquet`` wrote, file after file.

    Raises:
        DataError: A file cannot be read, is no Parquet file, or a column has another type.
        UnavailableError: pyarrow is not installed.
    """
    arrow = _arrow()
    if not paths:
        return []
    from pyarrow import dataset

    try:
        files = dataset.dataset([*map(str, paths)], schema=_schema(columns), format="parquet")
        rows: list[dict[str, Any]] = files.to_table().to_pylist()
    except (arrow.ArrowException, OSError, ValueError) as error:
        if len(paths) > 1:  # find the file
            return [row for path in paths for row in read_parquet(columns, [path])]
        raise DataError(
            f"{shown_path(paths[0])}: not a table of a sweep, or damaged"
            f" ({one_line(str(error))[:200]}); delete runs/{paths[0].name}, and the sweep makes"
            " the run again"
        ) from None
    return rows


def _schema(columns: Columns) -> pyarrow.Schema:
    arrow = _arrow()
    types = {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "double": arrow.float64(),
        "timestamp": arrow.timestamp("us", tz="UTC"),
    }
    return arrow.schema([(name, types[kind]) for name, (kind, _) in columns.items()])


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UnavailableError(
            "the results of a sweep are Parquet files, which need pyarrow: pip install"
            " 'numlean[dask]'"
        ) from None
    return pyarrow
