"""The assessment of two results: which one is right, the errors, and possible causes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.analysis.lockstep.numbers import Number, error_in_ulps
from numlean.analysis.trace.elements import Element
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.dtype import Dtype
from numlean.scalar.elementary import ARITIES
from numlean.scalar.operations import RELATIONS
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar

_REFERENCE_DEVICE: Final = "python"
"""The interpreter, which defines the bits and compiles nothing for a single number."""
_ROUNDINGS: Final = ("toward_zero", "toward_positive", "toward_negative", "ties_to_away", "to_odd")
_SHOWN_DIGITS: Final = 25
_GUARD_BITS: Final = 256
_SPREAD: Final = 4096


@dataclass(frozen=True)
class Assessment:
    """The assessment of one run's result.

    Attributes:
        right: The result that the reference interpreter of the run's own arithmetic computes from
            the same operands; None if unknown, as with stochastic rounding.
        is_right: Whether the result equals it; None if unknown.
        error: The distance above the exact result, in ulps; None if unknown.
        causes: Possible causes of a wrong result, in words.
    """

    right: Number | None = None
    is_right: bool | None = None
    error: float | None = None
    causes: tuple[str, ...] = ()


def exact_of(element: Element, operation: str, scalar: Scalar) -> Any:
    """Return the result without rounding, as an ``mpf``; None if it is not a number.

    mpmath computes it with enough bits that sums, products and fused operations of the Scalar's
    numbers are exact.
    """
    if operation in RELATIONS:
        return None
    wide = get_scalar(Dtype.mp(_enough_bits(scalar)).text)
    try:
        operands = tuple(element.operands.values())
        if not element.is_conversion:
            operands = tuple(wide.from_exact(scalar.to_exact(x)) for x in operands)
        (value,) = wide.to_exact(element.apply(wide, operands))
    except (NumleanError, ValueError):
        return None
    return value if abs(value) < np.inf else None


def assess(
    element: Element, operation: str, scalar: Scalar, result: Storage, exact: Any
) -> Assessment:
    """Assess a Scalar's result, an array of one number."""
    reference = _reference(scalar)
    found = Number.of(scalar, result)
    error = None if exact is None else error_in_ulps(found, scalar, exact)
    operands = tuple(element.operands.values())
    right = None if reference is None else _apply(element, reference, operands)
    if reference is None or right is None:
        return Assessment(error=error)
    expected = Number.of(scalar, right)
    if expected == found:
        return Assessment(expected, True, error)
    causes = tuple(_causes(element, operation, reference, expected, found))
    return Assessment(expected, False, error, causes)


def digits_of(exact: Any) -> str:
    """Return an exact value as a decimal of many digits."""
    from mpmath import mp, nstr

    with mp.workdps(_SHOWN_DIGITS + 5):
        return str(nstr(+exact, _SHOWN_DIGITS))


def _reference(scalar: Scalar) -> Scalar | None:
    if not scalar.is_deterministic:
        return None
    try:
        return get_scalar(scalar.reference_dtype, _REFERENCE_DEVICE)
    except NumleanError:
        return None


def _apply(element: Element, scalar: Scalar, operands: tuple[Any, ...]) -> Storage | None:
    try:
        return np.asarray(element.apply(scalar, operands)).reshape(1)
    except UnavailableError:
        return None


def _enough_bits(scalar: Scalar) -> int:
    format = scalar.format
    if format is None:
        # Its exponents are unbounded, but operands usually have similar exponents.
        return 4 * precision_of(scalar) + _SPREAD
    return 2 * (format.emax - format.emin + format.precision) + _GUARD_BITS


def _causes(
    element: Element, operation: str, scalar: Scalar, right: Number, found: Number
) -> Iterator[str]:
    """Yield possible causes of this wrong result, the likeliest first."""
    format = scalar.format
    if format is None or right.format != format or right.bits is None or found.bits is None:
        return
    if right.text == found.text == "nan":
        yield "the NaN has another encoding"
        return
    below_normal = right.bits & format.magnitude_mask
    if 0 < below_normal < format.implicit_bit and found.bits == right.bits & format.sign_mask:
        yield "a subnormal result is flushed to zero"
    for words, other in _alternatives(element, operation, scalar):
        if other is not None and Number.of(scalar, other).bits == found.bits:
            yield words
    changed = right.bits ^ found.bits
    if changed.bit_count() == 1:
        yield f"bit {changed.bit_length() - 1} is flipped"


def _alternatives(
    element: Element, operation: str, scalar: Scalar
) -> Iterator[tuple[str, Storage | None]]:
    """Yield the results of other rules."""
    x = tuple(element.operands.values())
    if element.is_chain and operation != "sum":
        fused = _apply_with(scalar, "matmul", x, contraction="fma")
        yield "products are contracted into fused multiply-adds", fused
        separate = _apply_with(scalar, "matmul", x, contraction="separate")
        yield "products are rounded before they are added", separate
    if element.is_chain:
        backwards = tuple(v[::-1] for v in x)
        yield "terms are added from the last to the first", _apply(element, scalar, backwards)
        terms = x[0] if operation == "sum" else scalar.mul(*map(np.ascontiguousarray, x))
        tree = scalar.sum(np.ascontiguousarray(terms), reduction="pairwise").reshape(1)
        yield "terms are added in a balanced tree", tree
        ordered = scalar.sum(np.ascontiguousarray(terms)).reshape(1)
        yield "terms are added from the first to the last", ordered
    for rounding in _ROUNDINGS:
        rounded = _by_another_rule(element, scalar, {"round": rounding}, x)
        yield f"the result is rounded {rounding}", rounded
    if operation in ARITIES:
        profile = _by_another_rule(element, scalar, {"math": "torchlean"}, x)
        yield "the function comes from math=torchlean", profile


def _apply_with(scalar: Scalar, name: str, x: tuple[Any, ...], **options: Any) -> Storage:
    row, column = (np.ascontiguousarray(v) for v in x)
    z: Storage = getattr(scalar, name)(row.reshape(1, -1), column.reshape(-1, 1), **options)
    return z.reshape(1)


def _by_another_rule(
    element: Element, scalar: Scalar, option: dict[str, str], x: tuple[Any, ...]
) -> Storage | None:
    """Return the result of an emulated arithmetic with the same encodings and another rule."""
    other = _variant(scalar, option)
    if other is None:
        return None
    if not element.is_conversion:
        x = tuple(other.from_bits(scalar.to_bits(np.ascontiguousarray(v))) for v in x)
    result = _apply(element, other, x)
    return None if result is None else scalar.from_bits(other.to_bits(result))


def _variant(scalar: Scalar, option: dict[str, str]) -> Scalar | None:
    """Return the Scalar with an option, or else the emulation of its format with the option."""
    dtypes = [Dtype.parse(scalar.name)]
    if scalar.format is not None:
        emulated = Dtype.of_format(scalar.format)
        dtypes += [] if emulated is None else [emulated]
    for dtype in dtypes:
        try:
            return get_scalar(dtype.with_options(**option).text, _REFERENCE_DEVICE)
        except NumleanError:
            continue
    return None
