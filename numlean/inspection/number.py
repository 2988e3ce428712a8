"""A single number: its value, encoding, neighbours and error."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Final

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.pages.html import element
from numlean.scalar import work_limit
from numlean.scalar.code_fields import COLOURS
from numlean.scalar.exact import exact_of
from numlean.scalar.flags import Flags
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.work_limit import check_work
from numlean.text_table import TextTable, align_rows
from numlean_kernels.formats import Format
from numlean_kernels.ieee.classify import CLASSES

_FIELDS: Final = ("sign", "exponent", "fraction")
"""The fields of an encoding, from the left."""


@dataclass(frozen=True)
class Inspection:
    """The properties of one number.

    Attributes:
        scalar: The arithmetic's name.
        value: The exact decimal if it has at most 17 digits, else the shortest that is nearer to
            the number than to any other.
        exact: All digits of the value; abbreviated, with their count, if there are very many.
        hexadecimal: The value in the form of C's %a.
        encoding: The encoding and its fields: sign, biased exponent, trailing significand; None
            if the Scalar has no encoding.
        kind: The class of IEEE 754 clause 5.7.2; None without an encoding.
        below: The greatest lesser number; None without an encoding.
        above: The least greater number; None without an encoding.
        flags: The exceptions raised while the number was computed; None if they were not recorded.
        error_ulp: The distance from an exact result, in units of the last place; infinite for an
            infinity in place of a number; None if unknown.
        uncounted: The operations whose exceptions ``flags`` lacks, by name.
    """

    scalar: str
    value: str
    exact: str
    hexadecimal: str
    encoding: str | None = None
    kind: str | None = None
    below: str | None = None
    above: str | None = None
    flags: Flags | None = None
    error_ulp: float | None = None
    uncounted: tuple[str, ...] = ()

    def rows(self) -> dict[str, str]:
        """Return the known properties by name, as text."""
        error = None if self.error_ulp is None else f"{self.error_ulp:+.6g} ulp"
        rows = {
            "value": self.value,
            "exactly": self.exact,
            "hexadecimal": self.hexadecimal,
            "encoding": self.encoding,
            "class": self.kind,
            "next below": self.below,
            "next above": self.above,
            "flags": None if self.flags is None else self._flags_text(self.flags),
            "error": error,
        }
        return {name: text for name, text in rows.items() if text is not None}

    def _flags_text(self, flags: Flags) -> str:
        raised = ", ".join(name for name, count in flags.as_dict().items() if count) or "none"
        missing = f" (not counted: {', '.join(self.uncounted)})" if self.uncounted else ""
        return raised + missing

    def __str__(self) -> str:
        return "\n".join([self.scalar, *align_rows(self.rows().items(), indent="  ")])

    def _repr_html_(self) -> str:
        """Return the properties for notebooks, each field of the encoding in its colour."""
        rows = tuple(self.rows().items())
        shown = TextTable((), rows, title=self.scalar).to_html(row_headers=True)
        if self.encoding is None:
            return shown
        code, *fields = self.encoding.split()
        coloured = (
            element("span", bits, style=f"color: {COLOURS[kind]}")
            for bits, kind in zip(fields, _FIELDS, strict=False)
        )
        spans = " ".join(each.text for each in coloured)
        return shown.replace(f">{self.encoding}<", f"><code>{code} {spans}</code><", 1)


@checked
def inspect(
    x: Tensor,
    *,
    flags: Flags | None = None,
    error_ulp: float | None = None,
    uncounted: tuple[str, ...] = (),
    max_bits: int | None = None,
) -> Inspection:
    """Return the properties of a single number.

    Args:
        x: A tensor of one element.
        flags: The exceptions raised while it was computed, for display.
        error_ulp: The distance from the exact result, for display.
        uncounted: The operations whose exceptions the flags lack, for display.
        max_bits: The limit for the work of conversions to decimals, as in ``evaluate``.

    Raises:
        ShapeError: The tensor does not have exactly one element.
        NumleanError: The work exceeds the limit.
    """
    with work_limit.max_bits(max_bits):
        return inspect_within_limit(x, flags=flags, error_ulp=error_ulp, uncounted=uncounted)


def inspect_within_limit(
    x: Tensor, *, flags: Flags | None, error_ulp: float | None, uncounted: tuple[str, ...]
) -> Inspection:
    """Return the properties of a single number, as ``inspect`` does within the current limit."""
    if x.size != 1:
        raise ShapeError(f"inspect takes a single number, not a tensor of shape {x.shape}")
    # Imported here because they import mpmath, which numlean --help does not need.
    from numlean.inspection.digits import all_digits, readable
    from numlean.scalar.exact_text import format_c_hex

    scalar, data = x.scalar, x.data.reshape(1)
    exact = exact_of(scalar.to_exact(data)[0])
    exponent_bits = int(exact.exponent).bit_length() if exact.significand else 0
    check_work(f"a number of {exact.bits:,} bits", precision_of(scalar), 1)
    check_work(
        f"a number of {exact.bits:,} bits whose exponent has {exponent_bits:,} bits",
        int(exact.bits),
        exponent_bits,
    )
    text = readable(scalar, data)
    return Inspection(
        scalar=scalar.name,
        value=text,
        exact=all_digits(exact) if exact.significand else text,
        hexadecimal=format_c_hex(exact) if exact.significand else _hexadecimal_special(text),
        flags=flags,
        uncounted=uncounted,
        error_ulp=None if error_ulp is None or isnan(error_ulp) else error_ulp,
        **({} if scalar.format is None else _of_encoding(scalar, scalar.format, data)),
    )


def _hexadecimal_special(text: str) -> str:
    return text.replace("0.0", "0x0p+0")


def _of_encoding(scalar: Scalar, format: Format, data: Storage) -> dict[str, str]:
    """Return the properties that only numbers with an encoding have."""
    from numlean.inspection.digits import readable

    below, above = (
        readable(scalar, neighbour(data)) for neighbour in (scalar.next_down, scalar.next_up)
    )
    return {
        "encoding": format.format_bits(int(scalar.to_bits(data)[0])),
        "kind": CLASSES[int(scalar.classify(data)[0])],
        "below": below,
        "above": above,
    }
