"""The errors of a step's products by layer, each in its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.exact_array import ExactArray
from numlean.analysis.drift.product_split import (
    PARTS,
    ComputedProduct,
    ProductSplit,
    split_product,
)
from numlean.analysis.drift.sources import Sources
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.scalar.product_scope import Multiplied, Product
from numlean.scalar.protocol import Numbers
from numlean.scalar.wrappers.tracing import TracedOperation

ProductKey: TypeAlias = tuple[str, str]
"""A layer, and which of its products: ``forward``, ``input_gradient`` or ``weight_gradient``."""

TOTAL: Final = "total"


@dataclass
class ProductErrors:
    """The local errors of all calls of a product of a layer.

    Attributes:
        total: Results against the exact product of the operands before they were rounded.
        quantisation: The part of the total that rounding and scaling the operands adds.
        accumulation: The part that the products and the sums add.
        output: The part that rounding the sums adds.
        calls: The number of calls.
        ulp_of: The format whose ulps the errors in ulps are: that of the results.
    """

    total: ErrorStats = field(default_factory=ErrorStats)
    quantisation: ErrorStats = field(default_factory=ErrorStats)
    accumulation: ErrorStats = field(default_factory=ErrorStats)
    output: ErrorStats = field(default_factory=ErrorStats)
    calls: int = 0
    ulp_of: str = ""

    @property
    def parts(self) -> dict[str, ErrorStats]:
        """The parts of the total by name."""
        return {part: getattr(self, part) for part in PARTS}

    @property
    def largest_part(self) -> str:
        """The name of the part with the greatest relative error."""
        return max(self.parts, key=lambda part: _size(self.parts[part]))

    def add(self, split: ProductSplit, result: ExactArray, scale: UlpScale) -> None:
        """Count the errors of one call."""
        kept = split.measured
        values, expected = result.floats()[kept], split.exact.floats()[kept]
        for part in (TOTAL, *PARTS):
            errors = getattr(split, part).floats()[kept]
            ulps = scale.ulps(errors, values, expected)
            getattr(self, part).add(ulps, errors, values, expected)
        for part, where in split.infinite.items():
            count = int(where.sum())
            getattr(self, part).add_specials(infinite=count, unknown=0)
            self.total.add_specials(infinite=count, unknown=0)
        self.calls += 1
        self.ulp_of = scale.name

    def merge(self, other: ProductErrors) -> None:
        """Add the counts of another one."""
        for part in (TOTAL, *PARTS):
            getattr(self, part).merge(getattr(other, part))
        self.calls += other.calls
        self.ulp_of = other.ulp_of

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        parts = {part: getattr(self, part).as_plain() for part in (TOTAL, *PARTS)}
        return {"calls": self.calls, "ulp_of": self.ulp_of, **parts}


def _size(stats: ErrorStats) -> float:
    return float(np.nan_to_num(stats.relative, nan=np.inf, posinf=np.inf))


def product_errors(trace: Sequence[TracedOperation]) -> dict[ProductKey, ProductErrors]:
    """Return the errors of a step's products in the order in which each is computed first.

    Products of a run in one arithmetic have no parts to separate, and are left out.
    """
    sources, found = Sources(trace), dict[ProductKey, ProductErrors]()
    seen: set[int] = set()
    for op in trace:
        product = op.product
        if product is None or product.rule is None or id(product) in seen:
            continue
        seen.add(id(product))
        layer = op.place.layer
        computed = computed_product(product, [sources.of(each, layer) for each in product.operands])
        errors = found.setdefault((layer, product.rule.role), ProductErrors())
        result = computed.result
        scale = UlpScale.of(result.scalar)
        errors.add(split_product(computed), ExactArray.of(*result), scale)
    return found


def computed_product(product: Product, source: Sequence[Numbers]) -> ComputedProduct:
    """Return a traced product with the operands from which its own were rounded."""
    assert product.result is not None  # as the step is complete
    return ComputedProduct(
        tuple(Multiplied(each) for each in source), product.multiplied, product.sums, product.result
    )
