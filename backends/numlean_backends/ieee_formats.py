"""The formats that are emulated by the same routines as ieee32exec: named ones, and by parameters.

A module attribute with the name of a named format's dtype is its backend: ``bfloat16``, ``e4m3``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from numlean.errors import NumleanError
from numlean.scalar.dtype import Dtype
from numlean.scalar.registry import ScalarBackend
from numlean_backends.emulated import emulated_backend
from numlean_kernels.formats import NAMED, Format, parse_format, parse_p3109

_NAMED: Final = {each.name: each for each in NAMED}
_MADE: Final[dict[str, ScalarBackend]] = {}


def __getattr__(name: str) -> ScalarBackend:
    """Return the backend of a named format; it is made once."""
    if name not in _NAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _MADE:
        named = _NAMED[name]
        summary = f"{named.summary}, emulated in integer arithmetic"
        _MADE[name] = emulated_backend(name, summary, named.format)
    return _MADE[name]


def _parametric(parse: Callable[[str], Format], spec: Dtype) -> Format:
    try:
        return parse(spec.argument or "")
    except ValueError as error:
        raise NumleanError(f"dtype {spec.text!r}: {error}") from None


ieee: Final = emulated_backend(
    "ieee:eXmY",
    "X exponent bits (2 to 11) and Y trailing significand bits (1 to 52), emulated",
    partial(_parametric, parse_format),
)
p3109: Final = emulated_backend(
    "p3109:K.P",
    "IEEE P3109: K bits (3 to 16), precision P; then u: unsigned, f: without infinities; emulated",
    partial(_parametric, parse_p3109),
)
