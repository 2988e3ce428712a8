"""Sentences that say which part of a policy costs most, as far as the seeds can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from numlean.analysis.ablation.directions import DEMOTED, PROMOTED
from numlean.analysis.ablation.figures import drift, loss
from numlean.analysis.ablation.variants import EVERYTHING

if TYPE_CHECKING:
    from numlean.analysis.ablation.figures import Figure
    from numlean.analysis.ablation.result import Ablation, Row

_NAMED: Final = 4
"""The most parts that a sentence names."""


def headline(result: Ablation) -> tuple[str, ...]:
    """Return one or two sentences that say what was found."""
    if not result.unchanged.runs:
        return ("No run of the unchanged policy was completed, so nothing was measured.",)
    if result.unchanged.nonfinite:
        return _divergence(result), *_demotions(result)
    return _promotions(result), *_demotions(result)


def _rows(result: Ablation, direction: str) -> list[Row]:
    """Return the rows of single parts that have runs."""
    return [
        row
        for row in result.rows
        if row.variant.direction == direction and row.variant.part != EVERYTHING and row.runs
    ]


def _cures(result: Ablation) -> list[Row]:
    """Return the rows that show what a part costs: without its narrow format, or its scales."""
    dropped = [row for row in _rows(result, DEMOTED) if row.variant.is_of_scales]
    return [*_rows(result, PROMOTED), *dropped]


def _divergence(result: Ablation) -> str:
    """Return what makes a policy finite that is not."""
    base = result.unchanged
    start = f"The unchanged policy stops being finite in {_seeds(len(base.nonfinite), base)}"
    rows = _cures(result)
    cured = [row for row in rows if not row.nonfinite and len(row.runs) == len(base.runs)]
    if cured:
        names = _listed([row.name for row in cured])
        return f"{start}; it stays finite in all of them with one change: {names}."
    better = [row for row in rows if len(row.nonfinite) < len(base.nonfinite)]
    if better:
        row = min(better, key=lambda row: len(row.nonfinite))
        best = f"with {row.name} in {_seeds(len(row.nonfinite), row)}"
        return f"{start}; no single change keeps all seeds finite, the best is {best}."
    everything = result.everything
    if everything is None or not everything.runs:
        return f"{start}; no single change helps."
    count = len(everything.nonfinite)
    rest = "stays finite" if not count else f"is not finite in {_seeds(count, everything)}"
    return f"{start}; no single change helps, and with everything promoted it {rest}."


def _promotions(result: Ablation) -> str:
    """Return which promotion lowers the loss most."""
    high, rows = result.header["high"], _cures(result)
    if not rows:
        return f"No part of the policy is narrower than {high}, so nothing was promoted."
    if all(result.has_same_bits(row) for row in rows):
        return f"No promotion to {high} changes a bit of the final parameters."
    best = _most(result, rows, loss, -1)
    if best is not None and result.exceeds_spread(best):
        return (
            f"Of the policy's parts, {_subject(best)} costs most: {_with(best, high)}, the final"
            f" loss is {_amount(result, best, loss, -1)}, which exceeds the spread over seeds."
        )
    if len(result.unchanged.runs) < 2:
        return _with_one_seed(result, best)
    start = _without_certainty(result)
    closer = _most(result, rows, drift, -1)
    if closer is None or not result.exceeds_spread(closer, drift):
        return f"{start}, so no part's cost is certain."
    before, after = (row.sample(drift).mean for row in (result.unchanged, closer))
    return (
        f"{start}; of the distance from {result.header['truth']}, {_subject(closer)} costs most:"
        f" {before:.2g}, and {after:.2g} {_with(closer, high)}."
    )


def _without_certainty(result: Ablation) -> str:
    """Return that no single promotion is certain to lower the loss, and what all of them do."""
    start = f"No single promotion to {result.header['high']} lowers the final loss by more than"
    start = f"{start} the spread over seeds explains"
    row = result.everything
    if row is None or not result.difference(row).is_finite:
        return start
    moved = _amount(result, row, loss, 1 if result.difference(row).mean > 0 else -1)
    if result.exceeds_spread(row):
        return f"{start}, while everything promoted does: it is {moved}"
    return f"{start}, nor does everything promoted: {moved}"


def _with_one_seed(result: Ablation, best: Row | None) -> str:
    if best is None:
        return "No promotion lowers the final loss of the only seed."
    return (
        f"Of the policy's parts, {_subject(best)} costs most: {_with(best, result.header['high'])},"
        f" the final loss is {_amount(result, best, loss, -1)}; one seed has no spread, so chance"
        " may explain this."
    )


def _demotions(result: Ablation) -> Iterator[str]:
    """Yield which demotion raises the loss most."""
    low, rows = result.header["low"], _rows(result, DEMOTED)
    if not rows:
        return
    dead = [row for row in rows if len(row.nonfinite) > len(result.unchanged.nonfinite)]
    if not dead:
        yield _worst_demotion(result, rows)
        return
    most = max(len(row.nonfinite) for row in dead)
    worst = [row for row in dead if len(row.nonfinite) == most]
    names = [row.variant.part for row in worst]
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    text = f"Demoted to {low}, {_listed(names)} would cost most: not finite in"
    rest = _most(result, [row for row in rows if row not in dead], loss, 1)
    if rest is not None and result.exceeds_spread(rest):
        also = f"; with {rest.name}, the final loss is {_amount(result, rest, loss, 1)}, which"
        yield f"{text} {_seeds(most, worst[0])}{also} exceeds the spread over seeds."
    else:
        yield f"{text} {_seeds(most, worst[0])}."


def _worst_demotion(result: Ablation, rows: Sequence[Row]) -> str:
    """Return which demotion raises the loss most; all runs are finite."""
    low, row = result.header["low"], _most(result, rows, loss, 1)
    if row is None:
        return f"No demotion to {low} raises the final loss."
    start = f"Of the demotions to {low}, that of {_subject(row)} costs most"
    amount = f"the final loss is {_amount(result, row, loss, 1)}"
    if result.exceeds_spread(row):
        return f"{start}: {amount}, which exceeds the spread over seeds."
    if len(result.unchanged.runs) < 2:
        return f"{start}: {amount}, which chance may explain with one seed."
    return (
        f"No demotion to {low} raises the final loss by more than the spread over seeds explains."
    )


def _most(result: Ablation, rows: Sequence[Row], figure: Figure, sign: int) -> Row | None:
    """Return the row that moves a figure most in a direction; those beyond the spread first."""
    means = [(row, sign * result.difference(row, figure).mean) for row in rows]
    moved = [(row, mean) for row, mean in means if math.isfinite(mean) and mean > 0]
    certain = [each for each in moved if result.exceeds_spread(each[0], figure)]
    return max(certain or moved, key=lambda each: each[1], default=(None, 0.0))[0]


def _amount(result: Ablation, row: Row, figure: Figure, sign: int) -> str:
    """Return how far a figure moves, and between which means."""
    sample = result.difference(row, figure)
    before, after = (each.sample(figure).mean for each in (result.unchanged, row))
    spread = "" if sample.deviation is None else f" \N{PLUS-MINUS SIGN} {sample.deviation:.2g}"
    word = "higher" if sign > 0 else "lower"
    return f"{abs(sample.mean):.3g}{spread} {word} ({before:.4g} \N{RIGHTWARDS ARROW} {after:.4g})"


def _subject(row: Row) -> str:
    """Return the part of a row, with the fields that had to change too."""
    return " with ".join([row.variant.part, *filter(None, [_listed(row.variant.accompanying)])])


def _with(row: Row, high: str) -> str:
    """Return the change of a row: a part in the high format, or scales made finer or dropped."""
    if not row.variant.is_of_scales:
        return f"with it in {high}"
    return "without it" if row.variant.direction == DEMOTED else "with finer scales"


def _seeds(count: int, row: Row) -> str:
    return f"{count} of {len(row.runs)} seed{'s' if len(row.runs) != 1 else ''}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
