"""The comparison of all operations of one kind, as a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

import numpy as np

from numlean.analysis.lockstep import Divergence
from numlean.interop.torch.distances import differing, relative_difference, ulps
from numlean.scalar.protocol import Scalar
from numlean.scalar.shapes import axes_of
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.text_table import align_rows

_TITLES: Final = (
    *("phase", "operation", "calls", "elements", "differ", "relative", "max ulp", "mean ulp"),
)


@dataclass(frozen=True)
class OperationComparison:
    """The comparison of all operations of one kind in one phase.

    Attributes:
        phase: ``data``, ``forward``, ``backward`` or ``update``.
        kind: The operation with the number of terms of its sums: ``matmul 32x64x10``, ``sum of
            10``.
        calls: The number of calls.
        elements: The number of results.
        differing: The number of results that PyTorch computes differently from the same operands.
        max_ulp: The greatest distance between two results, in steps of the format.
        mean_ulp: The mean distance over all elements.
        first: The first element that differs; None if all are equal.
        relative: The norm of the differences of a call's results, divided by the greater norm of
            both results; the greatest of all calls. Unlike ulps, it is small for sums that cancel.
    """

    phase: str
    kind: str
    calls: int = 0
    elements: int = 0
    differing: int = 0
    max_ulp: float = 0.0
    mean_ulp: float = 0.0
    first: Divergence | None = None
    relative: float = 0.0

    @property
    def share(self) -> float:
        """The fraction of the elements that differ."""
        return self.differing / self.elements if self.elements else 0.0

    def extend(
        self, scalar: Scalar, ours: TracedOperation, theirs: TracedOperation
    ) -> OperationComparison:
        """Return the row with one more call of ours, and PyTorch's from the same operands."""
        x, y = np.asarray(ours.result), np.asarray(theirs.result)
        mask = differing(scalar, x, y)
        distances = ulps(scalar, x[mask], y[mask])
        elements = self.elements + x.size
        total = self.mean_ulp * self.elements + float(distances.sum())
        return replace(
            self,
            calls=self.calls + 1,
            elements=elements,
            differing=self.differing + int(mask.sum()),
            max_ulp=max(self.max_ulp, float(distances.max(initial=0.0))),
            mean_ulp=total / max(elements, 1),
            relative=max(self.relative, relative_difference(scalar, x, y)),
        )


def kind_of(op: TracedOperation) -> str:
    """Return the operation's name, with the extents of a product or the terms of a sum."""
    name, operands = op.operation, op.operands
    if name in ("matmul", "bmm"):
        a, b = operands
        return f"{name} {'x'.join(map(str, (*a.shape, b.shape[-1])))}"
    if name in ("sum", "max", "argmax"):
        default = None if name == "sum" else -1
        axis = operands[1] if len(operands) > 1 else op.options.get("axis", default)
        extents = (operands[0].shape[k] for k in axes_of(axis, operands[0].ndim))
        return f"{name} of {prod(extents)}"
    return name


def as_text(rows: Sequence[OperationComparison]) -> list[str]:
    """Return the lines of a table, its titles first."""
    return align_rows([_TITLES, *map(_cells, rows)], "<<>")


def _cells(row: OperationComparison) -> tuple[str, ...]:
    counts = (f"{row.calls:,}", f"{row.elements:,}", f"{row.share:.2%}")
    ulps = (f"{row.max_ulp:.6g}", f"{row.mean_ulp:.3g}")
    return row.phase, row.kind, *counts, f"{row.relative:.3g}", *ulps
