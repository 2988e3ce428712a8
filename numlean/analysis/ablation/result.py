"""The result of an ablation: a row for each policy, compared with the unchanged one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final, final

from numlean.analysis.ablation.figures import Figure, loss
from numlean.analysis.ablation.seed_run import SeedRun
from numlean.analysis.ablation.statistics import LEVEL, Sample
from numlean.analysis.ablation.variants import EVERYTHING, UNCHANGED, Omission, Variant
from numlean.errors import UnknownNameError
from numlean.precision.policy import Policy

_LISTED: Final = 5
"""The most seeds that a warning lists."""


@final
@dataclass(frozen=True)
class Row:
    """A policy of an ablation, and its runs.

    Attributes:
        variant: The policy, and how it differs from the unchanged one.
        runs: The complete runs, one for each seed.
    """

    variant: Variant
    runs: tuple[SeedRun, ...] = ()

    @property
    def name(self) -> str:
        """The name of the row."""
        return self.variant.name

    @property
    def policy(self) -> Policy:
        """The policy."""
        return self.variant.policy

    @property
    def nonfinite(self) -> tuple[SeedRun, ...]:
        """The runs of which a number was not finite after some step."""
        return tuple(run for run in self.runs if run.nonfinite is not None)

    @property
    def skipped(self) -> tuple[int, ...]:
        """The number of steps that loss scaling skipped in each run; empty without it."""
        return tuple(run.skipped for run in self.runs if run.skipped is not None)

    def sample(self, figure: Figure) -> Sample:
        """Return a figure of all runs that have it."""
        values = (figure(run) for run in self.runs)
        return Sample(tuple(value for value in values if value is not None))


@final
@dataclass(frozen=True)
class Stop:
    """Where ``on_step`` ended an ablation while steps were left.

    Attributes:
        row: The name of the row; the dtype of the reference run for that run.
        seed: The seed.
        steps: The number of steps made in this run, which is not among the results.
    """

    row: str
    seed: int
    steps: int


@final
@dataclass(frozen=True)
class Ablation:
    """The parts of a policy, each changed alone, and what that changes.

    Attributes:
        header: The settings; see :mod:`numlean.analysis.ablation.records`.
        rows: The unchanged policy, each part promoted, each part demoted, everything promoted.
        reference: The runs of the reference, one for each seed.
        omissions: The parts that have no row, and why.
        stop: Where the ablation was ended early; None if it was not.
    """

    header: dict[str, Any]
    rows: tuple[Row, ...]
    reference: tuple[SeedRun, ...] = ()
    omissions: tuple[Omission, ...] = ()
    stop: Stop | None = None

    @property
    def unchanged(self) -> Row:
        """The row of the unchanged policy."""
        return self.rows[0]

    @property
    def everything(self) -> Row | None:
        """The row of the policy with everything promoted; None if that is another row's."""
        last = self.rows[-1]
        return last if last.variant.part == EVERYTHING else None

    def row(self, name: str) -> Row:
        """Return a row by its name, such as ``optimizer promoted``.

        Raises:
            UnknownNameError: There is none.
        """
        names = [(row.name, f"{row.variant.part} {row.variant.direction}") for row in self.rows]
        for row, own in zip(self.rows, names, strict=True):
            if name in own:
                return row
        raise UnknownNameError("row", name, [own[0] for own in names])

    def difference(self, row: Row, figure: Figure = loss) -> Sample:
        """Return the differences of a row from the unchanged policy, seed by seed."""
        before = {run.seed: figure(run) for run in self.unchanged.runs}
        pairs = ((figure(run), before.get(run.seed)) for run in row.runs)
        return Sample(tuple(a - b for a, b in pairs if a is not None and b is not None))

    def exceeds_spread(self, row: Row, figure: Figure = loss) -> bool:
        """Return whether a difference from the unchanged policy exceeds the spread over seeds.

        It does if chance alone would give it less often than in 5 of 100 ablations: by Student's t
        of the differences seed by seed, times the number of rows (Bonferroni), since the greatest
        of many differences is large by chance. With one seed, no difference does.
        """
        return self.difference(row, figure).p_value() * (len(self.rows) - 1) < LEVEL

    def has_same_bits(self, row: Row) -> bool:
        """Return whether all runs of a row end with the numbers of the unchanged policy.

        These are the final parameters, the loss and the accuracy.
        """
        before = {run.seed: _end(run) for run in self.unchanged.runs}
        is_other = row.variant.part != UNCHANGED
        return (
            is_other
            and bool(row.runs)
            and all(_end(run) == before.get(run.seed) for run in row.runs)
        )

    @property
    def headline(self) -> tuple[str, ...]:
        """Sentences that say which part costs most."""
        from numlean.analysis.ablation.headline import headline

        return headline(self)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for an early end, and for each cause of numbers that are not finite in a row."""
        rows = [(row.name, row.runs) for row in self.rows]
        rows.append((f"the reference run in {self.header['truth']}", self.reference))
        dead = [
            f"{name}, {_seeds(seeds, len(runs))}: {text}"
            for name, runs in rows
            for text, seeds in _causes(runs).items()
        ]
        return (*self._early_end(), *dead)

    def _early_end(self) -> tuple[str, ...]:
        if self.stop is None:
            return ()
        stop, steps = self.stop, self.header["steps"]
        return (
            f"stopped after {stop.steps} of {steps} steps of {stop.row}, seed {stop.seed}; only"
            " complete runs are shown",
        )

    def page(self) -> str:
        """Return the ablation as one self-contained HTML page."""
        from numlean.analysis.ablation.page import as_page

        return as_page(self)

    def __str__(self) -> str:
        from numlean.analysis.ablation.tables import notes, table

        lines = [*self.headline, "", table(self).to_text(), "", *notes(self)]
        return "\n".join([*lines, *self.warnings])

    def _repr_html_(self) -> str:
        """Return the headline, the table, the notes and the figures for notebooks."""
        from numlean.analysis.ablation.page import as_frame
        from numlean.analysis.ablation.tables import notes, table

        texts = "".join(f"<p>{escape(each)}</p>" for each in (*notes(self), *self.warnings))
        headline = f"<p>{escape(' '.join(self.headline))}</p>"
        return f"{headline}{table(self).to_html()}{texts}{as_frame(self)}"


def _causes(runs: Sequence[SeedRun]) -> dict[str, list[int]]:
    """Return the seeds of the runs that are not finite, by the step and the cause."""
    found: dict[str, list[int]] = {}
    for run in runs:
        event = run.nonfinite
        if event is not None:
            cause = "the cause is unknown" if event.cause is None else f"first {event.cause}"
            start = f"from step {event.step}" if event.step >= 0 else "from the start"
            found.setdefault(f"not finite {start}; {cause}", []).append(run.seed)
    return found


def _seeds(seeds: Sequence[int], count: int) -> str:
    """Return the names of seeds, of so many."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) == count:
        return f"all {count} seeds"
    more = ", ..." if len(seeds) > _LISTED else ""
    return f"{len(seeds)} seeds ({', '.join(map(str, seeds[:_LISTED]))}{more})"


def _end(run: SeedRun) -> tuple[str, ...]:
    """Return the final numbers of a run as texts, in which NaNs are equal."""
    return run.value_digest, repr(run.loss), repr(run.accuracy)
