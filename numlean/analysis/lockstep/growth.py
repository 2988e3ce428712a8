"""The growth of the difference of two runs, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.analysis.lockstep.comparison import Differing
from numlean.analysis.lockstep.number_set import BINARY64_NUMBERS, NumberSet
from numlean.analysis.lockstep.states import RunState
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar
from numlean.text_table import TextTable

_ROWS: Final = 12
"""The greatest number of steps that a table shows."""

GROWTH_TITLE: Final = (
    "Growth of the difference of all parameters and buffers (relative: norm of the difference"
    " divided by the greater norm)"
)


@dataclass(frozen=True)
class GrowthPoint:
    """The difference of two runs after a step.

    Attributes:
        step: The step, from 0.
        differing: The share of the numbers of all parameters and buffers that differ.
        relative: The norm of the differences of all of them, divided by the greater norm of both;
            None if a number is not finite.
        loss_a: The exact mean loss of a's outputs for the batch, before the update.
        loss_b: The same of b's.
    """

    step: int
    differing: float
    relative: float | None
    loss_a: float
    loss_b: float


def growth_point(
    step: int, states: Sequence[RunState], losses: Sequence[float], compare: Differing
) -> GrowthPoint:
    """Return the difference of two states after a step.

    Args:
        step: The step, from 0.
        states: The states of both runs.
        losses: The exact mean losses of both.
        compare: Returns where arrays differ.
    """
    a, b = states
    both = zip(a.parameters, b.parameters, strict=True)
    pairs = [(p, q) for p, q in both if p.scalar is not INDEX]
    masks = [compare(p.scalar, p.data, q.scalar, q.data) for p, q in pairs]
    count = sum(mask.size for mask in masks)
    return GrowthPoint(
        step,
        sum(int(mask.sum()) for mask in masks) / count if count else 0.0,
        _relative_distance(pairs),
        *losses,
    )


def growth_table(points: Sequence[GrowthPoint]) -> TextTable:
    """Return the growth as a table of few steps: the first, the last, and powers of two between."""
    rows = tuple(
        (
            str(point.step),
            f"{point.differing:.2%}",
            "not finite" if point.relative is None else f"{point.relative:.3g}",
            f"{point.loss_a:.6g}",
            f"{point.loss_b:.6g}",
        )
        for point in _chosen(points)
    )
    header = ("step", "share that differs", "relative difference", "loss of A", "loss of B")
    return TextTable(header, rows, ">", GROWTH_TITLE)


def _chosen(points: Sequence[GrowthPoint]) -> Iterator[GrowthPoint]:
    last = len(points) - 1
    places = {0, last} | {2**k - 1 for k in range(1, _ROWS)}
    places |= {round(last * k / _ROWS) for k in range(_ROWS)} if last > 2**_ROWS else set()
    for k in sorted(places):
        if 0 <= k <= last:
            yield points[k]


def _relative_distance(pairs: Sequence[tuple[Tensor, Tensor]]) -> float | None:
    found = [_arrays(p, q) for p, q in pairs]
    if not all(np.isfinite(x).all() for arrays in found for x in arrays):
        return None
    difference, one, other = (norm([arrays[k] for arrays in found]) for k in range(3))
    return difference / max(one, other) if difference else 0.0


def _arrays(a: Tensor, b: Tensor) -> tuple[Any, Any, Any]:
    """Return the differences of numbers, and both, as binary64."""
    x, y = a.to_float(), b.to_float()
    with np.errstate(invalid="ignore", over="ignore"):
        differences = x - y
    if not (_embeds(a.scalar) and _embeds(b.scalar)) and np.isfinite(differences).all():
        exact = a.scalar.to_exact(a.data) - b.scalar.to_exact(b.data)
        differences = np.array([float(value) for value in exact.flat])
    return differences, x, y


def _embeds(scalar: Scalar) -> bool:
    return BINARY64_NUMBERS.contains(NumberSet.of(scalar))


def norm(arrays: Sequence[Any]) -> float:
    """Return the Euclidean norm of all numbers, without overflow of their squares.

    Infinite only if a number is, or the norm exceeds binary64.
    """
    flat = np.concatenate([np.abs(x).reshape(-1) for x in arrays]) if arrays else np.zeros(0)
    greatest = float(flat.max(initial=0.0))
    if not greatest:
        return 0.0
    # Division by a power of two does not round.
    _, exponent = math.frexp(greatest)
    scaled = np.ldexp(np.ldexp(flat, -(exponent // 2)), exponent // 2 - exponent)
    with np.errstate(over="ignore"):
        return float(np.ldexp(np.sqrt((scaled**2).sum()), exponent))
