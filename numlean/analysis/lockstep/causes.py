"""Possible causes of a result that differs from the specified one, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.analysis.lockstep.exact_result import exact_of
from numlean.analysis.trace.element import Element
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.dtype import Dtype
from numlean.scalar.elementary import ARITIES
from numlean.scalar.protocol import Contraction, Order, Scalar, Storage
from numlean.scalar.registry import get_scalar, get_variant

REFERENCE_DEVICE: Final = "python"
"""The interpreter, which defines the bits and compiles nothing for a single number."""

_ROUNDINGS: Final = (
    *("toward_zero", "toward_positive", "toward_negative"),
    *("ties_to_away", "to_odd", "away_from_zero"),
)

Rule: TypeAlias = Callable[[Element], Storage | None]
"""Compute an element by another rule; None if that is not possible."""


@dataclass(frozen=True)
class Observation:
    """An element of a result and the number that a run computed for it.

    Attributes:
        element: The computation of the element.
        bits: The encoding of the number.
    """

    element: Element
    bits: int


@dataclass(frozen=True)
class _Explanation:
    """A rule that gives the number found.

    Attributes:
        words: The rule, in words.
        support: The share of the other elements of the same result that the rule gives, too.
    """

    words: str
    support: float


def causes_of(
    observed: Observation,
    others: Callable[[], Sequence[Observation]],
    operation: str,
    scalar: Scalar,
) -> tuple[str, ...]:
    """Return the rules that give a number which is not the specified one.

    A different algorithm (another order, contraction, rounding or profile, a flush to zero) applies
    to a whole array, so each is tested on other elements of the same result: the one that gives
    most of them comes first. A flipped bit is a cause only if no such rule gives all of them; then
    it is the only one.

    Args:
        observed: The element that differs from its specification.
        others: Return other elements of the same result.
        operation: The name of the operation.
        scalar: The reference interpreter of the run's arithmetic, which has the same format.
    """
    specified = _bits(scalar, apply_element(observed.element, scalar))
    if specified is None:
        return ()
    if _is_nan(scalar, specified) and _is_nan(scalar, observed.bits):
        return ("the NaN has another encoding",)
    rules = [
        (words, rule)
        for words, rule in _rules(observed.element, operation, scalar)
        if _gives(rule, observed, scalar)
    ]
    flipped = _flipped_bit(specified, observed.bits)
    if flipped is None and len(rules) < 2:
        return tuple(words for words, _ in rules)
    rest = others()
    found = [_Explanation(words, _support(rule, rest, scalar)) for words, rule in rules]
    is_structural = any(each.support == 1 for each in found)
    if flipped is not None and not is_structural and _are_specified(rest, scalar):
        return (flipped,)
    return tuple(each.words for each in sorted(found, key=lambda each: -each.support))


def apply_element(element: Element, scalar: Scalar) -> Storage | None:
    """Return an element computed by a Scalar; None if the Scalar lacks the operation."""
    if element.again is not None:
        return _again(element, scalar)
    return _apply(element, scalar, tuple(element.operands.values()))


def _rules(element: Element, operation: str, scalar: Scalar) -> Iterator[tuple[str, Rule]]:
    """Yield other rules, those of the order of operations first."""
    if element.is_chain:
        yield from _chain_rules(operation, scalar)
    yield "a subnormal result is flushed to zero", lambda each: _flushed(each, scalar)
    if operation in ARITIES:
        yield "the function comes from math=torchlean", _variant_rule(scalar, math="torchlean")
    for rounding in _ROUNDINGS:
        yield f"the result is rounded {rounding}", _variant_rule(scalar, round=rounding)


def _chain_rules(operation: str, scalar: Scalar) -> Iterator[tuple[str, Rule]]:
    def backwards(each: Element) -> Storage | None:
        return _apply(each, scalar, tuple(v[::-1] for v in each.operands.values()))

    def summed(order: Order) -> Rule:
        return lambda each: scalar.sum(_terms(each, operation, scalar), reduction=order).reshape(1)

    def exactly(each: Element) -> Storage | None:
        exact = exact_of(each, operation, scalar)
        return None if exact is None else scalar.from_exact([exact])

    if operation != "sum":
        yield "products are contracted into fused multiply-adds", _product_rule(scalar, "fma")
        yield "products are rounded before they are added", _product_rule(scalar, "separate")
    yield "terms are added from the last to the first", backwards
    yield "terms are added in a balanced tree", summed("pairwise")
    yield "terms are added from the first to the last", summed("ordered")
    yield "terms are added exactly and rounded once", exactly


def _terms(element: Element, operation: str, scalar: Scalar) -> Storage:
    x = [np.ascontiguousarray(v) for v in element.operands.values()]
    return x[0] if operation == "sum" else scalar.mul(*x)


def _product_rule(scalar: Scalar, contraction: Contraction) -> Rule:
    def product(element: Element) -> Storage:
        row, column = (np.ascontiguousarray(v) for v in element.operands.values())
        a, b = row.reshape(1, -1), column.reshape(-1, 1)
        return scalar.matmul(a, b, contraction=contraction).reshape(1)

    return product


def _flushed(element: Element, scalar: Scalar) -> Storage | None:
    """Return the specified result, or a zero of its sign where that is subnormal."""
    z = apply_element(element, scalar)
    if z is None or scalar.format is None:
        return None
    bits = scalar.to_bits(z)
    format, encoding = scalar.format, int(bits[0])
    is_normal = encoding & format.magnitude_mask >= format.least_normal
    if is_normal or format.is_nan(encoding):
        return z
    return scalar.from_bits([encoding & format.sign_mask if format.has_negative_zero else 0])


def _variant_rule(scalar: Scalar, **option: str) -> Rule:
    """Return the rule of an arithmetic with the same encodings and another option."""

    def rule(element: Element) -> Storage | None:
        other = _variant(scalar, **option)
        if other is None:
            return None
        if element.again is not None:
            found = _again(element, other)
            return None if found is None else scalar.from_bits(other.to_bits(found))
        x = tuple(element.operands.values())
        if not element.is_conversion:
            x = tuple(other.from_bits(scalar.to_bits(np.ascontiguousarray(v))) for v in x)
        result = _apply(element, other, x)
        return None if result is None else scalar.from_bits(other.to_bits(result))

    return rule


def _variant(scalar: Scalar, **option: str) -> Scalar | None:
    """Return the Scalar with an option, or else the emulation of its format with the option."""
    try:
        return get_variant(scalar, device=REFERENCE_DEVICE, **option)
    except NumleanError:
        emulated = None if scalar.format is None else Dtype.of_format(scalar.format)
    if emulated is None:
        return None
    try:
        return get_scalar(emulated.with_options(**option).text, REFERENCE_DEVICE)
    except NumleanError:
        return None


def _apply(element: Element, scalar: Scalar, operands: tuple[Any, ...]) -> Storage | None:
    try:
        return np.asarray(element.apply(scalar, operands)).reshape(1)
    except UnavailableError:
        return None


def _again(element: Element, scalar: Scalar) -> Storage | None:
    assert element.again is not None
    try:
        found = element.again(scalar)
    except UnavailableError:
        return None
    return None if found is None else found.reshape(1)


def _support(rule: Rule, others: Sequence[Observation], scalar: Scalar) -> float:
    given = [_gives(rule, each, scalar) for each in others]
    return sum(given) / len(given) if given else 1.0


def _gives(rule: Rule, observed: Observation, scalar: Scalar) -> bool:
    return _bits(scalar, rule(observed.element)) == observed.bits


def _are_specified(others: Sequence[Observation], scalar: Scalar) -> bool:
    return all(_gives(lambda each: apply_element(each, scalar), each, scalar) for each in others)


def _flipped_bit(specified: int, found: int) -> str | None:
    changed = specified ^ found
    return f"bit {changed.bit_length() - 1} is flipped" if changed.bit_count() == 1 else None


def _is_nan(scalar: Scalar, bits: int) -> bool:
    x = scalar.from_bits([bits])
    return not scalar.eq(x, x)[0]


def _bits(scalar: Scalar, x: Storage | None) -> int | None:
    """Return the encoding of the only number of an array; None for other values."""
    if x is None or x.dtype != scalar.storage_dtype:
        return None
    return int(scalar.to_bits(x)[0])
