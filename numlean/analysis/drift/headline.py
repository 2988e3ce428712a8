"""Sentences that say what a comparison found: how far, from where, and with what effect."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.drift.operations import Key, OperationErrors
from numlean.analysis.drift.quantisation import QuantisationKey
from numlean.precision.blocks.statistics import BlockStatistics, percent

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

_OUTCOMES: Final = (
    ("accuracy", "accuracy on the test data", "{:.2%}"),
    ("test_loss", "loss on the test data", "{:.4g}"),
    ("exact_loss", "loss of the last batch", "{:.4g}"),
)
"""The figures that show the effect on the training, the most telling first, with their formats."""


NOTABLE: Final = 0.01
"""The share of an operand's numbers from which on clamping and flushing are reported."""


@dataclass(frozen=True)
class _End:
    """A dtype after the last step, in the worst of all seeds.

    Attributes:
        dtype: Its name.
        relative: The relative error of all parameters, as norms.
        nonfinite: The count of its parameters that are infinite or NaN.
    """

    dtype: str
    relative: float
    nonfinite: int


def headline(result: Comparison) -> tuple[str, ...]:
    """Return three sentences that say what was found; one if no step was measured.

    Two more for each run by a policy say which part of the errors is the largest, and another one,
    which operands a format clamps or flushes to zero, if that concerns ``NOTABLE`` of one.
    """
    ends = list(_ends(result))
    if not ends:
        return ("No step was made, so nothing was measured.",)
    parts = [_product_part(result, dtype) for dtype in result.products]
    quantised = [_quantised_part(result, dtype) for dtype in result.quantisations]
    lost = [_lost_part(result, dtype) for dtype in result.updates]
    found = [*parts, *filter(None, quantised), *lost]
    return (_distance(result, ends), _origin(result, ends), *found, _effect(result))


def _ends(result: Comparison) -> Iterator[_End]:
    for dtype in result.measured:
        found = [record["parameters"] for record in result.last(dtype)]
        if found:
            relative = max(each["relative"] for each in found)
            yield _End(dtype, relative, max(each["inf"] + each["nan"] for each in found))


def _distance(result: Comparison, ends: Sequence[_End]) -> str:
    """Return how far the parameters are from those of the reference run."""
    steps, truth = result.measured_steps, result.truth
    measured = [each for each in ends if not each.nonfinite and math.isfinite(each.relative)]
    finite = sorted(measured, key=lambda end: end.relative)
    parts = []
    if finite and finite[0].relative == finite[-1].relative:
        names = _listed([end.dtype for end in finite])
        parts.append(f"the parameters in {names} {_error(finite[0])} those in {truth}")
    elif finite:
        first, last = finite[0], finite[-1]
        parts.append(
            f"the parameters in {first.dtype} are closest to those in {truth}, with a relative"
            f" error of {first.relative:.2g}, and those in {last.dtype} are farthest, with"
            f" {last.relative:.2g}"
        )
    parts += [
        f"{each.nonfinite} parameters in {each.dtype} are not finite"
        for each in ends
        if each.nonfinite
    ]
    parts += [
        f"the error of {each.dtype} is unknown, because parameters in {truth} are not finite"
        for each in ends
        if not each.nonfinite and each not in measured
    ]
    return f"After {steps} {'step' if steps == 1 else 'steps'}, {_listed(parts)}."


def _error(end: _End) -> str:
    if not end.relative:
        return "are exactly"
    return f"differ by a relative error of {end.relative:.2g} from"


def _origin(result: Comparison, ends: Sequence[_End]) -> str:
    """Return the operation from which the errors of the worst run come."""
    worst = max(ends, key=lambda end: (end.nonfinite, end.relative)).dtype
    errors = result.operations.get(worst, {})
    if not errors:
        return "Operations were not measured, so the origin of the errors is unknown."
    broken = [(key, each) for key, each in errors.items() if each.introduced_nonfinite]
    if broken:
        key, each = broken[0]
        count = each.introduced_nonfinite
        return (
            f"In {worst}, {_named(key)} is the first operation in program order that turns finite"
            f" operands into infinities or NaNs ({count} {'time' if count == 1 else 'times'})."
        )
    key, each = max(errors.items(), key=lambda item: item[1].local.relative)
    if not each.local.relative:
        return f"In {worst}, no operation adds an error of its own."
    sentence = (
        f"In {worst}, {_named(key)} adds the greatest relative error of its own,"
        f" {each.local.relative:.2g}"
    )
    return f"{sentence}, and {_amplifier(errors)}."


def _amplifier(errors: dict[Key, OperationErrors]) -> str:
    key, each = max(errors.items(), key=lambda item: item[1].amplification)
    if each.amplification <= 1:
        return "no operation multiplies the error of its operands"
    factor = f"{each.amplification:.2g}"
    return f"{_named(key)} multiplies the error of its operands most, by {factor}"


def _product_part(result: Comparison, dtype: str) -> str:
    """Return from which part the errors of the least accurate product come."""
    products = result.products[dtype]
    (layer, product), errors = max(
        products.items(), key=lambda item: _known(item[1].total.relative)
    )
    if not errors.total.relative:
        return f"In {dtype}, no product of a layer has an error."
    name, part = errors.largest_part, errors.parts[errors.largest_part]
    return (
        f"In {dtype}, the {product.replace('_', ' ')} product of {layer} has the greatest relative"
        f" error, {errors.total.relative:.2g}; the largest part of it comes from {_PARTS[name]},"
        f" {part.relative:.2g}."
    )


def _quantised_part(result: Comparison, dtype: str) -> str:
    """Return what happened to scaled operands; "" if nothing notable did."""
    found = {key: each.statistics for key, each in result.quantisations[dtype].items()}
    clauses = [
        f"{percent(share)} of {_operand(key)} are saturated"
        for key, share in _greatest_share(found, lambda each: each.share_saturated)
    ]
    clauses += [
        f"{percent(share)} of {_operand(key)} are flushed to zero"
        for key, share in _greatest_share(found, lambda each: each.share_flushed)
    ]
    clauses += [
        f"{percent(share)} of the blocks of {_operand(key)} have a scale that is not finite"
        for key, share in _greatest_share(found, _broken_share, 0.0)
    ]
    return f"In {dtype}, {_listed(clauses)}." if clauses else ""


def _greatest_share(
    found: Mapping[QuantisationKey, BlockStatistics],
    share: Callable[[BlockStatistics], float],
    least: float = NOTABLE,
) -> Iterator[tuple[QuantisationKey, float]]:
    """Yield the operand with the greatest share, if that is large enough."""
    key = max(found, key=lambda each: share(found[each]))
    greatest = share(found[key])
    if greatest and greatest >= least:
        yield key, greatest


def _broken_share(each: BlockStatistics) -> float:
    return each.nonfinite_scales / each.blocks if each.blocks else 0.0


def _operand(key: QuantisationKey) -> str:
    layer, product, operand = key
    named = _OPERANDS.get(operand, f"the {operand}s")
    return f"{named} of {layer} ({product.replace('_', ' ')} product)"


def _lost_part(result: Comparison, dtype: str) -> str:
    """Return what loses most in the updates."""
    if not any(errors.parameter.is_measured for errors in result.updates[dtype].values()):
        return f"In {dtype}, loss scaling skipped every update that was measured."
    found = [
        (_known(stats.relative), part, name)
        for name, errors in result.updates[dtype].items()
        for part, stats in errors.parts.items()
    ]
    greatest, part, name = max(found, key=lambda each: each[0], default=(0.0, "", ""))
    if not greatest:
        return f"In {dtype}, updates keep all that they compute."
    return (
        f"Of the updates in {dtype}, rounding {_WHAT.get(part, part)} of {name} loses most, a"
        f" relative {greatest:.2g}."
    )


_OPERANDS: Final = {"left": "the left operand", "right": "the right operand"}

_PARTS: Final = {
    "quantisation": "the quantisation of its operands",
    "accumulation": "its accumulation",
    "output": "the rounding of its output",
}

_WHAT: Final = {"parameter": "the value", "gradient": "the gradient"}


def _known(value: float) -> float:
    """Return an error, infinite if it is unknown."""
    return math.inf if math.isnan(value) else value


def _effect(result: Comparison) -> str:
    """Return the effect on the last figure of the training that was measured."""
    for name, words, text in _OUTCOMES:
        found = {dtype: _outcome(result, dtype, name) for dtype in result.dtypes}
        known = {dtype: value for dtype, value in found.items() if value is not None}
        if result.truth in known and len(known) > 1:
            return _outcome_sentence(result, words, text.format, known)
    return "No loss was measured."


def _outcome_sentence(
    result: Comparison, words: str, text: Callable[[float], str], known: dict[str, float]
) -> str:
    expected = known.pop(result.truth)
    is_same = all(text(value) == text(expected) for value in known.values())
    middle = "median " if len(result.header["seeds"]) > 1 else ""
    start = f"The {middle}{words} is {text(expected)} in {result.truth}"
    if is_same:
        return f"{start} and in {_listed(list(known))}."
    ordered = sorted(known, key=lambda dtype: _distance_key(known[dtype], expected))
    if len(ordered) == 1:
        return f"{start} and {text(known[ordered[0]])} in {ordered[0]}."
    near, far = ordered[0], ordered[-1]
    values = [f"in {dtype} ({text(known[dtype])})" for dtype in (near, far)]
    return f"{start}; it is nearest to that {values[0]} and farthest {values[1]}."


def _outcome(result: Comparison, dtype: str, name: str) -> float | None:
    values = [record[name] for record in result.last(dtype)]
    if not values or None in values:
        return None
    return math.nan if any(map(math.isnan, values)) else float(median(values))


def _distance_key(value: float, expected: float) -> float:
    return math.inf if not math.isfinite(value) else abs(value - expected)


def _named(key: Key) -> str:
    phase, layer, operation = key
    return f"{operation} ({phase}, {layer})" if layer else f"{operation} ({phase})"


def _listed(parts: Sequence[Any]) -> str:
    *first, last = map(str, parts)
    return f"{', '.join(first)} and {last}" if first else last
