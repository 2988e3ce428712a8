"""The Scalar: number formats and their arithmetic on arrays."""

from numlean.scalar.dtype import Dtype
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Scalar, Storage
from numlean.scalar.registry import ScalarBackend, get_scalar, scalars

__all__ = [
    "Axis",
    "Contraction",
    "Dtype",
    "Flags",
    "Indices",
    "Order",
    "Scalar",
    "ScalarBackend",
    "Storage",
    "get_scalar",
    "scalars",
]
