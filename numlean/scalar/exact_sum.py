"""Exact sums of many numbers with exponents of any size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from numlean.scalar.exact import Exact

_SPARE_BITS: Final = 64


def exact_sum(terms: Iterable[tuple[int, int]], bits: int) -> Exact:
    """Return the sum of the m * 2**e of pairs (m, e), or its leading bits and a sticky bit.

    It has so many more than ``bits`` that rounding it to ``bits`` bits, or to fewer as among
    subnormal numbers, gives the rounded sum. Its length does not grow with the distance of
    exponents: terms far below the leading ones only determine the sign of what is left out.
    """
    from mpmath import libmp

    ordered = sorted((t for t in terms if t[0]), key=_top, reverse=True)
    total, exponent, rest = _leading_sum(ordered, bits)
    if rest:
        left_out = _leading_sum(rest, 1)[0]  # zero if its terms cancel
        total, exponent = 4 * total + (left_out > 0) - (left_out < 0), exponent - 2
    return Exact(*libmp.from_man_exp(total, exponent))


def _top(term: tuple[int, int]) -> int:
    """Return the t with abs(term) < 2**t."""
    m, e = term
    return e + m.bit_length()


def _leading_sum(
    ordered: Sequence[tuple[int, int]], bits: int
) -> tuple[int, int, Sequence[tuple[int, int]]]:
    """Return (m, e, rest): m * 2**e and the terms not yet in it, of which the greatest come first.

    The rest is less than half of 2**e in magnitude, and m has more than ``bits`` bits unless
    nothing is left.
    """
    total, exponent = 0, 0
    for k, (m, e) in enumerate(ordered):
        if total:
            least = exponent + total.bit_length() - bits - _SPARE_BITS
            unit = min(exponent, least)
            if _top((m, e)) + (len(ordered) - k).bit_length() < unit:
                return total << (exponent - unit), unit, ordered[k:]
        else:
            exponent = e
        unit = min(exponent, e)
        total, exponent = (total << (exponent - unit)) + (m << (e - unit)), unit
    return total, exponent, ()
