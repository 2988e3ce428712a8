"""Arrays of numbers as lines of text that mean the same on every machine, and back, exactly.

A line is ``sign:significand:exponent``, the last two in hexadecimal, or ``-0``, ``inf``, ``-inf``
or ``nan``.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import DocumentError, NumleanError
from numlean.scalar.exact import Exact, exact_of, to_mpf
from numlean.scalar.exact_text import format_fields, parse_fields
from numlean.scalar.protocol import Scalar, Storage

_MINUS_ZERO: Final = "-0"


def write_lines(scalar: Scalar, x: Storage) -> list[str]:
    """Return a line for each number, in C order.

    Raises:
        DocumentError: Exact values do not represent all numbers of the Scalar.
    """
    lines = [_line(exact_of(value)) for value in scalar.to_exact(x).flat]
    flat, zero = x.reshape(-1), scalar.to_bytes(scalar.from_exact([0]))
    for k in (k for k, line in enumerate(lines) if line == "0:0:0"):
        if scalar.to_bytes(flat[k : k + 1]) != zero:
            lines[k] = _MINUS_ZERO
    if scalar.to_bytes(read_lines(scalar, lines, x.shape)) != scalar.to_bytes(x):
        raise DocumentError(
            f"{scalar.name}: from_exact does not reproduce the numbers {x.ravel()[:3]}"
        )
    return lines


def read_lines(scalar: Scalar, lines: list[str], shape: tuple[int, ...]) -> Storage:
    """Return the numbers that ``write_lines`` wrote.

    Raises:
        DocumentError: A line is not a number, or the lines do not fill the shape.
    """
    if len(lines) != int(np.prod(shape, dtype=object)):
        raise DocumentError(f"{len(lines)} numbers do not fill the shape {shape}")
    values = np.fromiter(map(_value, lines), dtype=object, count=len(lines))
    x = scalar.from_exact(values)
    is_minus_zero = np.array([line == _MINUS_ZERO for line in lines], dtype=np.bool_)
    if is_minus_zero.any():
        x = np.where(is_minus_zero, scalar.neg(x), x)
    return x.reshape(shape)


def _line(value: Exact) -> str:
    for name, special in _specials().items():
        if value == special:
            return name
    return format_fields(value)


def _specials() -> dict[str, Any]:
    from mpmath import libmp

    return {"inf": libmp.finf, "-inf": libmp.fninf, "nan": libmp.fnan}


def _value(line: str) -> Any:
    if line == _MINUS_ZERO:
        return to_mpf(Exact(0, 0, 0, 0))
    if line in _specials():
        return to_mpf(_specials()[line])
    try:
        return to_mpf(parse_fields(line))
    except NumleanError:
        raise DocumentError(f"{line[:80]!r} is not a number in a checkpoint's form") from None
