"""What becomes of operations of one kind, as a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

import numpy as np

from numlean.analysis.lockstep import Divergence
from numlean.interop.torch.distances import differing, ulps
from numlean.scalar.protocol import Scalar
from numlean.scalar.shapes import axes_of
from numlean.scalar.wrappers.tracing import TracedOperation

_TITLES: Final = ("phase", "operation", "applied", "elements", "differ", "max ulp", "mean ulp")


@dataclass(frozen=True)
class Row:
    """What became of all operations of one kind in one phase.

    Attributes:
        phase: ``data``, ``forward``, ``backward`` or ``update``.
        kind: The operation, and how many terms its sums have: ``matmul 32x64x10``, ``sum of 10``.
        applications: How often it was applied.
        elements: How many numbers it gave.
        differing: How many of them PyTorch computes otherwise from the same operands.
        max_ulp: The most numbers of the format between the two results.
        mean_ulp: How many there are on average, over all elements.
        first: The first element that differs; None if there is none.
    """

    phase: str
    kind: str
    applications: int = 0
    elements: int = 0
    differing: int = 0
    max_ulp: float = 0.0
    mean_ulp: float = 0.0
    first: Divergence | None = None

    @property
    def share(self) -> float:
        """The share of the elements that differ."""
        return self.differing / self.elements if self.elements else 0.0

    def extended(self, scalar: Scalar, ours: TracedOperation, theirs: TracedOperation) -> Row:
        """The same with one more application of ours, and theirs from the same operands."""
        x, y = np.asarray(ours.result), np.asarray(theirs.result)
        mask = differing(scalar, x, y)
        distances = ulps(scalar, x[mask], y[mask])
        elements = self.elements + x.size
        total = self.mean_ulp * self.elements + float(distances.sum())
        return replace(
            self,
            applications=self.applications + 1,
            elements=elements,
            differing=self.differing + int(mask.sum()),
            max_ulp=max(self.max_ulp, float(distances.max(initial=0.0))),
            mean_ulp=total / max(elements, 1),
        )


def kind_of(application: TracedOperation) -> str:
    """The operation's name, with the extents of a product, the number of terms of a sum."""
    name, operands = application.operation, application.operands
    if name in ("matmul", "bmm"):
        a, b = operands
        return f"{name} {'x'.join(map(str, (*a.shape, b.shape[-1])))}"
    if name in ("sum", "max", "argmax"):
        default = None if name == "sum" else -1
        axis = operands[1] if len(operands) > 1 else application.options.get("axis", default)
        extents = (operands[0].shape[k] for k in axes_of(axis, operands[0].ndim))
        return f"{name} of {prod(extents)}"
    return name


def as_text(rows: Sequence[Row]) -> list[str]:
    """The lines of a table, its titles first."""
    table = [_TITLES, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [_line(cells, widths) for cells in table]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Two columns to the left, the others to the right."""
    padded = [
        f"{text:<{width}}" if column < 2 else f"{text:>{width}}"
        for column, (text, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded)


def _cells(row: Row) -> tuple[str, ...]:
    counts = (f"{row.applications:,}", f"{row.elements:,}", f"{row.share:.2%}")
    return row.phase, row.kind, *counts, f"{row.max_ulp:.6g}", f"{row.mean_ulp:.3g}"
