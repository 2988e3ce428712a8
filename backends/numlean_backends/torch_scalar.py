"""Hardware floats with PyTorch's operations: an arithmetic for comparisons, not to rely on."""

from __future__ import annotations

from numlean.interop.torch import TorchScalar
from numlean.scalar.dtype import Dtype
from numlean.scalar.registry import ScalarBackend, get_scalar
from numlean_kernels.formats import BINARY32, BINARY64, Format


def _backend(pattern: str, inner: str, format: Format) -> ScalarBackend:
    def make(spec: Dtype, device: str) -> TorchScalar:
        return TorchScalar(get_scalar(inner, device), spec.text)

    return ScalarBackend(
        pattern=pattern,
        summary=f"{format.name} by PyTorch, whose results are not specified (extra: torch)",
        devices=("cpu",),
        make=make,
        format=format,
        needs=("torch",),
    )


torch32: ScalarBackend = _backend("torch32", "float32", BINARY32)
torch64: ScalarBackend = _backend("torch64", "float64", BINARY64)
