"""Hardware binary64."""

from __future__ import annotations

from numlean.scalar.registry import Backend
from numlean_backends.hardware import hardware_backend
from numlean_kernels.formats import BINARY64

scalar: Backend = hardware_backend("float64", BINARY64)
