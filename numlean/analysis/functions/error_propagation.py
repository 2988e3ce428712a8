"""Which operation makes an error, and which makes an error greater."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from typing import Any, Final

import numpy as np

from numlean.analysis.functions.errors import errors_in_ulps, worst
from numlean.analysis.functions.traced_call import Call
from numlean.errors import NumleanError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.operations import CONVERSIONS, operations
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.tracing import TracedOperation

_COMPUTING: Final = {*operations(computes=True), *CONVERSIONS}
_ROUNDED_ONCE: Final = {*ARITIES, "div", "sqrt"}
"""Operations whose exact results need not have finitely many bits."""
_FEW_BITS: Final = 400
_MANY_BITS: Final = 4608
"""Enough for sums of binary64 numbers to be exact."""


@dataclass(frozen=True)
class OperationError:
    """What an operation did to the error; all errors are the worst of its elements, in ulps.

    Attributes:
        number: Its place in program order, from 0.
        operation: The name of the Scalar's method.
        where: The line of the program.
        inherited: How far its operands are from the truth's.
        local: How far its result is from the exact one of the same operands; NaN if unknown.
        accumulated: How far its result is from the truth's.
    """

    number: int
    operation: str
    where: str
    inherited: float
    local: float
    accumulated: float

    @property
    def growth(self) -> float:
        """How many times greater the error is after it; an error below one ulp counts as one."""
        return self.accumulated / max(self.inherited, 1.0)


@dataclass(frozen=True)
class LineError:
    """The errors of all calls of an operation in a line of the program, in ulps.

    Attributes:
        operation: The name of the Scalar's method.
        where: The line.
        calls: How often it was called.
        local: The worst of a call by itself.
        accumulated: The worst after a call.
    """

    operation: str
    where: str
    calls: int
    local: float
    accumulated: float


def errors_of_operations(call: Call, truth: Call, count: int) -> Iterator[OperationError]:
    """What each operation that computes did to the error, of as many as both calls have."""
    measured = _Measured(call.scalar, truth.scalar)
    pairs = zip(call.operations[:count], truth.operations[:count], strict=True)
    for number, (application, true) in enumerate(pairs):
        if application.operation in _COMPUTING:
            yield OperationError(
                number,
                application.operation,
                str(application.place),
                measured.inherited(application, true),
                _local(call.scalar, application),
                measured.accumulated(application, true),
            )


def by_line(errors: Iterable[OperationError]) -> tuple[LineError, ...]:
    """The errors of each operation and line, in the order of their first calls."""
    groups: dict[tuple[str, str], list[OperationError]] = {}
    for each in errors:
        groups.setdefault((each.operation, each.where), []).append(each)
    return tuple(
        LineError(
            *key,
            len(group),
            _greatest(each.local for each in group),
            _greatest(each.accumulated for each in group),
        )
        for key, group in groups.items()
    )


class _Measured:
    """The errors of one call's arrays against another's, each array measured once."""

    def __init__(self, scalar: Scalar, truth: Scalar) -> None:
        self._scalar = scalar
        self._truth = truth
        # By identity: the arrays live as long as the calls.
        self._known: dict[int, float] = {}

    def error(self, x: Storage, true: Storage, scale: Any = None) -> float:
        """The worst of an array, in ulps."""
        if id(x) not in self._known:
            errors = errors_in_ulps(self._scalar, x, self._truth.to_exact(true), scale)
            self._known[id(x)] = worst(errors)
        return self._known[id(x)]

    def accumulated(self, application: TracedOperation, true: TracedOperation) -> float:
        """The worst of an operation's result: where the truth is 0, in ulps of its operands."""
        scale = max(
            (
                abs(value)
                for y in true.operands
                if _is_storage(self._truth, y) and application.operation not in CONVERSIONS
                for value in self._truth.to_exact(y).flat
            ),
            default=None,
        )
        return self.error(application.result, true.result, scale)

    def inherited(self, application: TracedOperation, true: TracedOperation) -> float:
        """The worst of an operation's operands."""
        if application.operation in CONVERSIONS:
            return 0.0
        pairs = zip(application.operands, true.operands, strict=True)
        own = [(x, y) for x, y in pairs if _is_storage(self._scalar, x)]
        return _greatest(self.error(x, y) for x, y in own)


def _local(scalar: Scalar, application: TracedOperation) -> float:
    bits = _FEW_BITS if application.operation in _ROUNDED_ONCE else _MANY_BITS
    wide = get_scalar(f"mp:{max(bits, 2 * precision_of(scalar))}")
    operands = application.operands
    if application.operation not in CONVERSIONS:
        operands = tuple(
            wide.from_exact(scalar.to_exact(x)) if _is_storage(scalar, x) else x for x in operands
        )
    try:
        z = getattr(wide, application.operation)(*operands, **application.options)
    except NumleanError:
        return nan
    return worst(errors_in_ulps(scalar, np.asarray(application.result), wide.to_exact(z)))


def _is_storage(scalar: Scalar, x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == scalar.storage_dtype


def _greatest(errors: Iterable[float]) -> float:
    """The greatest error; a NaN if there is one."""
    found = list(errors)
    return nan if any(map(isnan, found)) else max(found, default=0.0)
