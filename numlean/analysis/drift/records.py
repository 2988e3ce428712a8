"""The records of a comparison as plain objects, written as lines of JSON.

The names of the fields are stable, so that older files stay readable.

The first record has ``record`` "comparison": ``numlean`` (the version), ``task``, ``dtypes``,
``truth`` (the reference run), ``seeds``, ``steps``, ``every`` (the distance between measured
steps), ``batch_size``, ``optimizer`` and ``schedule`` (in Python's notation), ``lr``,
``parameters`` (name and shape), ``data_digest`` (of the training data, as in certificates),
``platform``, ``python``, ``numpy``, ``warnings`` (by dtype, the constants that round to something
harmful), and ``measures``: for each dtype but the truth ``judge`` (the
arithmetic that computes the exact results of its operations), ``local_grid`` and ``grid``
(``name``, ``precision``, ``emin``: the format whose ulps measure local errors, and all others).

A record "step" exists for each measured step and dtype: ``dtype``, ``seed``, ``step`` (from 0),
``loss`` (of the batch, before the update, as trained on), ``exact_loss`` (the exact mean of the
exact losses of the same outputs), ``loss_text`` (the same as the shortest decimal that
rounds to it), ``loss_bits`` (its encoding, null without one), ``loss_relative_error``,
``loss_error_ulp``, ``ulp_of`` (the format whose ulps these and those of ``parameters`` are),
``parameters`` (below), ``flags`` (the count of each exception, by
operation; null if not counted), ``accuracy`` on the test data or, for tasks without classes,
``test_loss`` (the other one is null, and both are where the test data are not evaluated). For the
truth, errors are null.

``parameters`` describes all parameters and buffers after the update against those of the truth:
``count`` (those finite in both runs), ``exact`` (those of them without error), ``infinite`` (those
finite in one run only, whose errors count as infinite), ``unknown`` (those finite in neither, whose
errors are NaN), ``max_ulp``, ``median_ulp``, ``rms_ulp``, ``histogram`` (the count of errors
in [2**k, 2**(k + 1)) ulp, by k; exact ones are left out, and those below 2**-40 are counted
there), ``relative`` (the norm of the errors divided by that of the numbers, each or the truth's,
whichever is greater), ``max_relative`` and ``median_relative`` (of single numbers whose truth is
not 0), ``sign_flips``, ``inf``, ``nan``, and ``by_parameter``, the main figures of each.

A record "operation" exists for each dtype, step, phase, layer and operation: ``calls``; the errors
``local`` (of results against the exact operation on the same operands, in ulps of
``local_ulp_of``), ``total`` (against the results of the truth run, in ulps of ``ulp_of``) and
``inherited`` (total minus local, in ulps of ``ulp_of``), each with ``count``, ``exact``,
``relative``, ``max_ulp``, ``rms_ulp`` and ``histogram``; ``inf`` and ``nan`` (counts of infinite
and NaN results), ``introduced_nonfinite`` (those of calls whose operands were all finite),
``flipped_comparisons`` (for comparisons: the count of answers that differ from the truth's) and
``amplification`` (the greatest ratio, over calls, of the inherited error's norm to that of the
worst operand, both relative).

A record "run" exists for each dtype and seed, at its end: ``loss``, ``exact_loss``, ``test_loss``,
``accuracy``, ``state_digest``, ``value_digest``, ``nonfinite``, ``steps`` (made: fewer than those
of the comparison if it was stopped).

``nonfinite`` of a "run" says after which step, and by which operation, a loss or a number of it was
first not finite; null if none was.

Relative errors can be compared between dtypes. Errors in ulps, of the greater of the two
magnitudes, cannot: each dtype has its own ulps. Values that are not finite are null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from numlean.analysis.drift.seed_experiment import MeasuredStep
from numlean.json_lines import json_line, nonfinite_to_null

Record: TypeAlias = dict[str, Any]

Write: TypeAlias = Callable[[Record], None]
"""A function that takes a record."""


@dataclass(frozen=True)
class Units:
    """The formats whose ulps measure the errors of a run.

    Attributes:
        local: The name of the format for local errors; None for the reference run.
        total: The name of the format for all other errors; None for the reference run.
    """

    local: str | None = None
    total: str | None = None

    @classmethod
    def of(cls, header: Record, dtype: str) -> Units:
        """Return the units of a run from the first record of its comparison."""
        measure = header["measures"].get(dtype)
        if measure is None:
            return cls()
        return cls(measure["local_grid"]["name"], measure["grid"]["name"])


def step_record(seed: int, measured: MeasuredStep, units: Units) -> Record:
    """Return the record of a step, without its operations."""
    return {
        "record": "step",
        "dtype": measured.dtype,
        "seed": seed,
        "step": measured.step,
        "ulp_of": units.total,
        **measured.figures,
    }


def operation_records(seed: int, measured: MeasuredStep, units: Units) -> Iterator[Record]:
    """Yield the records of a step's operations, in program order."""
    for (phase, layer, operation), errors in (measured.operations or {}).items():
        yield {
            "record": "operation",
            "dtype": measured.dtype,
            "seed": seed,
            "step": measured.step,
            "phase": phase,
            "layer": layer,
            "operation": operation,
            "ulp_of": units.total,
            "local_ulp_of": units.local,
            **errors.as_plain(),
        }


def as_line(record: Record) -> str:
    """Return a record as one line of JSON."""
    text = json.dumps(nonfinite_to_null(record), ensure_ascii=False)
    # The name of a file may have characters that UTF-8 lacks, or that act on a terminal.
    return text if text.isprintable() else json_line(record)
