"""The errors of a step's operations: the part that each adds and the part that it inherits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.exact_reference import MEASURABLE, ExactReference, numbers_of
from numlean.analysis.drift.reference import ReferenceStep
from numlean.analysis.drift.ulp_scale import Floats, UlpScale, floats_of
from numlean.analysis.trace.alignment import align
from numlean.scalar.operations import CONVERSIONS, RELATIONS
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.tracing import TracedOperation

Key: TypeAlias = tuple[str, str, str]
"""A phase, a layer and the name of an operation."""


@dataclass
class OperationErrors:
    """The errors of all calls of an operation in a layer and a phase.

    Attributes:
        local: Errors of results against the exact operation on the same operands, in ulp of the
            format.
        total: Errors of results against those of the reference run, in ulp of the coarser format.
        inherited: Total minus local: the exact operation on the same operands against the result of
            the reference run.
        calls: The number of calls.
        inf: The count of infinite results.
        nan: The count of NaN results.
        introduced_nonfinite: The count of infinite or NaN results of calls with finite operands.
        flipped_comparisons: For comparisons, the count of answers that differ from the reference
            run.
        ulp_of: The format whose ulps total and inherited errors are in.
        local_ulp_of: That of local errors: the format of the results.
        amplification: The greatest factor by which a call multiplied a relative error: that of
            its exact result divided by that of the worst operand, as norms; 0 if no operand had
            one.
    """

    local: ErrorStats = field(default_factory=ErrorStats)
    total: ErrorStats = field(default_factory=ErrorStats)
    inherited: ErrorStats = field(default_factory=ErrorStats)
    calls: int = 0
    inf: int = 0
    nan: int = 0
    introduced_nonfinite: int = 0
    flipped_comparisons: int = 0
    amplification: float = 0.0
    ulp_of: str = ""
    local_ulp_of: str = ""

    def merge(self, other: OperationErrors) -> None:
        """Add the counts of another one."""
        for name in ("local", "total", "inherited"):
            getattr(self, name).merge(getattr(other, name))
        for name in ("calls", "inf", "nan", "introduced_nonfinite", "flipped_comparisons"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.amplification = max(self.amplification, other.amplification)
        self.ulp_of, self.local_ulp_of = other.ulp_of, other.local_ulp_of

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            **{name: getattr(self, name) for name in ("calls", "inf", "nan")},
            "introduced_nonfinite": self.introduced_nonfinite,
            "flipped_comparisons": self.flipped_comparisons,
            "amplification": self.amplification,
            **{name: getattr(self, name).as_plain() for name in ("local", "total", "inherited")},
        }


class OperationMeter:
    """Measures the operations of a run against those of the reference run.

    Attributes:
        exact_reference: Computes the expected results.
        truth: The ulps of the reference run.
        names_arithmetics: Whether an operation's name tells the arithmetic, as in a run in several:
            ``matmul in float32``.
    """

    def __init__(
        self, exact_reference: ExactReference, truth: UlpScale, *, names_arithmetics: bool = False
    ) -> None:
        self.exact_reference = exact_reference
        self.truth = truth
        self.names_arithmetics = names_arithmetics
        self._scales: dict[Scalar, UlpScale] = {}

    def errors(
        self, trace: Sequence[TracedOperation], reference: ReferenceStep
    ) -> dict[Key, OperationErrors]:
        """Return the errors of a step's operations, in program order.

        An operation that the reference run does not have has local errors only.
        """
        found: dict[Key, OperationErrors] = {}
        for op, number in zip(trace, align(trace, reference.trace), strict=True):
            name, place, scale = op.operation, op.place, self._scale(op.scalar)
            if name not in MEASURABLE and name not in RELATIONS:
                continue
            shown = f"{op.label} in {scale.name}" if self.names_arithmetics else op.label
            errors = found.setdefault((place.phase, place.layer, shown), OperationErrors())
            errors.calls += 1
            errors.local_ulp_of, errors.ulp_of = scale.name, scale.coarser(self.truth).name
            if name not in RELATIONS:
                self._add(errors, op, reference, number)
            elif number is not None:
                expected = np.asarray(reference.trace[number].result)
                errors.flipped_comparisons += int((np.asarray(op.result) != expected).sum())
        return found

    def _scale(self, scalar: Scalar) -> UlpScale:
        """Return the ulps of a Scalar's numbers."""
        if scalar not in self._scales:
            self._scales[scalar] = UlpScale.of(scalar)
        return self._scales[scalar]

    def _add(
        self,
        errors: OperationErrors,
        op: TracedOperation,
        reference: ReferenceStep,
        number: int | None,
    ) -> None:
        """Add the errors of an operation; ``number`` is that of its counterpart, if any."""
        measure, exact = self.exact_reference, self.exact_reference.exact(op)
        scale = self._scale(op.scalar)
        coarser = scale.coarser(self.truth)
        z = measure.to_wide(op.scalar, np.asarray(op.result))
        values = floats_of(op.scalar, np.asarray(op.result))
        self._count_specials(errors, op, values)
        local = None
        if exact is not None:
            local = _Errors(measure.differences(z, exact), values, measure.floats(exact))
            local.add_to(errors.local, scale)
            local.add_specials_to(errors.local)
        if number is None:
            return
        differences = measure.differences(z, reference.result(measure.wide, number))
        total = _Errors(differences, values, reference.floats(number))
        total.add_to(errors.total, coarser)
        total.add_specials_to(errors.total)
        if local is not None:
            operand_error = max(self._operand_errors(op, reference, number), default=0.0)
            _add_inherited(errors, total, local, operand_error, coarser)

    def _count_specials(self, errors: OperationErrors, op: TracedOperation, values: Floats) -> None:
        infinite, nan = int(np.isinf(values).sum()), int(np.isnan(values).sum())
        errors.inf += infinite
        errors.nan += nan
        if infinite + nan and _operands_are_finite(op):
            errors.introduced_nonfinite += infinite + nan

    def _operand_errors(
        self, op: TracedOperation, reference: ReferenceStep, number: int
    ) -> Iterator[float]:
        """Yield the relative errors of the operands, as norms."""
        for k, scalar, x in numbers_of(op):
            values = floats_of(scalar, x)
            expected = reference.operand(number, k)
            with np.errstate(invalid="ignore", over="ignore"):
                differences = values - expected
            yield _Errors(differences, values, expected).relative


def _operands_are_finite(op: TracedOperation) -> bool:
    """Return whether all numbers among the operands are finite, values to convert included."""
    if op.operation in CONVERSIONS:
        values = (np.asarray(x) for x in op.operands)
        return all(x.dtype.kind != "f" or bool(np.isfinite(x).all()) for x in values)
    operands = (floats_of(scalar, x) for _, scalar, x in numbers_of(op))
    return all(bool(np.isfinite(x).all()) for x in operands)


def _add_inherited(
    errors: OperationErrors, total: _Errors, local: _Errors, operand_error: float, scale: UlpScale
) -> None:
    """Add the errors that came with the operands: the total ones without the local ones."""
    with np.errstate(invalid="ignore", over="ignore"):
        passed_on = total.differences - local.differences
    inherited = _Errors(passed_on, local.expected, total.expected)
    inherited.add_to(errors.inherited, scale, where=total.finite & local.finite)
    inherits = int((total.differs & ~local.differs).sum())
    errors.inherited.add_specials(infinite=inherits, unknown=0)
    if operand_error:
        errors.amplification = max(errors.amplification, inherited.relative / operand_error)


class _Errors:
    """Errors of numbers, and whether the numbers and the expected ones are finite."""

    def __init__(self, differences: Floats, values: Floats, expected: Floats) -> None:
        self.differences, self.values, self.expected = differences, values, expected
        self.finite = np.isfinite(values) & np.isfinite(expected) & np.isfinite(differences)

    @property
    def relative(self) -> float:
        """The norm of the errors divided by that of the expected numbers, where finite."""
        stats = ErrorStats()
        kept = self.finite
        errors, values, expected = (x[kept] for x in (self.differences, self.values, self.expected))
        stats.add(np.zeros(errors.shape), errors, values, expected)
        return stats.relative

    @property
    def differs(self) -> Any:
        """Where one of both numbers is not finite, and the other is not the same special."""
        values, expected = self.values, self.expected
        same = (values == expected) | (np.isnan(values) & np.isnan(expected))
        return ~(np.isfinite(values) & np.isfinite(expected)) & ~same

    def add_specials_to(self, stats: ErrorStats) -> None:
        """Count the errors of results that are not finite as infinite, unless they are expected."""
        stats.add_specials(infinite=int(self.differs.sum()), unknown=0)

    def add_to(self, stats: ErrorStats, scale: UlpScale, where: Any = True) -> None:
        """Count the errors of finite numbers."""
        kept = self.finite & where
        errors, values, expected = (x[kept] for x in (self.differences, self.values, self.expected))
        stats.add(scale.ulps(errors, values, expected), errors, values, expected)
