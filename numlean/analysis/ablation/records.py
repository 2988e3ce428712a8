"""The records of an ablation as plain objects, written as lines of JSON.

The names of the fields are stable, so that older files stay readable.

The first record has ``record`` "ablation": ``numlean`` (the version), ``task``, ``policy`` (as a
text), ``policy_digest``, ``high``, ``low`` (null if nothing is demoted), ``truth`` (the reference
run), ``seeds``, ``steps``, ``batch_size``, ``optimizer`` and ``schedule`` (in Python's notation),
``lr``, ``parameters`` (name and shape), ``data_digest``, ``initial`` (the digest of given initial
values; null for those of the seeds), ``backend``, ``platform``, ``python``, ``numpy``; ``rows``,
each with ``row`` (the name), ``part``, ``direction`` ("unchanged", "promoted" or "demoted"),
``policy``, ``changes`` (the fields that differ from the unchanged policy) and ``accompanying``
(the fields among them that had to change too); and ``omissions``: ``part``, ``direction``,
``reason`` and ``is_impossible``.

A record "run" exists for each complete run: ``row`` (null for the reference run), ``seed``,
``loss`` (the exact mean loss after the last step, on the test data if there are any),
``accuracy``, ``drift`` (the distance of the parameters from those of the reference run, as norms,
relative), ``nonfinite_step`` and ``nonfinite`` (the first step after which a number was not finite,
and the text about it), ``skipped_steps`` (null without loss scaling), ``losses`` (pairs of a step
and the loss of its batch), ``state_digest`` and ``value_digest``.

A record "omission" has the fields of one, for a row whose run turned out to be impossible.

A record "row" exists for each row, at the end: ``row``, ``seeds`` (the number of complete runs),
``same_bits``, and for ``loss``, ``accuracy`` and ``drift`` each ``mean``, ``deviation`` (over
seeds), ``difference``, ``difference_deviation`` (from the unchanged policy, seed by seed),
``p_value`` (Student's t, of one row) and ``exceeds_spread``.

The last record is "result": ``headline``, ``warnings`` and ``stopped`` (row, seed and steps of an
early end, else null).

Values that are not finite are null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from numlean.analysis.ablation.figures import FIGURES
from numlean.analysis.ablation.result import Ablation, Row
from numlean.analysis.ablation.seed_run import SeedRun
from numlean.analysis.ablation.variants import Omission, Variant
from numlean.analysis.drift.records import Record
from numlean.precision import format_policy


def variant_record(variant: Variant) -> Record:
    """Return what is known of a row before its runs."""
    return {
        "row": variant.name,
        "part": variant.part,
        "direction": variant.direction,
        "policy": format_policy(variant.policy),
        "changes": [*variant.changes],
        "accompanying": [*variant.accompanying],
    }


def omission_record(omission: Omission) -> Record:
    """Return the record of a part without a row."""
    return {"record": "omission", **asdict(omission)}


def run_record(row: str | None, run: SeedRun) -> Record:
    """Return the record of a complete run; the reference run has no row."""
    return {"record": "run", "row": row, **run.as_plain()}


def final_records(result: Ablation) -> Iterator[Record]:
    """Yield the records of all rows, and the last one."""
    for row in result.rows:
        figures = {name: _figures(result, row, name) for name in FIGURES}
        same = result.has_same_bits(row)
        yield {
            "record": "row",
            "row": row.name,
            "seeds": len(row.runs),
            "same_bits": same,
            **figures,
        }
    yield {
        "record": "result",
        "headline": [*result.headline],
        "warnings": [*result.warnings],
        "stopped": None if result.stop is None else asdict(result.stop),
    }


def _figures(result: Ablation, row: Row, name: str) -> dict[str, Any] | None:
    figure = FIGURES[name]
    own, difference = row.sample(figure), result.difference(row, figure)
    if not own.count:
        return None
    return {
        "mean": own.mean,
        "deviation": own.deviation,
        "difference": difference.mean,
        "difference_deviation": difference.deviation,
        "p_value": difference.p_value(),
        "exceeds_spread": result.exceeds_spread(row, figure),
    }
