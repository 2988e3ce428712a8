"""The errors of a step's operations: what each adds, and what it was handed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.exact_reference import JUDGED, ExactReference, numbers_of
from numlean.analysis.drift.reference import ReferenceStep
from numlean.analysis.drift.ulp_scale import Floats, UlpScale, floats_of
from numlean.scalar.operations import RELATIONS
from numlean.scalar.wrappers.tracing import TracedOperation

Key: TypeAlias = tuple[str, str, str]
"""A phase, a layer and an operation's name."""


@dataclass
class OperationErrors:
    """The errors of all applications of an operation in a layer and a phase.

    Attributes:
        local: Of results against the exact operation on the same operands, in ulp of the format.
        total: Of results against the truth run's, in ulp of the coarser format.
        inherited: Total less local: of the exact operation on the same operands against the truth
            run's result.
        calls: How often it was applied.
        inf: Infinite results.
        nan: Results that are NaNs.
        born: Of those two, the results of applications all of whose operands were finite.
        decided_otherwise: Of comparisons, the answers that are not the truth run's.
        amplification: The greatest by which an application multiplied a relative error: that of
            its exact result by that of the worst operand, as norms; 0 if no operand had one.
    """

    local: ErrorStats = field(default_factory=ErrorStats)
    total: ErrorStats = field(default_factory=ErrorStats)
    inherited: ErrorStats = field(default_factory=ErrorStats)
    calls: int = 0
    inf: int = 0
    nan: int = 0
    born: int = 0
    flipped_comparisons: int = 0
    amplification: float = 0.0

    def merge(self, other: OperationErrors) -> None:
        """Count what another one has counted, too."""
        for name in ("local", "total", "inherited"):
            getattr(self, name).merge(getattr(other, name))
        for name in ("calls", "inf", "nan", "born", "flipped_comparisons"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.amplification = max(self.amplification, other.amplification)

    def as_plain(self) -> dict[str, Any]:
        """The figures by name."""
        own = {name: getattr(self, name) for name in ("calls", "inf", "nan", "born")}
        return {
            **own,
            "flipped_comparisons": self.flipped_comparisons,
            "amplification": self.amplification,
            **{name: getattr(self, name).as_plain() for name in ("local", "total", "inherited")},
        }


class OperationMeter:
    """Measures the operations of one arithmetic against the truth run's.

    Attributes:
        judge: Says what operations ought to give.
        grid: The arithmetic's own, by which local errors are measured.
        coarser: The coarser of it and the truth's, by which the others are.
    """

    def __init__(self, judge: ExactReference, truth: UlpScale) -> None:
        self.judge = judge
        self.grid = UlpScale.of(judge.own)
        self.coarser = self.grid.coarser(truth)

    def errors(
        self, trace: Sequence[TracedOperation], truth: ReferenceStep
    ) -> dict[Key, OperationErrors]:
        """The errors of a step's operations, in program order."""
        found: dict[Key, OperationErrors] = {}
        for number, (application, true) in enumerate(zip(trace, truth.trace, strict=True)):
            name, place = application.operation, application.place
            if name not in JUDGED and name not in RELATIONS:
                continue
            errors = found.setdefault((place.phase, place.layer, name), OperationErrors())
            errors.calls += 1
            if name in RELATIONS:
                differing = np.asarray(application.result) != np.asarray(true.result)
                errors.flipped_comparisons += int(differing.sum())
            else:
                self._add(errors, application, truth, number)
        return found

    def _add(
        self,
        errors: OperationErrors,
        application: TracedOperation,
        truth: ReferenceStep,
        number: int,
    ) -> None:
        judge = self.judge
        z = judge.to_wide(judge.own, np.asarray(application.result))
        t = truth.result(judge.wide, number)
        exact = judge.exact(application)
        values = floats_of(judge.own, np.asarray(application.result))
        true = truth.floats(number)
        self._count_specials(errors, application, values)
        total = _Errors(judge.differences(z, t), values, true)
        total.add_to(errors.total, self.coarser)
        if exact is None:
            return
        right = judge.floats(exact)
        local = _Errors(judge.differences(z, exact), values, right)
        local.add_to(errors.local, self.grid)
        with np.errstate(invalid="ignore", over="ignore"):
            handed_on = total.differences - local.differences
        inherited = _Errors(handed_on, right, true)
        inherited.add_to(errors.inherited, self.coarser, where=total.finite & local.finite)
        handed = max(self._handed(application, truth, number), default=0.0)
        if handed:
            errors.amplification = max(errors.amplification, inherited.relative / handed)

    def _count_specials(
        self, errors: OperationErrors, application: TracedOperation, values: Floats
    ) -> None:
        infinite, nan = int(np.isinf(values).sum()), int(np.isnan(values).sum())
        errors.inf += infinite
        errors.nan += nan
        operands = (floats_of(self.judge.own, x) for _, x in numbers_of(application))
        if infinite + nan and all(np.isfinite(x).all() for x in operands):
            errors.born += infinite + nan

    def _handed(
        self, application: TracedOperation, truth: ReferenceStep, number: int
    ) -> Iterator[float]:
        """The relative errors of the operands, as norms."""
        for k, x in numbers_of(application):
            values, true = floats_of(self.judge.own, x), truth.operand(number, k)
            with np.errstate(invalid="ignore", over="ignore"):
                differences = values - true
            yield _Errors(differences, values, true).relative


class _Errors:
    """How far numbers are from what they ought to be, and which of both are finite."""

    def __init__(self, differences: Floats, values: Floats, right: Floats) -> None:
        self.differences, self.values, self.right = differences, values, right
        self.finite = np.isfinite(values) & np.isfinite(right) & np.isfinite(differences)

    @property
    def relative(self) -> float:
        """The norm of the errors by that of what ought to be, over finite numbers."""
        tally = ErrorStats()
        kept = self.finite
        errors, values, right = (x[kept] for x in (self.differences, self.values, self.right))
        tally.add(np.zeros(errors.shape), errors, values, right)
        return tally.relative

    def add_to(self, tally: ErrorStats, grid: UlpScale, where: Any = True) -> None:
        """Count the errors of finite numbers."""
        kept = self.finite & where
        errors, values, right = (x[kept] for x in (self.differences, self.values, self.right))
        tally.add(grid.ulps(errors, values, right), errors, values, right)
