"""The origin and the growth of errors, by operation and by line."""

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
from numlean.scalar.operations import CONVERSIONS, Kind, operations
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.tracing import TracedOperation

_COMPUTING: Final = {*operations(computes=True), *CONVERSIONS}
_ENTERING: Final = {*CONVERSIONS, *operations(kind=Kind.CAST)}
"""Operations whose operands are not numbers of the Scalar."""
_ROUNDED_ONCE: Final = {*ARITIES, "div", "sqrt"}
"""Operations whose exact results may need infinitely many bits."""
_FEW_BITS: Final = 400
_MANY_BITS: Final = 4608
"""Enough for exact sums of binary64 numbers."""


@dataclass(frozen=True)
class OperationError:
    """The effect of an operation on the error; all errors are the worst of its elements, in ulps.

    Attributes:
        number: The index in program order, from 0.
        operation: The name of the Scalar's method.
        where: The line of the program.
        inherited: The error of its operands against the truth's.
        local: The error of its result against the exact one from the same operands; NaN if unknown.
        accumulated: The error of its result against the truth's.
    """

    number: int
    operation: str
    where: str
    inherited: float
    local: float
    accumulated: float

    @property
    def growth(self) -> float:
        """The factor by which the error grows; an inherited error below one ulp counts as one."""
        return self.accumulated / max(self.inherited, 1.0)


@dataclass(frozen=True)
class LineError:
    """The errors of all calls of an operation in a line of the program, in ulps.

    Attributes:
        operation: The name of the Scalar's method.
        where: The line.
        calls: The number of calls.
        local: The worst error of a call itself.
        accumulated: The worst error after a call.
    """

    operation: str
    where: str
    calls: int
    local: float
    accumulated: float


def errors_of_operations(call: Call, truth: Call, count: int) -> Iterator[OperationError]:
    """Yield the effect of each computing operation, for the first ``count`` of both calls."""
    measured = _ErrorCache(call.scalar, truth.scalar)
    pairs = zip(call.operations[:count], truth.operations[:count], strict=True)
    for number, (op, reference) in enumerate(pairs):
        if op.operation in _COMPUTING:
            yield OperationError(
                number,
                op.label,
                str(op.place),
                measured.inherited(op, reference),
                _local(call.scalar, op),
                measured.accumulated(op, reference),
            )


def by_line(errors: Iterable[OperationError]) -> tuple[LineError, ...]:
    """Return the errors of each operation and line, in the order of their first calls."""
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


class _ErrorCache:
    """The errors of one call's arrays against another's, each array measured once."""

    def __init__(self, scalar: Scalar, truth: Scalar) -> None:
        self._scalar = scalar
        self._truth = truth
        # By identity: the arrays live as long as the calls.
        self._known: dict[int, float] = {}

    def error(self, x: Storage, reference: Storage, scale: Any = None) -> float:
        """Return the worst error of an array, in ulps."""
        if id(x) not in self._known:
            errors = errors_in_ulps(self._scalar, x, self._truth.to_exact(reference), scale)
            self._known[id(x)] = worst(errors)
        return self._known[id(x)]

    def accumulated(self, op: TracedOperation, reference: TracedOperation) -> float:
        """Return the worst error of a result; where the truth is 0, in ulps of its operands."""
        scale = max(
            (
                abs(value)
                for y in reference.operands
                if _is_storage(self._truth, y) and op.operation not in _ENTERING
                for value in self._truth.to_exact(y).flat
            ),
            default=None,
        )
        return self.error(op.result, reference.result, scale)

    def inherited(self, op: TracedOperation, reference: TracedOperation) -> float:
        """Return the worst error of an operation's operands."""
        if op.operation in _ENTERING:
            return 0.0
        pairs = zip(op.operands, reference.operands, strict=True)
        own = [(x, y) for x, y in pairs if _is_storage(self._scalar, x)]
        return _greatest(self.error(x, y) for x, y in own)


def _local(scalar: Scalar, op: TracedOperation) -> float:
    bits = _FEW_BITS if op.operation in _ROUNDED_ONCE else _MANY_BITS
    wide = get_scalar(f"mp:{max(bits, 2 * precision_of(scalar))}")
    operands, options = op.operands, op.options
    if op.operation in _ENTERING:
        options = {}  # the expected result is not rounded as the run rounds
    else:
        operands = tuple(
            wide.from_exact(scalar.to_exact(x)) if _is_storage(scalar, x) else x for x in operands
        )
    try:
        z = getattr(wide, op.operation)(*operands, **options)
    except NumleanError:
        return nan
    return worst(errors_in_ulps(scalar, np.asarray(op.result), wide.to_exact(z)))


def _is_storage(scalar: Scalar, x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == scalar.storage_dtype


def _greatest(errors: Iterable[float]) -> float:
    """Return the greatest error; NaN if there is one."""
    found = list(errors)
    return nan if any(map(isnan, found)) else max(found, default=0.0)
