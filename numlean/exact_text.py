"""A single number written down exactly, and read back."""

from __future__ import annotations

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar import Scalar, Storage
from numlean.tensor import Tensor


def exact_text(number: Tensor) -> str:
    """A number's encoding, or where there is none its value as C writes it: both hexadecimal."""
    scalar, data = number.scalar, number.data.reshape(1)
    if scalar.format is not None:
        digits = -(-scalar.format.width // 4)
        return f"{int(scalar.to_bits(data)[0]):#0{2 + digits}x}"
    from numlean.literals import hexadecimal

    (value,) = scalar.to_exact(data)
    return hexadecimal(value._mpf_) if abs(value) < float("inf") else str(value)


def number_of(text: str, scalar: Scalar) -> Storage:
    """The number of an exact text, as an array of shape (1,).

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
