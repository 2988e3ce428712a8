"""What a step of a run by a policy did to each operand that it scales and rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

from numlean.precision import Contraction
from numlean.precision.blocks import BlockStatistics
from numlean.precision.scaling.operand import ScaledOperand
from numlean.precision.scaling.operand_statistics import operand_statistics, scale_dtype
from numlean.scalar.wrappers.tracing import TracedOperation

QuantisationKey: TypeAlias = tuple[str, str, str]
"""A layer, which of its products, and which operand: ``input``, ``weight`` or ``gradient``; in a
product without a weight, ``left``, ``right`` or ``gradient``."""


@final
@dataclass(frozen=True)
class Quantisation:
    """What was done to an operand of a layer's product, in all its calls.

    Attributes:
        element: The dtype of its elements.
        scale: The dtype of its scales.
        scaling: Which numbers share a scale, and what it follows from.
        granularity: Which numbers share a scale.
        statistics: The shares, scales and errors.
    """

    element: str
    scale: str
    scaling: str
    granularity: str
    statistics: BlockStatistics

    @property
    def format(self) -> str:
        """The elements, scales and blocks in short: ``e2m1/e8m0 1x32``."""
        blocks = self.granularity.removeprefix("block(").removesuffix(")")
        return f"{self.element.partition('@')[0]}/{self.scale} {blocks}"

    def merged(self, other: Quantisation) -> Quantisation:
        """Return the same with further calls."""
        return replace(self, statistics=self.statistics.merged(other.statistics))

    def of_step(self, seed: int, step: int) -> Quantisation:
        """Return the same, whose worst blocks name a step."""
        return replace(self, statistics=self.statistics.of_step(seed, step))

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        names = {"element": self.element, "scale": self.scale, "scaling": self.scaling}
        return {**names, **self.statistics.as_plain()}


def quantisations(trace: Sequence[TracedOperation]) -> dict[QuantisationKey, Quantisation]:
    """Return what a step did to operands, in the order in which each is multiplied first."""
    found: dict[QuantisationKey, Quantisation] = {}
    seen: set[int] = set()
    for op in trace:
        product = op.product
        if product is None or id(product) in seen:
            continue
        seen.add(id(product))
        rule = product.rule
        if not isinstance(rule, Contraction):
            continue
        operands = zip(rule.sides, (rule.left, rule.right), product.multiplied, strict=False)
        for side, operand, multiplied in operands:
            rows = multiplied.quantized
            if rows is None or not isinstance(operand, ScaledOperand):
                continue
            one = Quantisation(
                operand.scalar.name,
                scale_dtype(operand),
                str(operand.scaling),
                str(operand.scaling.granularity),
                operand_statistics(operand, rows),
            )
            key = (op.place.layer, rule.role, side)
            found[key] = found[key].merged(one) if key in found else one
    return found
