"""Hardware binary32."""

from __future__ import annotations

from numlean.scalar.registry import ScalarBackend
from numlean_backends.hardware import hardware_backend
from numlean_kernels.formats import BINARY32

scalar: ScalarBackend = hardware_backend("float32", BINARY32)
