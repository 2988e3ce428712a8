"""PyTorch beside numlean: which of its operations give other bits, and how far training drifts."""

from numlean.interop.torch._drift import Drift, FirstDifference, StepDrift, drift
from numlean.interop.torch.comparison import Comparison, compare
from numlean.interop.torch.network import to_loss, to_module, to_torch
from numlean.interop.torch.optimizers import to_optimizer
from numlean.interop.torch.rows import Row
from numlean.interop.torch.scalar import TorchScalar

__all__ = [
    "Comparison",
    "Drift",
    "FirstDifference",
    "Row",
    "StepDrift",
    "TorchScalar",
    "compare",
    "drift",
    "to_loss",
    "to_module",
    "to_optimizer",
    "to_torch",
]
