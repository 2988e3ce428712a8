"""binary32 in integer arithmetic only: the executable specification, at vector speed."""

from __future__ import annotations

from typing import Final

from numlean.scalar.registry import ScalarBackend
from numlean_backends.emulated import emulated_backend
from numlean_kernels.formats import BINARY32

scalar: Final[ScalarBackend] = emulated_backend(
    "ieee32exec",
    "binary32 emulated in integer arithmetic, bit for bit IEEE 754",
    BINARY32,
)
