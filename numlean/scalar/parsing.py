"""Texts as exact values: decimals, hexadecimals, fractions, infinities and NaNs.

``from_string`` and expressions read numbers by this module alone. Exponents and digits may be of
any size; the value is cut to the bits that rounding needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.scalar.decimal_powers import cut, cut_quotient
from numlean.scalar.decimals import exponent_digits
from numlean.scalar.exact import Exact
from numlean.scalar.long_integers import int_of_digits
from numlean_kernels.formats import Format

LONGEST_TEXT: Final = 1_000_000
"""The most characters of a number."""

_ZERO: Final[Exact] = libmp.fzero
_GUARD_BITS: Final = 64
_LONG_EXPONENT: Final[int] = 10**1000
_BEYOND_EVERY_FORMAT: Final = 10_000
"""Numbers beyond ten to this power, or its negative, round alike in every format."""

_SHORT_TEXT: Final = 1000
_SHORT_EXPONENT: Final = re.compile(
    r"[+-]?(?:[0-9.]+(?:[eE][+-]?\d{1,4})?|0[xX][0-9a-fA-F.]+(?:[pP][+-]?\d{1,4})?)", re.ASCII
)

_DECIMAL: Final = re.compile(r"(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)
_HEXADECIMAL: Final = re.compile(
    r"0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?", re.ASCII
)
_FRACTION: Final = re.compile(r"(\d+)/(\d+)", re.ASCII)
_NAN: Final = re.compile(r"(s?)nan(?:\((0x[0-9a-f]+|\d+)\))?", re.ASCII | re.IGNORECASE)
_INFINITIES: Final = ("inf", "infinity")


@dataclass(frozen=True)
class NanText:
    """A NaN as a text gives it: ``nan``, ``snan``, ``nan(0x12)`` (clause 5.12.1).

    Attributes:
        is_signalling: Whether it is ``snan``.
        payload: The number in parentheses; None without one.
    """

    is_signalling: bool
    payload: int | None

    @property
    def is_default(self) -> bool:
        """Whether it is the text ``nan``, which selects the format's default NaN."""
        return not self.is_signalling and self.payload is None

    def encoding(self, format: Format | None, text: str) -> int:
        """Return the encoding in a format, without its sign.

        Raises:
            NumleanError: The format has no such NaN.
        """
        if format is None or format.has_single_nan:
            name = "this arithmetic" if format is None else format.name
            raise NumleanError(f"{text!r:.80}: {name} has a single NaN at most; write nan")
        most = format.quiet_bit - 1
        payload = int(self.is_signalling) if self.payload is None else self.payload
        if not (1 if self.is_signalling else 0) <= payload <= most:
            which = "signalling NaNs" if self.is_signalling else "NaNs"
            has = f"payloads from 1 to {most:#x}" if most else "no payloads"
            raise NumleanError(f"{text!r:.80}: {which} of {format.name} have {has}")
        return format.infinity | (0 if self.is_signalling else format.quiet_bit) | payload


@dataclass(frozen=True)
class ParsedNumber:
    """A number that a text gives.

    Attributes:
        value: The value, cut to more bits than needed, the last of which is sticky; so rounding it
            once gives the rounded number. -0 is 0.
        negative: Whether the text has a minus sign.
        nan: The NaN, if it is one.
    """

    value: Exact
    negative: bool
    nan: NanText | None = None

    @property
    def is_minus_zero(self) -> bool:
        """Whether the number is -0, which an exact value cannot say."""
        return self.negative and self.value == libmp.fzero

    def enclosure(self, precision: int) -> tuple[Exact, Exact]:
        """Return two numbers with the value of the text between them; the same one if it is exact.

        ``precision`` is the one for which the text was parsed.
        """
        value = self.value
        if value[3] <= precision + _GUARD_BITS:
            return value, value
        unit = libmp.mpf_shift(libmp.fone, value[2])
        return libmp.mpf_sub(value, unit), libmp.mpf_add(value, unit)


def parse_number(text: str, precision: int, *, has_format: bool = True) -> ParsedNumber:
    """Return the number of a text, to be rounded once to ``precision`` bits.

    Args:
        text: The text; the module's docstring lists the forms.
        precision: The bits to which the value is going to be rounded.
        has_format: Whether it is going to be rounded to a format. All values beyond the range of
            every format then stand for one, whatever their exponents.

    Raises:
        NumleanError: The text is not a number, or is too long.
    """
    if not isinstance(text, str):
        raise NumleanError(f"a number is read from a text such as '0.1', not {text!r:.80}")
    if len(text) > LONGEST_TEXT:
        raise NumleanError(f"a number has at most {LONGEST_TEXT:,} characters, got {len(text):,}")
    stripped = text.strip()
    negative, unsigned = stripped.startswith("-"), re.sub(r"^[+-]", "", stripped)
    if match := _NAN.fullmatch(unsigned):
        return ParsedNumber(libmp.fnan, negative, NanText(bool(match[1]), _payload(match[2])))
    if unsigned.lower() in _INFINITIES:
        return ParsedNumber(libmp.fninf if negative else libmp.finf, negative)
    value = _magnitude(text, unsigned, precision + _GUARD_BITS, has_format)
    return ParsedNumber(libmp.mpf_neg(value) if negative else value, negative)


def rational_of(text: str) -> Fraction | None:
    """Return the exact value of a decimal or hexadecimal; None if it has many digits."""
    if len(text) > _SHORT_TEXT or not _SHORT_EXPONENT.fullmatch(text):
        return None
    if "x" not in text.lower():
        return Fraction(text)
    sign, significand, exponent, _ = parse_number(text, 4 * len(text), has_format=False).value
    value = int(significand) * Fraction(2) ** int(exponent)
    return -value if sign else value


def _magnitude(text: str, unsigned: str, bits: int, has_format: bool) -> Exact:
    if (match := _DECIMAL.fullmatch(unsigned)) and (match[1] or match[2]):
        significand, places = _digits(match[1], match[2] or "")
        digits, base = len(significand), 10
    elif (match := _HEXADECIMAL.fullmatch(unsigned)) and (match[1] or match[2]):
        significand, places = _digits(match[1], match[2] or "")
        digits, places, base = 4 * len(significand), 4 * places, 2
    elif (match := _FRACTION.fullmatch(unsigned)) and match[2].strip("0"):
        n, d = (int_of_digits(part) for part in match.groups())
        return cut_quotient(n, d, 0, bits) if n else _ZERO
    else:
        raise NumleanError(
            f"{text!r:.80} is not a number: write 0.1, -2.5e-3, 1/3, 0x1.8p-4, inf, nan or snan"
        )
    if not significand:
        return _ZERO
    exponent = _exponent(text, match[3] or "0", has_format) - places
    if has_format:
        # The value is 0.ddd... * base**(exponent + digits).
        most = _BEYOND_EVERY_FORMAT * (1 if base == 10 else 4)
        exponent = max(-most - digits, min(exponent, most))
    if base == 2:
        return cut_quotient(int(significand, 16), 1, exponent, bits)
    return cut(int_of_digits(significand), exponent, bits)


def _payload(text: str | None) -> int | None:
    if text is None:
        return None
    return int(text, 16) if text[:2].lower() == "0x" else int_of_digits(text)


def _digits(whole: str, fraction: str) -> tuple[str, int]:
    """Return the digits of a number without zeros at either end, and the places of the last."""
    digits = (whole + fraction).lstrip("0")
    significand = digits.rstrip("0")
    return significand, len(fraction) - (len(digits) - len(significand))


def _exponent(text: str, digits: str, has_format: bool) -> int:
    """Return an exponent; of a number that is rounded to a format, one of more than that."""
    sign, significant = -1 if digits.startswith("-") else 1, digits.lstrip("+-").lstrip("0")
    if len(significant) > exponent_digits():
        if has_format:
            return sign * _LONG_EXPONENT
        raise NumleanError(
            f"the exponent of {text!r:.40} has {len(significant):,} digits; an arithmetic with"
            f" unbounded exponents takes at most {exponent_digits():,}"
        )
    return sign * int_of_digits(significant)
