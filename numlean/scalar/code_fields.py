"""The fields of a code: which of its bits are sign, exponent, regime and fraction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from numlean.scalar.innermost import innermost
from numlean.scalar.protocol import Scalar
from numlean_kernels.fixed.formats import FixedArithmetic
from numlean_kernels.logarithmic.formats import LogArithmetic
from numlean_kernels.tapered.formats import Posit, Takum

KINDS: Final = ("sign", "direction", "regime", "exponent", "integer", "fraction")
"""Every kind of field."""

COLOURS: Final = {
    "sign": "#c0392b",
    "direction": "#a04000",
    "regime": "#8e44ad",
    "exponent": "#1e8449",
    "integer": "#1e8449",
    "fraction": "#2471a3",
}
"""The colour of each kind, which can be read on white and on black, for notebooks."""

_DIRECTION_BITS: Final = 1
_COUNT_BITS: Final = 3


@dataclass(frozen=True)
class Field:
    """Some adjacent bits of a code.

    Attributes:
        kind: One of ``KINDS``.
        bits: The bits, as text.
    """

    kind: str
    bits: str


def code_width(scalar: Scalar) -> int | None:
    """Return the number of bits of a number's encoding or code; None if it has none."""
    if scalar.format is not None:
        return scalar.format.width
    width: int | None = getattr(codec_of(scalar), "code_width", None)
    return width


def codec_of(scalar: Scalar) -> Any:
    """Return the codec of a Scalar that has one; else None."""
    return getattr(innermost(scalar), "codec", None)


def fields_of(scalar: Scalar, code: int) -> tuple[Field, ...]:
    """Return the fields of a code, from the most significant bit on; a field may not be empty."""
    width = code_width(scalar)
    assert width is not None
    text, found, start = f"{code:0{width}b}", list[Field](), 0
    for kind, size in _sizes(scalar, text):
        bits = text[start : start + size]
        start += size
        if bits:
            found.append(Field(kind, bits))
    return tuple(found)


def _sizes(scalar: Scalar, text: str) -> Iterator[tuple[str, int]]:
    format = scalar.format
    if format is not None:
        yield "sign", int(format.is_signed)
        yield "exponent", format.exponent_bits
        yield "fraction", format.trailing_bits
        return
    codec = codec_of(scalar)
    codes = getattr(codec, "codes", None)
    match codes if codes is not None else getattr(codec, "arithmetic", None):
        case Posit(exponent_size=size):
            yield from _of_posit(text, size)
        case Takum():
            yield from _of_takum(text)
        case FixedArithmetic(format=fixed):
            yield "sign", int(fixed.is_signed)
            yield "integer", fixed.integer_bits - int(fixed.is_signed)
            yield "fraction", fixed.fraction_bits
        case LogArithmetic(format=log):
            # L is a fixed-point number: its integer part is the exponent.
            yield "sign", 1
            yield "exponent", log.integer_bits
            yield "fraction", log.fraction_bits
        case _:
            yield "fraction", len(text)  # a plug-in's code, whose fields are unknown


def _of_posit(text: str, exponent_size: int) -> Iterator[tuple[str, int]]:
    """Yield the fields of the Posit Standard (2022), section 3.3, which hold for both signs."""
    rest = text[1:]
    run = len(rest) - len(rest.lstrip(rest[0]))
    yield "sign", 1
    yield "regime", run + 1
    yield "exponent", exponent_size
    yield "fraction", len(text)


def _of_takum(text: str) -> Iterator[tuple[str, int]]:
    yield "sign", 1
    yield "direction", _DIRECTION_BITS
    yield "regime", _COUNT_BITS
    head = text[2:5].ljust(_COUNT_BITS, "0")
    count = int(head, 2)
    yield "exponent", count if text[1] == "1" else (1 << _COUNT_BITS) - 1 - count
    yield "fraction", len(text)
