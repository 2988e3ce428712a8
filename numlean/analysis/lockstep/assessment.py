"""The assessment of a result: whether it is as specified, its errors, and possible causes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numlean.analysis.lockstep.causes import (
    REFERENCE_DEVICE,
    Observation,
    apply_element,
    causes_of,
)
from numlean.analysis.lockstep.exact_result import exact_of
from numlean.analysis.lockstep.numbers import Number, error_in_ulps, relative_error
from numlean.analysis.trace.element import Element
from numlean.errors import NumleanError
from numlean.scalar.library import library_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar

__all__ = ["Assessment", "assess", "exact_of"]

AS_SPECIFIED: Final = "as specified"
DIFFERS: Final = "differs from its specification"
_UNCHECKED: Final = "not checked"
_RANDOM: Final = "not checked (its rounding is random)"


@dataclass(frozen=True)
class Assessment:
    """The assessment of one run's result.

    Attributes:
        right: The result that the reference interpreter of the run's own arithmetic computes from
            the same operands; None if unknown, as with stochastic rounding. If another library
            computes the run's results, the result of the dtype that they are compared with.
        is_right: Whether the result equals it; None if unknown.
        error: The distance above the exact result, in ulps of the run's format; None if unknown.
        causes: Possible causes of a result that differs from it, in words, the likeliest first.
        relative_error: The distance above the exact result, relative to its magnitude; None if
            unknown, or if the exact result is 0.
        verdict: "as specified", "differs from its specification", "unspecified (LIBRARY)", or
            "not checked".
    """

    right: Number | None = None
    is_right: bool | None = None
    error: float | None = None
    causes: tuple[str, ...] = ()
    relative_error: float | None = None
    verdict: str = _UNCHECKED


def assess(
    element: Element,
    operation: str,
    scalar: Scalar,
    result: Storage,
    exact: Any,
    others: Callable[[], Sequence[Observation]] = tuple,
) -> Assessment:
    """Assess a Scalar's result, an array of one number.

    Args:
        element: The computation of the result.
        operation: The name of the operation.
        scalar: The arithmetic of the run.
        result: The result of the run.
        exact: The result without rounding, an ``mpf``; None if unknown.
        others: Return other elements of the same result, which are used to find the cause.
    """
    reference, found = _reference(scalar), Number.of(scalar, result)
    errors: dict[str, Any] = {}
    if exact is not None:
        errors = {
            "error": error_in_ulps(found, scalar, exact),
            "relative_error": relative_error(scalar, result, exact),
        }
    right = None if reference is None else apply_element(element, reference)
    if reference is None or right is None:
        return Assessment(**errors, verdict=_verdict(scalar, None))
    expected = Number.of(scalar, right)
    verdict = _verdict(scalar, expected == found)
    if expected == found:
        return Assessment(expected, True, **errors, verdict=verdict)
    causes: tuple[str, ...] = ()
    if found.bits is not None and found.format == reference.format:
        causes = causes_of(Observation(element, found.bits), others, operation, reference)
    return Assessment(expected, False, **errors, causes=causes, verdict=verdict)


def _verdict(scalar: Scalar, is_right: bool | None) -> str:
    library = library_of(scalar)
    if library is not None:
        return f"unspecified ({library})"
    if is_right is None:
        return _UNCHECKED if scalar.is_deterministic else _RANDOM
    return AS_SPECIFIED if is_right else DIFFERS


def _reference(scalar: Scalar) -> Scalar | None:
    if not scalar.is_deterministic:
        return None
    try:
        return get_scalar(scalar.reference_dtype, REFERENCE_DEVICE)
    except NumleanError:
        return None
