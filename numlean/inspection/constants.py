"""The constants of expressions, as texts and enclosures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mpmath import libmp

from numlean.scalar.exact import Exact

_SLACK_BITS: Final = 8
_APPROXIMATE: Final[dict[str, Callable[[int], Exact]]] = {
    "pi": libmp.mpf_pi,
    "e": libmp.mpf_e,
}


def enclose_constant(name: str, precision: int) -> tuple[Exact, Exact]:
    """Return two numbers with a constant between them, at a distance below 2**-precision."""
    value = _APPROXIMATE[name](precision + 2 * _SLACK_BITS)
    radius = libmp.mpf_shift(libmp.fone, -precision - _SLACK_BITS)
    return libmp.mpf_sub(value, radius), libmp.mpf_add(value, radius)


def constant_text(name: str, precision: int) -> str:
    """Return a hexadecimal that rounds as a constant does, to ``precision`` bits.

    The constants are irrational, so bits follow wherever the text is cut.
    """
    bits = precision + 128
    low, high = enclose_constant(name, bits + 64)
    whole = int(libmp.to_int(libmp.mpf_shift(low, bits)))
    assert whole == int(libmp.to_int(libmp.mpf_shift(high, bits)))
    return f"{whole << 1 | 1:#x}p-{bits + 1}"
