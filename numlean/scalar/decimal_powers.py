"""Enclosures of D * 10**s by binary numbers, for exponents of any size.

Powers up to ``EXACT_POWERS`` are computed exactly. Greater ones are enclosed by repeated squaring
with directed roundings, which takes as many steps as the exponent has bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mpmath import libmp

from numlean.scalar.exact import Exact

EXACT_POWERS: Final = 100_000
"""The greatest exponent of ten whose power is computed exactly whatever is asked for."""


def enclose(significand: int, exponent: int, precision: int) -> tuple[Exact, Exact]:
    """Return two numbers with D * 10**s between them; the same one twice where it is exact.

    Args:
        significand: D > 0.
        exponent: s.
        precision: Bits; the relative width is below 2**-precision.
    """
    working = precision + exponent.bit_length() + 8
    low, high = _power_of_five(abs(exponent), working)
    d: Exact = libmp.from_int(significand)
    operation = libmp.mpf_mul if exponent >= 0 else libmp.mpf_div
    if exponent < 0:
        low, high = high, low
    ends = operation(d, low, working, "f"), operation(d, high, working, "c")
    shifted = (libmp.mpf_shift(end, exponent) for end in ends)
    return next(shifted), next(shifted)


def _power_of_five(n: int, working: int) -> tuple[Exact, Exact]:
    """Return an enclosure of 5**n, n >= 0."""
    low = high = libmp.fone
    five = libmp.from_int(5)
    for bit in f"{n:b}":
        low, high = libmp.mpf_mul(low, low, working, "f"), libmp.mpf_mul(high, high, working, "c")
        if bit == "1":
            low, high = (
                libmp.mpf_mul(low, five, working, "f"),
                libmp.mpf_mul(high, five, working, "c"),
            )
    return low, high


def cut(significand: int, exponent: int, bits: int) -> Exact:
    """Return D * 10**s for D > 0, cut to a number of bits, and one more bit that is sticky.

    Rounding the result to fewer bits, in any direction, gives D * 10**s rounded once.
    """
    length = significand.bit_length()
    # Beyond this, D * 10**s has more bits than are kept, so it lies between two of such numbers.
    if abs(exponent) <= max(EXACT_POWERS, bits, length):
        return cut_quotient(
            significand * 5 ** max(exponent, 0), 5 ** max(-exponent, 0), exponent, bits
        )
    low, high = _agreeing(
        lambda working: enclose(significand, exponent, working),
        lambda end: _kept(end, bits),
        bits + 32,
    )
    whole, shift = _kept(low, bits)
    return _sticky(whole, shift, low == high == libmp.from_man_exp(whole, shift))


def cut_quotient(n: int, d: int, exponent: int, bits: int) -> Exact:
    """Return n / d * 2**e for n, d > 0, cut to a number of bits, and one more that is sticky."""
    shift = bits - n.bit_length() + d.bit_length()
    quotient, rest = divmod(n << max(shift, 0), d << max(-shift, 0))
    return _sticky(quotient, exponent - shift, rest == 0)


def _sticky(whole: int, exponent: int, is_exact: bool) -> Exact:
    return Exact(*libmp.from_man_exp(whole << 1 | (not is_exact), exponent - 1))


def _kept(value: Exact, bits: int) -> tuple[int, int]:
    """Return the leading bits of a positive number as an integer, and its exponent."""
    _, m, e, length = value
    shift = int(length) - bits
    return int(m) >> shift if shift > 0 else int(m) << -shift, int(e) + shift


def _agreeing(
    ends: Callable[[int], tuple[Exact, Exact]],
    feature: Callable[[Exact], object],
    precision: int,
) -> tuple[Exact, Exact]:
    """Return an enclosure at whose ends a feature is the same."""
    while True:
        low, high = ends(precision)
        if feature(low) == feature(high):
            return low, high
        precision *= 2


def floor_scaled(value: Exact, scale: int) -> tuple[int, bool]:
    """Return the floor of abs(x) * 10**s for a finite nonzero x, and whether that is exact.

    The result should be of moderate size: it is an integer with all its digits.
    """
    _, m, e, length = value
    if max(abs(scale), abs(e) // 2) <= max(EXACT_POWERS, int(length)):
        shift = int(e) + scale
        n = int(m) * 5 ** max(scale, 0) << max(shift, 0)
        quotient, rest = divmod(n, 5 ** max(-scale, 0) << max(-shift, 0))
        return quotient, rest == 0

    def ends(working: int) -> tuple[Exact, Exact]:
        low, high = enclose(int(m), scale, working)
        return libmp.mpf_shift(low, int(e)), libmp.mpf_shift(high, int(e))

    _, _, e_low, length_low = ends(64)[0]
    size = max(int(e_low) + int(length_low), 0)
    low, high = _agreeing(ends, libmp.to_int, size + 64)
    return int(libmp.to_int(low)), low == high and low[2] >= 0


def floor_log10(value: Exact) -> int:
    """Return the k with 10**k <= abs(x) < 10**(k + 1), for a finite nonzero x."""
    leading = value[2] + value[3] - 1
    bits = abs(leading).bit_length() + 64
    log = libmp.mpf_div(
        libmp.mpf_mul(libmp.from_int(leading), libmp.mpf_ln2(bits), bits),
        libmp.mpf_ln10(bits),
        bits,
    )
    k = int(libmp.to_int(log, "f")) - 1
    # 10**(k + 1) <= 2**leading <= abs(x) < 2**(leading + 1), so at most two steps follow.
    while _reaches(value, k + 1):
        k += 1
    return k


def _reaches(value: Exact, power: int) -> bool:
    """Return whether abs(x) >= 10**n."""
    _, m, e, length = value
    if max(abs(power), abs(e) // 2) <= max(EXACT_POWERS, int(length)):
        return floor_scaled(value, -power)[0] >= 1
    magnitude = (0, m, e, length)

    def difference(working: int) -> tuple[Exact, Exact]:
        low, high = enclose(1, power, working)
        return libmp.mpf_sub(magnitude, high, 10), libmp.mpf_sub(magnitude, low, 10)

    # No binary number of so few bits is a power of ten of such size.
    low, _ = _agreeing(difference, lambda end: libmp.mpf_sign(end) >= 0, 64)
    return bool(libmp.mpf_sign(low) >= 0)
