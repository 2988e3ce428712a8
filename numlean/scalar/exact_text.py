"""A single number written down exactly, and read back."""

from __future__ import annotations

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar, Storage


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
    from numlean.scalar.text import hexadecimal

    (value,) = scalar.to_exact(data)
    return hexadecimal(value._mpf_) if abs(value) < float("inf") else str(value)


def parse_hex(text: str, scalar: Scalar) -> Storage:
    """Return the number that ``format_hex`` wrote, as an array of shape (1,).

    Raises:
        NumleanError: The text is none of the Scalar's numbers.
    """
    if scalar.format is None:
        return scalar.from_string([text])
    try:
        bits = int(text, 16)
    except ValueError:
        bits = -1
    if not 0 <= bits < 1 << scalar.format.width:
        raise NumleanError(f"{text!r} is no encoding of {scalar.name}")
    return scalar.from_bits(np.array([bits], np.uint64))
