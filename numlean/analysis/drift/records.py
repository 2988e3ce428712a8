"""A comparison as plain objects, which are written as lines of JSON.

The first is of ``record`` "comparison": ``numlean`` (the version), ``task``, ``dtypes``, ``truth``,
``seeds``, ``steps``, ``every`` (so many steps from one that is measured to the next),
``batch_size``, ``optimizer`` and ``schedule`` (as Python writes them), ``lr``, ``parameters`` (name
and shape), ``data_digest`` (that of the training data, as certificates tell it),
``platform``, ``python``, ``numpy``, and ``measures``: for each dtype but the truth ``judge`` (the
arithmetic that says what its operations ought to give), ``local_grid`` and ``grid`` (``name``,
``precision``, ``emin``: whose ulp local errors, and all others, are counted in).

Of ``record`` "step", one for each step measured and dtype: ``dtype``, ``seed``, ``step`` (from 0),
``loss`` (the batch's, before the update), ``loss_text`` (it again, exactly: the shortest decimal
that comes back), ``loss_bits`` (its encoding, null where there is none), ``loss_error_ulp``,
``loss_relative_error``, ``parameters`` (below), ``flags`` (how often each exception was raised, by
operation; null where none are kept), ``accuracy`` on the test data or, of tasks without classes,
``test_loss`` (the other, and both where the test data are not looked at, null). Of the truth,
errors are null.

``parameters`` are all parameters and buffers after the update against the truth's: ``count`` (those
finite on both sides; all figures but ``inf`` and ``nan`` are of them), ``exact`` (those without an
error), ``max_ulp``, ``median_ulp``, ``rms_ulp``, ``histogram`` (how many errors lie in
[2**k, 2**(k + 1)) ulp, by k; exact ones are left out, and those below 2**-40 counted there),
``relative`` (the norm of the errors by that of the numbers, each or the truth's, whichever is
greater), ``max_relative`` and ``median_relative`` (of single numbers, by the truth's that are not
0), ``sign_flips``, ``inf``, ``nan``, and ``by_parameter``, the same in brief.

Of ``record`` "operation", one for each dtype, step, phase, layer and operation: ``calls``; the
errors ``local`` (of results against the exact operation on the same operands), ``total`` (against
the truth run's results) and ``inherited`` (total less local), each with ``count``, ``exact``,
``max_ulp``, ``rms_ulp``, ``relative`` and ``histogram``; ``inf`` and ``nan`` (results that are no
numbers), ``born`` (those of calls whose operands were all finite), ``decided_otherwise`` (of
comparisons: answers that are not the truth's) and ``amplification`` (the greatest ratio, over
calls, of the inherited error's norm to that of the worst operand, both relative).

Of ``record`` "run", one for each dtype and seed, at its end: ``loss``, ``test_loss``, ``accuracy``,
``state_digest``, ``value_digest``.

An error is counted in ulp at the greater of the two magnitudes. What is not finite is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from numlean.analysis.drift.seed_experiment import MeasuredStep
from numlean.json_lines import nonfinite_to_null

Record: TypeAlias = dict[str, Any]

Write: TypeAlias = Callable[[Record], None]
"""Takes a record."""


def step_record(seed: int, found: MeasuredStep) -> Record:
    """What is found at a step, but for its operations."""
    return {
        "record": "step",
        "dtype": found.dtype,
        "seed": seed,
        "step": found.step,
        **found.figures,
    }


def operation_records(seed: int, found: MeasuredStep) -> Iterator[Record]:
    """What is found of a step's operations, in program order."""
    for (phase, layer, operation), errors in (found.operations or {}).items():
        yield {
            "record": "operation",
            "dtype": found.dtype,
            "seed": seed,
            "step": found.step,
            "phase": phase,
            "layer": layer,
            "operation": operation,
            **errors.as_plain(),
        }


def as_line(record: Record) -> str:
    """A record as one line of JSON."""
    return json.dumps(nonfinite_to_null(record), ensure_ascii=False)
