"""Programs in several arithmetics: contractions with operands, sums and results of their own."""

from numlean.precision.accumulation import (
    Accumulation,
    Blocked,
    Exact,
    Fused,
    Ordered,
    Pairwise,
    QuireAccumulation,
    RoundedAccumulation,
)
from numlean.precision.accumulation_text import accumulation_named
from numlean.precision.block_products import block_dot, block_matmul
from numlean.precision.contraction import Contraction, contract
from numlean.precision.layer_product import LayerPrecision, linear, product
from numlean.precision.loss_scaling import LossScaling
from numlean.precision.policy import ContractionRule, Policy, PolicyError
from numlean.precision.policy_text import format_policy, parse_policy, policy_digest
from numlean.precision.scaling import ScaledOperand, Scaling, scaling_named
from numlean.precision.unit_accumulation import Unit

__all__ = [
    "Accumulation",
    "Blocked",
    "Contraction",
    "ContractionRule",
    "Exact",
    "Fused",
    "LayerPrecision",
    "LossScaling",
    "Ordered",
    "Pairwise",
    "Policy",
    "PolicyError",
    "QuireAccumulation",
    "RoundedAccumulation",
    "ScaledOperand",
    "Scaling",
    "Unit",
    "accumulation_named",
    "block_dot",
    "block_matmul",
    "contract",
    "format_policy",
    "linear",
    "parse_policy",
    "policy_digest",
    "product",
    "scaling_named",
]
