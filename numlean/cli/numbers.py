"""Numbers on the command line: ASCII decimals that Python or binary64 can represent."""

from __future__ import annotations

import argparse
import re
from math import isinf
from typing import Final

MOST_DIGITS: Final = 100
"""The most digits of an integer: far more than any option needs, far fewer than take time."""

_GREAT: Final = 1_000_000

_INTEGER: Final = re.compile(r"[+-]?\d+(?:_\d+)*", re.ASCII)
_REAL: Final = re.compile(
    r"[+-]?(?:(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d+)?|inf|infinity|nan)",
    re.ASCII | re.IGNORECASE,
)
_ZERO: Final = re.compile(r"[+-]?[0._]*(?:e.*)?", re.ASCII | re.IGNORECASE)


def integer(text: str) -> int:
    """Return the integer of an option.

    Raises:
        ArgumentTypeError: The text is not an integer, or has more than ``MOST_DIGITS`` digits.
    """
    if not _INTEGER.fullmatch(text.strip()):
        raise argparse.ArgumentTypeError(f"expected an integer such as 10, got {text!r}")
    if len(text.strip()) > MOST_DIGITS:
        raise argparse.ArgumentTypeError(
            f"expected an integer of at most {MOST_DIGITS} digits, got one of {len(text.strip())}"
        )
    return int(text)


def greatest_values(arguments: argparse.Namespace) -> str:
    """Return the end of a message about memory: the options that may take very much; "" if none."""
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name == "hidden" or (type(value) is int and value >= _GREAT)
    }
    named = [f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value]
    return f"; the greatest values are {', '.join(named)}" if named else ""


def real(text: str) -> float:
    """Return the binary64 number of an option, rounded to nearest; also ``inf`` and ``nan``.

    Raises:
        ArgumentTypeError: The text is not a number, or rounds to infinity, or to zero though it is
            another number.
    """
    stripped = text.strip()
    try:
        value = float(stripped) if _REAL.fullmatch(stripped) else None
    except ValueError:  # misplaced underscores
        value = None
    if value is None:
        raise argparse.ArgumentTypeError(f"expected a number such as 0.1 or 1e-3, got {text!r}")
    beyond = isinf(value) and "i" not in stripped.lower()
    if beyond or (value == 0 and not _ZERO.fullmatch(stripped)):
        rounded = "infinity" if beyond else "0"
        raise argparse.ArgumentTypeError(f"{text!r} rounds to {rounded} in binary64")
    return value
