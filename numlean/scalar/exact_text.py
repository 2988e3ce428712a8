"""The two text forms of exact values, and the text of a single number that reads back exactly.

C's form ``-0x1.8p+1`` is for people and for ``from_string``. The fields ``1:3:0`` (sign, odd
significand and exponent, the last two in hexadecimal) are for files and digests.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.exact import Exact, exact_of
from numlean.scalar.long_integers import text_of_int
from numlean.scalar.protocol import Scalar, Storage

_FIELDS: Final = re.compile("([01]):([0-9a-f]+):(-?[0-9a-f]+)")


def format_c_hex(value: Exact) -> str:
    """Return a finite value as C's %a writes it, with no more digits than needed: 0x1.8p+1."""
    if value.significand == 0:
        return "0x0p+0"
    fraction_bits = value.bits - 1
    digits = -(-fraction_bits // 4)
    shifted = int(value.significand) << (4 * digits - fraction_bits)
    fraction = f".{shifted & ((1 << 4 * digits) - 1):0{digits}x}" if digits else ""
    power = int(value.exponent) + fraction_bits
    return f"{'-' * value.sign}0x1{fraction}p{'' if power < 0 else '+'}{text_of_int(power)}"


def format_fields(value: Exact) -> str:
    """Return the sign, the significand and the exponent of a value, in hexadecimal: 1:3:-1."""
    return f"{value.sign:d}:{int(value.significand):x}:{int(value.exponent):x}"


def parse_fields(text: str) -> Exact:
    """Return the value that ``format_fields`` wrote.

    Raises:
        NumleanError: The text does not have this form.
    """
    match = _FIELDS.fullmatch(text)
    if match is None:
        raise NumleanError(f"{text[:80]!r} is not of the form sign:significand:exponent")
    from mpmath import libmp

    significand = int(match[2], 16) * (-1 if match[1] == "1" else 1)
    return Exact(*libmp.from_man_exp(significand, int(match[3], 16)))


def format_hex(scalar: Scalar, number: Storage) -> str:
    """Return a number's encoding, or where there is none its value as C's %a: both hexadecimal.

    Args:
        scalar: The number's arithmetic.
        number: A storage array of one element.
    """
    data = number.reshape(1)
    if scalar.format is not None:
        digits = -(-scalar.format.width // 4)
        return f"{int(scalar.to_bits(data)[0]):#0{2 + digits}x}"
    (value,) = scalar.to_exact(data)
    exact = exact_of(value)
    return format_c_hex(exact) if exact.is_finite else str(value)


def parse_hex(text: str, scalar: Scalar) -> Storage:
    """Return the number that ``format_hex`` wrote, as an array of shape (1,).

    Raises:
        NumleanError: The text is not a number of the Scalar.
    """
    if scalar.format is None:
        return scalar.from_string([text])
    try:
        bits = int(text, 16)
    except ValueError:
        bits = -1
    if not 0 <= bits < 1 << scalar.format.width:
        raise NumleanError(f"{text!r:.80} is not an encoding of {scalar.name}")
    return scalar.from_bits(np.array([bits], np.uint64))
