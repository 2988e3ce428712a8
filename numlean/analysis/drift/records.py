"""The records of a comparison as plain objects, written as lines of JSON.

The names of the fields are stable, so that older files stay readable.

The first record has ``record`` "comparison": ``numlean`` (the version), ``task``, ``dtypes``,
``truth`` (the reference run), ``seeds``, ``steps``, ``every`` (the distance between measured
steps), ``batch_size``, ``optimizer`` and ``schedule`` (in Python's notation), ``lr``,
``parameters`` (name and shape), ``data_digest`` (of the training data, as in certificates),
``platform``, ``python``, ``numpy``, ``warnings`` (by dtype, the constants that round to something
harmful), and ``measures``: for each dtype but the truth ``judge`` (the
arithmetic that computes the exact results of its operations), ``local_grid`` and ``grid``
(``name``, ``precision``, ``emin``: the format whose ulps measure local errors, and all others; the
ulp of a number below 2**emin is that at 2**emin), and ``magnitudes``, the exponents of the least
and of the greatest number, null if they are unbounded; none of a policy.

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
there), ``relative_histogram`` (that of the errors divided by the power of two of the number or of
the truth's, whichever is greater), ``relative`` (the norm of the errors divided by that of the
numbers, each or the truth's, whichever is greater), ``max_relative`` and ``median_relative`` (of
single numbers whose truth is not 0), ``sign_flips``, ``inf``, ``nan``, and ``by_parameter``, the
main figures of each.

A record "operation" exists for each dtype, step, phase, layer and operation: ``calls``; the errors
``local`` (of results against the exact operation on the same operands, in ulps of
``local_ulp_of``), ``total`` (against the results of the truth run, in ulps of ``ulp_of``) and
``inherited`` (total minus local, in ulps of ``ulp_of``), each with ``count``, ``exact``,
``relative``, ``max_ulp``, ``rms_ulp`` and ``histogram``; ``inf`` and ``nan`` (counts of infinite
and NaN results), ``introduced_nonfinite`` (those of calls whose operands were all finite),
``flipped_comparisons`` (for comparisons: the count of answers that differ from the truth's) and
``amplification`` (the greatest ratio, over calls, of the inherited error's norm to that of the
worst operand, both relative).

In a run by a policy, ``operation`` also tells the arithmetic of the results (``matmul in
float32``, ``cast_from in bfloat16``), and so do the names in ``flags``. The first record has
``policies``: for each such run all fields of the policy, and ``digest``; and in ``measures``, the
``grid`` of a policy is that of the parameters, ``loss_grid`` that of the loss, ``layers_grid`` that
of activations, and ``local_grid`` is null. A "step" has ``loss_ulp_of``, the format of
``loss_error_ulp``, and all "step" records of the comparison have ``state``: by name
(``first_moment``), the errors of the optimizer's state after the update against that of the truth,
with the keys of ``parameters``.

A record "product" exists for each run by a policy, step, layer and ``product`` (``forward``,
``input_gradient``, ``weight_gradient``). Let z be the exact product of the operands as the layer is
given them, with weights and biases as the optimizer keeps them; q the exact product of the operands
as they are multiplied (rounded, and scaled: each code times its factor); s the sums as computed,
with the bias, before they are rounded to the output; and y the result. Then ``total`` holds the
errors y - z, ``quantisation`` q - z, ``accumulation`` s - q and ``output`` y - s. They are computed
without rounding, so that the parts add up to the total exactly in each element; a bias is part of
z, q and s. All four are relative to the norm of y or z, whichever is greater, and in ulps of
``ulp_of``. With an exact accumulation, s is q. An element that is not finite although its z is has
an infinite error in the first part that makes it so. ``calls`` counts the products.

A record "quantisation" exists for each run by a policy, step, layer, ``product`` and ``operand``
(``input``, ``weight``, ``gradient``; ``left`` and ``right`` in a product without a weight) that is
scaled: ``element`` and ``scale`` (their dtypes), ``scaling`` (which numbers share a scale, and what
it follows from), and the figures of ``numlean.BlockStatistics``, which documents them: ``tensors``
(calls), ``numbers``, ``zeros``, ``nonfinite``, ``clamped``, ``saturated``, ``flushed``, ``broken``,
``share_clamped``, ``share_saturated``, ``share_flushed``, ``relative``, ``blocks``, ``scales`` (the
count of blocks by the exponent of their scales), ``zero_scales``, ``nonfinite_scales``, ``errors``
(the count of blocks by the exponent of their relative errors), ``exact_blocks``, ``broken_blocks``
and ``worst``: the blocks with the greatest relative errors, each with ``place``, ``relative``,
``error``, ``scale``, ``saturated`` and ``flushed``. A place is the index of a block's first number
in the rows along the contracted axis: [row, term]. The numbers are those that are scaled, in the
dtype of the scales and after a Hadamard transform, if there is one.

A record "update" exists for each run by a policy, step and trained ``parameter``: ``value`` (the
parameter that is kept against the one that the optimizer computed), ``gradient`` (the gradient that
the optimizer is given against the one that the last operation of the backward sweep computed
before any cast, without the scale of the loss) and ``state`` (by name, what is kept against what
was computed), each with the keys of ``local`` and with ``ulp_of``. ``value`` also has
``relative_to_step`` (the norm of the errors divided by that of the change that was computed; from 1
on, more is lost than kept) and ``unchanged`` (the count of numbers whose computed change is lost).
``skipped`` is 1 if loss scaling skipped the update; then nothing is counted.

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
    """The formats whose ulps measure the errors of a run, apart from its operations.

    Attributes:
        parameters: The name of the format for errors of parameters; None for the reference run.
        loss: That for the loss, if it is another one than that for parameters.
    """

    parameters: str | None = None
    loss: str | None = None

    @classmethod
    def of(cls, header: Record, dtype: str) -> Units:
        """Return the units of a run from the first record of its comparison."""
        measure = header["measures"].get(dtype)
        if measure is None:
            return cls()
        loss = measure.get("loss_grid")
        return cls(measure["grid"]["name"], None if loss is None else loss["name"])


def step_record(seed: int, measured: MeasuredStep, units: Units) -> Record:
    """Return the record of a step, without its operations."""
    return {
        "record": "step",
        "dtype": measured.dtype,
        "seed": seed,
        "step": measured.step,
        "ulp_of": units.parameters,
        **({} if units.loss is None else {"loss_ulp_of": units.loss}),
        **measured.figures,
    }


def part_records(seed: int, measured: MeasuredStep) -> Iterator[Record]:
    """Yield the records of a step's operations, products, operands and updates.

    Each kind is in program order.
    """
    run = {"dtype": measured.dtype, "seed": seed, "step": measured.step}
    for (phase, layer, operation), errors in (measured.operations or {}).items():
        yield {
            "record": "operation",
            **run,
            "phase": phase,
            "layer": layer,
            "operation": operation,
            "ulp_of": errors.ulp_of,
            "local_ulp_of": errors.local_ulp_of,
            **errors.as_plain(),
        }
    for (layer, product), parts in (measured.products or {}).items():
        yield {"record": "product", **run, "layer": layer, "product": product, **parts.as_plain()}
    for (layer, product, operand), quantisation in (measured.quantisations or {}).items():
        place = {"layer": layer, "product": product, "operand": operand}
        yield {"record": "quantisation", **run, **place, **quantisation.as_plain()}
    for parameter, update in (measured.updates or {}).items():
        yield {"record": "update", **run, "parameter": parameter, **update.as_plain()}


def as_line(record: Record) -> str:
    """Return a record as one line of JSON."""
    text = json.dumps(nonfinite_to_null(record), ensure_ascii=False)
    # The name of a file may have characters that UTF-8 lacks, or that act on a terminal.
    return text if text.isprintable() else json_line(record)
