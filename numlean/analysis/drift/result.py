"""The results that a comparison keeps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final, TypeAlias

from numlean.analysis.drift.operations import Key, OperationErrors
from numlean.analysis.drift.part_tables import part_tables
from numlean.analysis.drift.product_errors import ProductErrors, ProductKey
from numlean.analysis.drift.quantisation import Quantisation, QuantisationKey
from numlean.analysis.drift.records import Record
from numlean.analysis.drift.seed_experiment import MeasuredStep
from numlean.analysis.drift.update_errors import UpdateErrors
from numlean.precision.blocks import BlockStatistics
from numlean.text_table import TextTable

Where: TypeAlias = tuple[str, str]
"""A phase and a layer."""


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        heading: The heading.
        take: Returns the figure of a step's record.
        worst: Returns the worst of several figures.
    """

    heading: str
    take: Callable[[Record], Any]
    worst: Callable[[list[Any]], Any] = max


@dataclass
class Comparison:
    """Runs in several arithmetics, compared with each other and with the reference run.

    Attributes:
        header: The settings of the comparison; see :mod:`numlean.analysis.drift.records`.
        steps: A record for each dtype, seed and measured step.
        runs: A record for each dtype and seed.
        operations: By dtype, the errors of each operation of a layer, over all steps and seeds, in
            program order.
        layers: By dtype, phase and layer, and step, the errors of the layer's operations together,
            over all seeds.
        products: By run by a policy, the errors of each product of a layer, over all steps and
            seeds but for steps that loss scaling skipped, in which numbers overflow.
        quantisations: By run by a policy, what was done to each scaled operand of a product, over
            the same steps.
        quantised_steps: By run by a policy and operand, the same for each step, over all seeds.
        updates: By run by a policy, what the updates of each parameter lose, over all steps and
            seeds.
        stopped_at: The seed, and the number of its steps, at which ``on_step`` ended the
            comparison while steps or seeds were left; None if it did not.
    """

    header: Record
    steps: list[Record] = field(default_factory=list)
    runs: list[Record] = field(default_factory=list)
    operations: dict[str, dict[Key, OperationErrors]] = field(default_factory=dict)
    layers: dict[str, dict[Where, dict[int, OperationErrors]]] = field(default_factory=dict)
    products: dict[str, dict[ProductKey, ProductErrors]] = field(default_factory=dict)
    quantisations: dict[str, dict[QuantisationKey, Quantisation]] = field(default_factory=dict)
    quantised_steps: dict[str, dict[QuantisationKey, dict[int, BlockStatistics]]] = field(
        default_factory=dict
    )
    updates: dict[str, dict[str, UpdateErrors]] = field(default_factory=dict)
    stopped_at: tuple[int, int] | None = None

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The names of all runs, in the order given."""
        return tuple(self.header["dtypes"])

    @property
    def truth(self) -> str:
        """The name of the reference run."""
        return str(self.header["truth"])

    @property
    def measured(self) -> tuple[str, ...]:
        """The names of all runs except the reference run."""
        return tuple(dtype for dtype in self.dtypes if dtype != self.truth)

    def add(self, record: Record, measured: MeasuredStep) -> None:
        """Keep the measurements of a step."""
        self.steps.append(record)
        if measured.operations is None:
            return
        operations = self.operations.setdefault(measured.dtype, {})
        layers = self.layers.setdefault(measured.dtype, {})
        for (phase, layer, name), errors in measured.operations.items():
            operations.setdefault((phase, layer, name), OperationErrors()).merge(errors)
            if errors.total.is_measured:
                by_step = layers.setdefault((phase, layer), defaultdict(OperationErrors))
                by_step[measured.step].merge(errors)

        self._add_parts(measured, record["seed"])

    def _add_parts(self, measured: MeasuredStep, seed: int) -> None:
        """Keep the parts of the errors of a step in a run by a policy."""
        dtype, updates = measured.dtype, measured.updates or {}
        if not any(update.skipped for update in updates.values()):
            for key, parts in (measured.products or {}).items():
                self.products.setdefault(dtype, {}).setdefault(key, ProductErrors()).merge(parts)
            for operand, quantisation in (measured.quantisations or {}).items():
                self._add_quantisation(dtype, operand, quantisation, seed, measured.step)
        for parameter, update in updates.items():
            self.updates.setdefault(dtype, {}).setdefault(parameter, UpdateErrors()).merge(update)

    def _add_quantisation(
        self, dtype: str, key: QuantisationKey, added: Quantisation, seed: int, step: int
    ) -> None:
        """Keep what was done to an operand in a step."""
        added = added.of_step(seed, step)
        found = self.quantisations.setdefault(dtype, {})
        found[key] = found[key].merged(added) if key in found else added
        by_step = self.quantised_steps.setdefault(dtype, {}).setdefault(key, {})
        by_step[step] = by_step.get(step, BlockStatistics()).merged(added.statistics)

    def skipped(self, dtype: str) -> int:
        """Return how many measured updates of a run loss scaling skipped."""
        return max((each.skipped for each in self.updates.get(dtype, {}).values()), default=0)

    def of(self, dtype: str) -> list[Record]:
        """Return the records of the steps of a run, for all seeds."""
        return [record for record in self.steps if record["dtype"] == dtype]

    def last(self, dtype: str) -> list[Record]:
        """Return the records of a run's last measured step, for all seeds that made it."""
        last = self.measured_steps - 1
        return [record for record in self.of(dtype) if record["step"] == last]

    @property
    def measured_steps(self) -> int:
        """The number of steps up to the last one that was measured: all, if none was left out."""
        return max((record["step"] + 1 for record in self.steps), default=0)

    @property
    def headline(self) -> tuple[str, ...]:
        """Sentences that say what was found."""
        from numlean.analysis.drift.headline import headline

        return headline(self)

    def page(self) -> str:
        """Return the comparison as one self-contained HTML page."""
        from numlean.analysis.drift.page import as_page

        return as_page(self)

    def __str__(self) -> str:
        tables = [self._table(), *part_tables(self)]
        texts = "\n\n".join(table.to_text() for table in tables)
        return "\n".join([*self.headline, "", texts, *self.warnings])

    def _repr_html_(self) -> str:
        """Return the headline, the tables, the warnings and the curves for notebooks."""
        from numlean.analysis.drift.page import as_frame

        warnings = "".join(f"<p>{escape(each)}</p>" for each in self.warnings)
        tables = "".join(table.to_html() for table in (self._table(), *part_tables(self)))
        curves = as_frame(self) if self.steps else ""
        return f"<p>{escape(' '.join(self.headline))}</p>{tables}{warnings}{curves}"

    def _table(self) -> TextTable:
        """Return the figures of each run after the last step, of the worst of all seeds."""
        columns = [*_COLUMNS[:_RELATIVE], *self._ulp_columns(), *_COLUMNS[_RELATIVE:]]
        rows = tuple((dtype, *self._cells(dtype, columns)) for dtype in self.dtypes)
        header = ("dtype", *(column.heading for column in columns))
        return TextTable(header, rows, "<>")

    @property
    def warnings(self) -> list[str]:
        """One line for an early end, each harmful constant, and each run that is not finite."""
        constants = [text for texts in self.header["warnings"].values() for text in texts]
        deaths = [
            f"{run['dtype']}, seed {run['seed']}: {run['nonfinite']}"
            for run in self.runs
            if run["nonfinite"] is not None
        ]
        return [*self._early_end(), *constants, *deaths]

    def _early_end(self) -> list[str]:
        if self.stopped_at is None:
            return []
        (seed, made), seeds, steps = self.stopped_at, self.header["seeds"], self.header["steps"]
        done = f"{seeds.index(seed)} of {len(seeds)} seeds before" if len(seeds) > 1 else ""
        return [f"stopped after {made} of {steps} steps of seed {seed}{done and ', ' + done}"]

    def _ulp_columns(self) -> list[Column]:
        """Return columns of errors in ulps, if there is one format whose ulps these are."""
        if len(self.measured) != 1:
            return []
        unit = self.header["measures"][self.measured[0]]["grid"]["name"]
        return [
            Column(f"median error/ulp of {unit}", _parameter("median_ulp")),
            Column(f"max error/ulp of {unit}", _parameter("max_ulp")),
        ]

    def _cells(self, dtype: str, columns: list[Column]) -> list[str]:
        """Return a row of the table: the worst of all seeds after the last step."""
        ends = self.last(dtype)
        return [_worst([each.take(record) for record in ends], each.worst) for each in columns]


def _parameter(name: str) -> Any:
    return lambda record: (record["parameters"] or {}).get(name)


_COLUMNS: Final[list[Column]] = [
    Column("loss", lambda record: record["exact_loss"]),
    Column("relative error", _parameter("relative")),
    Column("median relative", _parameter("median_relative")),
    Column("max relative", _parameter("max_relative")),
    Column("sign flips", _parameter("sign_flips")),
    Column("inf", _parameter("inf")),
    Column("nan", _parameter("nan")),
    Column("accuracy", lambda record: record["accuracy"], min),
]

_RELATIVE: Final = 4
"""The number of columns before those in ulps."""


def _worst(values: list[Any], worst: Callable[[list[Any]], Any]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return "nan" if any(map(math.isnan, known)) else f"{worst(known):.4g}"
