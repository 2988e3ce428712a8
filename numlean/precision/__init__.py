"""Programs in several arithmetics: contractions with operands, sums and results of their own."""

from numlean.precision.accumulation import Accumulation, Blocked, Fused, Ordered, Pairwise
from numlean.precision.accumulation_text import accumulation_named
from numlean.precision.contraction import Contraction, contract
from numlean.precision.product import LayerPrecision, linear, product
from numlean.precision.scaling import ScaledOperand, Scaling, scaling_named

__all__ = [
    "Accumulation",
    "Blocked",
    "Contraction",
    "Fused",
    "LayerPrecision",
    "Ordered",
    "Pairwise",
    "ScaledOperand",
    "Scaling",
    "accumulation_named",
    "contract",
    "linear",
    "product",
    "scaling_named",
]
