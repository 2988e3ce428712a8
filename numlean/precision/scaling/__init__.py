"""Scaled operands of contractions: tensor, row and block scales, current or delayed."""

from numlean.precision.scaling.delayed import DelayedState
from numlean.precision.scaling.observation import observe_cotangent, observed_amax
from numlean.precision.scaling.operand import Operand, ScaledOperand
from numlean.precision.scaling.quantized import Quantized
from numlean.precision.scaling.scaling import (
    ROW,
    TENSOR,
    Current,
    Delayed,
    Granularity,
    Int8,
    Scaling,
)
from numlean.precision.scaling.scaling_text import scaling_named

__all__ = [
    "ROW",
    "TENSOR",
    "Current",
    "Delayed",
    "DelayedState",
    "Granularity",
    "Int8",
    "Operand",
    "Quantized",
    "ScaledOperand",
    "Scaling",
    "observe_cotangent",
    "observed_amax",
    "scaling_named",
]
