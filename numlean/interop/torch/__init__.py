"""PyTorch beside numlean: which of its operations give other bits, and how far training drifts."""

from numlean.interop.torch.comparison import Comparison, Row, compare
from numlean.interop.torch.scalar import TorchScalar

__all__ = [
    "Comparison",
    "Row",
    "TorchScalar",
    "compare",
]
