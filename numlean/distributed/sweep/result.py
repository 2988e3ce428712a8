"""The results of a sweep: its runs, and groups of runs that differ in their seeds only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any, Final, final

from numlean.analysis.ablation.statistics import Sample
from numlean.analysis.ablation.tables import PERCENT, summary
from numlean.text_table import TextTable

Row = Mapping[str, Any]
"""A row of a table; :mod:`numlean.distributed.sweep.schema` documents the columns."""

_IN_COLUMNS: Final = ("task", "dtype", "policy", "seed", "version")
"""Fields of a recipe that have columns of their own, or are no setting."""


@final
@dataclass(frozen=True)
class Group:
    """Runs of a sweep that differ in their seeds only.

    Attributes:
        task: The task.
        arithmetic: The dtype, or ``policy:`` and the policy.
        bits: The bits of a number of the dtype, or of the policy's losses; None if there are none.
        setting: The settings in which the groups of the sweep differ.
        runs: The rows of the runs that are done.
        failed: The rows of those that failed.
    """

    task: str
    arithmetic: str
    bits: int | None
    setting: str
    runs: tuple[Row, ...]
    failed: tuple[Row, ...]

    @property
    def loss(self) -> Sample:
        """The final losses: those on test data, or on the training data if there are none."""
        return Sample(tuple(_known(_loss(row) for row in self.runs)))

    @property
    def accuracy(self) -> Sample:
        """The final accuracies; empty for a task without classes."""
        return Sample(tuple(_known(row["accuracy"] for row in self.runs)))

    @property
    def seconds(self) -> Sample:
        """The times of the updates."""
        return Sample(tuple(row["seconds"] for row in self.runs))


@final
@dataclass(frozen=True)
class SweepResult:
    """The results of a sweep.

    As a text, it is a table with a line for each group of runs that differ in their seeds only.

    Attributes:
        runs: A row for each run, those that failed included.
        steps: A row for each measured step.
        missing: The number of points that have no run, since the sweep was interrupted.
    """

    runs: Sequence[Row]
    steps: Sequence[Row]
    missing: int = 0

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of runs that differ in their seeds only, in the order of the runs."""
        recipes = [_flat(json.loads(row["recipe"])) for row in self.runs]
        names = sorted({name for recipe in recipes for name in recipe})
        varied = [name for name in names if len({recipe.get(name) for recipe in recipes}) > 1]
        found: dict[tuple[str, str, str], list[Row]] = {}
        for row, recipe in zip(self.runs, recipes, strict=True):
            setting = ", ".join(
                f"{name.rpartition('.')[2]} {recipe[name]}" for name in varied if name in recipe
            )
            found.setdefault((row["task"], row["arithmetic"], setting), []).append(row)
        return tuple(_group(*key, rows) for key, rows in found.items())

    @property
    def failed(self) -> list[Row]:
        """The rows of the runs that failed."""
        return [row for row in self.runs if row["status"] == "failed"]

    def table(self) -> TextTable:
        """Return the groups as a table."""
        head = ("task", "arithmetic", "setting", "runs", "loss", "accuracy/%", "seconds", "failed")
        rows = [
            (
                *(each.task, each.arithmetic, each.setting, str(len(each.runs))),
                *(summary(each.loss), summary(each.accuracy, PERCENT), summary(each.seconds)),
                str(len(each.failed) or ""),
            )
            for each in self.groups
        ]
        kept = [k for k in range(len(head)) if k < 2 or any(row[k] for row in rows)]
        lines = tuple(tuple(row[k] for k in kept) for row in rows)
        align = "".join("<<<>>>>>"[k] for k in kept)
        return TextTable(tuple(head[k] for k in kept), lines, align)

    @property
    def errors(self) -> Iterator[str]:
        """The errors of the runs that failed, each once, with the number of its runs."""
        counts: dict[str, int] = {}
        for row in self.failed:
            counts[row["error"]] = counts.get(row["error"], 0) + 1
        for text, count in counts.items():
            yield f"{count} run(s) failed: {text}"

    def __str__(self) -> str:
        missing = [f"{self.missing} point(s) have no run yet"] if self.missing else []
        return "\n".join([self.table().to_text(), *self.errors, *missing])

    def _repr_html_(self) -> str:
        """Return the same for notebooks."""
        missing = [f"{self.missing} point(s) have no run yet"] if self.missing else []
        texts = "".join(f"<p>{escape(text)}</p>" for text in (*self.errors, *missing))
        return self.table().to_html() + texts


def _group(task: str, arithmetic: str, setting: str, rows: Sequence[Row]) -> Group:
    done = tuple(row for row in rows if row["status"] == "done")
    failed = tuple(row for row in rows if row["status"] == "failed")
    bits = next((row["bits"] for row in done if row["bits"] is not None), None)
    return Group(task, arithmetic, bits, setting, done, failed)


def _loss(row: Row) -> float | None:
    found: float | None = row["loss_after"] if row["test_loss"] is None else row["test_loss"]
    return found


def _known(values: Iterator[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)


def _flat(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the settings of a recipe by their names, with those of its parts; without nulls."""
    found: dict[str, str] = {}
    for name, value in recipe.items():
        if not prefix and name in _IN_COLUMNS:
            continue
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[f"{prefix}{name}"] = str(value)
    return found
