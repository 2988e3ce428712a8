"""The limit for the work of a single evaluation, which long numbers and exponents can make endless.

The measure is bits: a number of P bits whose exponent has E > 64 bits takes about as long as one of
P * E / 64 bits with a short exponent. An exponent has at most one bit for each 32 of the limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from numlean.errors import NumleanError

DEFAULT_MAX_BITS: Final = 1 << 16
"""The limit that holds unless a user sets another one."""

_SHORT: Final = 64
"""Up to so many bits of an exponent, or operations of an expression, add nothing to the work."""

_BITS_PER_EXPONENT_BIT: Final = 32
_PERIODIC_BITS_PER_BIT: Final = 16

_max_bits: ContextVar[int | None] = ContextVar("max_bits", default=None)
"""The limit of the current evaluation; None outside of one."""


@contextmanager
def max_bits(bits: int | None) -> Iterator[None]:
    """Set the limit for the code of a ``with`` statement; None stands for the default.

    Raises:
        NumleanError: The limit is not positive.
    """
    if bits is not None and bits < 1:
        raise NumleanError(f"max_bits must be at least 1, got {bits}")
    token = _max_bits.set(bits or DEFAULT_MAX_BITS)
    try:
        yield
    finally:
        _max_bits.reset(token)


def check_work(what: str, precision: int, length: int) -> None:
    """Check that an evaluation does not take too much work.

    Args:
        what: What takes the work, as the subject of a message.
        precision: The bits of its numbers.
        length: The bits of an exponent, or the number of operations.

    Raises:
        NumleanError: It does; the message states the limit and the option that raises it.
    """
    needed = -(-precision * max(length, _SHORT) // _SHORT)
    if needed > _limit():
        raise NumleanError(
            f"{what} exceeds the limit of {_limit():,} bits for an evaluation{hint(needed)}"
        )


def longest_exponent() -> int:
    """Return the most bits of an operand of an exponential, and so of its result's exponent."""
    return max(_limit() // _BITS_PER_EXPONENT_BIT, 1)


def longest_periodic() -> int:
    """Return the most bits of an operand of a sine, cosine or tangent, which is reduced."""
    return _limit() * _PERIODIC_BITS_PER_BIT


def operand_hint(bits: int, *, is_periodic: bool) -> str:
    """Return how to allow an operand of so many bits, at the end of a message."""
    periodic = -(-bits // _PERIODIC_BITS_PER_BIT)
    return hint(periodic if is_periodic else bits * _BITS_PER_EXPONENT_BIT)


def hint(needed: int) -> str:
    """Return the end of a message that says how to allow something; "" where nothing does."""
    if _max_bits.get() is None:
        return ""
    return f"; to allow it, pass --max-bits {needed} to numlean eval (in Python, max_bits={needed})"


def is_below_default() -> bool:
    """Return whether the limit of the current evaluation is below the default."""
    return _limit() < DEFAULT_MAX_BITS


def _limit() -> int:
    return _max_bits.get() or DEFAULT_MAX_BITS
