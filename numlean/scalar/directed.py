"""The rounding of exact magnitudes between two neighbours, in the interpreter: slow and general."""

from __future__ import annotations

from typing import Final

from numlean.scalar.conversion import INFINITE, NAN, few_bits
from numlean.scalar.rounding_names import STOCHASTIC

_WORD_BITS: Final = 64
_NEAREST: Final = ("ties_to_even", "ties_to_away")


def goes_up(
    rounding: str, *, negative: bool, odd: bool, rest: int, bits: int, word: int = 0
) -> bool:
    """Return whether a magnitude goes to the neighbour farther from zero.

    Args:
        rounding: A direction, or a stochastic rounding.
        negative: The sign.
        odd: Whether the neighbour nearer to zero is odd.
        rest: What the magnitude exceeds that neighbour by: rest / 2**bits of their distance.
        bits: At least 1.
        word: The random word of a stochastic rounding: of ``stochastic`` the most significant 63
            bits are compared, of ``stochastic_a:N`` the most significant N.
    """
    if rest == 0:
        return False
    half = 1 << (bits - 1)
    if rounding in _NEAREST:
        return rest > half or (rest == half and (odd or rounding == "ties_to_away"))
    if rounding == "to_odd":
        return not odd
    few = few_bits(rounding)
    if few is not None:
        return _goes_up_by_few(*few, rest, bits, word)
    if rounding == STOCHASTIC:
        return (rest << (_WORD_BITS - 1) >> bits) + (word >> 1) >= 1 << (_WORD_BITS - 1)
    return points_away(rounding, negative=negative)


def _goes_up_by_few(variant: str, count: int, rest: int, bits: int, word: int) -> bool:
    drawn, kept = word >> (_WORD_BITS - count), count
    if variant == "b":
        drawn, kept = drawn << 1 | 1, count + 1
    part, left = rest << kept >> bits, (rest << kept) & ((1 << bits) - 1)
    if variant == "c":
        half = 1 << (bits - 1)
        part += left > half or (left == half and part & 1)
    return part + drawn >= 1 << kept


def points_away(rounding: str, *, negative: bool) -> bool:
    """Return whether a result beyond the range leaves it: its rounding does not point to zero."""
    if rounding in ("toward_zero", "to_odd"):
        return False
    if rounding in ("toward_positive", "toward_negative"):
        return negative == (rounding == "toward_negative")
    return True


def becomes_nan(overflow: str, rounding: str, *, negative: bool) -> bool:
    """Return whether a finite result beyond the range is a NaN, in numbers without infinities."""
    return overflow == NAN or (overflow == INFINITE and points_away(rounding, negative=negative))
