"""Hardware binary64."""

from __future__ import annotations

from numlean.scalar.registry import ScalarBackend
from numlean_backends.hardware import hardware_backend
from numlean_kernels.formats import BINARY64

scalar: ScalarBackend = hardware_backend("float64", BINARY64)
