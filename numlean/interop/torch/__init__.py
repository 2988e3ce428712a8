"""PyTorch next to numlean: operations with other bits, drift of trainings, models with weights."""

from numlean.interop.torch._drift import Drift, FirstDifference, StepDrift, drift
from numlean.interop.torch.comparison import TorchComparison, compare
from numlean.interop.torch.imported import TorchModel, from_torch
from numlean.interop.torch.layer_comparison import (
    AutocastComparison,
    LayerComparison,
    LayerDifference,
)
from numlean.interop.torch.network import to_loss, to_module, to_torch
from numlean.interop.torch.optimizers import to_optimizer
from numlean.interop.torch.rows import OperationComparison
from numlean.interop.torch.scalar import TorchScalar

__all__ = [
    "AutocastComparison",
    "Drift",
    "FirstDifference",
    "LayerComparison",
    "LayerDifference",
    "OperationComparison",
    "StepDrift",
    "TorchComparison",
    "TorchModel",
    "TorchScalar",
    "compare",
    "drift",
    "from_torch",
    "to_loss",
    "to_module",
    "to_optimizer",
    "to_torch",
]
