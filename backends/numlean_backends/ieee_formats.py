"""Every other IEEE format, and OCP's two of 8 bits, by the same routines as ieee32exec."""

from __future__ import annotations

from typing import Final

from numlean.errors import NumleanError
from numlean.scalar.dtype import Dtype
from numlean.scalar.registry import ScalarBackend
from numlean_backends.emulated import emulated_backend
from numlean_kernels.formats import (
    BFLOAT16,
    BINARY16,
    BINARY64,
    E4M3,
    E5M2,
    TF32,
    Format,
    parse_format,
)


def _named(format: Format, name: str, what: str) -> ScalarBackend:
    return emulated_backend(name, f"{what}, emulated in integer arithmetic", format)


def _parametric(spec: Dtype) -> Format:
    try:
        return parse_format(spec.argument or "")
    except ValueError as error:
        raise NumleanError(f"dtype {spec.text!r}: {error}") from None


binary16: Final = _named(BINARY16, "binary16", "IEEE half precision, e5m10")
bfloat16: Final = _named(BFLOAT16, "bfloat16", "the upper half of binary32, e8m7")
tf32: Final = _named(TF32, "tf32", "the 19 bits of TF32, e8m10")
e5m2: Final = _named(E5M2, "e5m2", "OCP 8-bit format with infinities")
e4m3: Final = _named(E4M3, "e4m3", "OCP 8-bit format without infinities, up to 448")
binary64exec: Final = _named(BINARY64, "binary64exec", "IEEE double precision")
ieee: Final = emulated_backend(
    "ieee:eXmY",
    "X exponent bits (2 to 11) and Y trailing significand bits (1 to 52), emulated",
    _parametric,
)
