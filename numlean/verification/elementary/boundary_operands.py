"""Operands whose values lie on rounding boundaries, exactly, or on either side of an end.

Random operands do not find these. A value on a boundary is a number of the format, or the middle of
two, which includes the middle of zero and the least number. Only a few operands have one: integers
for powers of two and of ten, powers for logarithms and roots, Pythagorean triples for the
hypotenuse. They follow from the format alone, here in integers, so that no list is limited to the
range of one format. The ends are the numbers between which a value begins to overflow, to
underflow, to be subnormal or to round to one; a search among the format's numbers finds them, for
functions that rise or fall throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cache, partial
from math import isqrt, log10
from typing import Final, TypeAlias

import numpy as np

from numlean.testing.rounding import index_of, power_of_two
from numlean.verification.elementary.certified import Certified, Value
from numlean.verification.encoding import decode
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices
from numlean_kernels.formats import Format

Dyadic: TypeAlias = tuple[int, int]
"""m and e of the number m * 2**e."""
Row: TypeAlias = tuple[int, ...]
"""The encodings of the operands."""

_MOST_POWERS: Final = 512
_ENDS: Final = 8
_LOG_2: Final = log10(2)


@cache
def boundary_operands(format: Format, name: str) -> tuple[Bits, ...]:
    """Return an array of encodings for each operand of a function, exact values first."""
    exact = _EXACT.get(name, _no_exact)(format)
    rows = [row for numbers in exact if (row := _row(format, numbers)) is not None]
    rows += _crossings(format, name)
    if name not in _PAIRS:
        rows += [row for k in _exponents(format) if (row := _row(format, [(1, k)])) is not None]
    wide = dict.fromkeys(near for row in rows for near in _neighbours(format, row))
    return tuple(np.array(column, format.storage_dtype) for column in zip(*wide, strict=True))


def _row(format: Format, numbers: Iterable[Dyadic]) -> Row | None:
    """Return the encodings of numbers; None if one is not a number of the format."""
    encodings = []
    for m, e in numbers:
        index, more = index_of(format, abs(m), e)
        if more or index & 3 or not 0 < index >> 2 <= format.max_finite:
            return None
        encodings.append(index >> 2 | (format.sign_mask if m < 0 else 0))
    return tuple(encodings)


def _neighbours(format: Format, row: Row) -> Iterator[Row]:
    """Return operands, those of other signs, and those with one moved to an adjacent number."""
    yield row
    for k, encoding in enumerate(row):
        yield (*row[:k], encoding ^ format.sign_mask, *row[k + 1 :])
    for k, encoding in enumerate(row):
        magnitude = encoding & format.magnitude_mask
        for moved in (magnitude - 1, magnitude + 1):
            if 0 <= moved <= format.max_number:
                yield (*row[:k], encoding - magnitude + moved, *row[k + 1 :])


def _least(format: Format) -> int:
    """Return the exponent of the least number."""
    return format.emin - format.trailing_bits


def _exponents(format: Format) -> list[int]:
    """Return exponents of numbers: all, or those near the ends and zero and some between."""
    least, most = _least(format), format.emax
    step = -(-(most - least + 1) // _MOST_POWERS)
    centres = (least, format.emin, -format.precision, 0, format.precision, most)
    near = {c + k for c in centres for k in range(-_ENDS, _ENDS + 1)}
    return [k for k in range(least, most + 1) if k in near or k % step == 0]


# Exact values.


def _no_exact(format: Format) -> Iterator[list[Dyadic]]:
    return iter(())


def _integers_of_exp2(format: Format) -> Iterator[list[Dyadic]]:
    """Return all whose power of two is a number, is the middle of 0 and the least, or is beyond."""
    for n in sorted(range(_least(format) - 3, format.emax + 4), key=_from_the_ends(format)):
        yield [(n, 0)]


def _from_the_ends(format: Format) -> Callable[[int], int]:
    ends = (_least(format) - 1, format.emax, 0)
    return lambda n: min(abs(n - end) for end in ends)


def _integers_of_exp10(format: Format) -> Iterator[list[Dyadic]]:
    least, most = int(_least(format) * _LOG_2) - 3, int(format.emax * _LOG_2) + 4
    for n in sorted(range(least, most), key=abs):
        yield [(n, 0)]


def _powers_of_two(format: Format) -> Iterator[list[Dyadic]]:
    for k in range(_least(format), format.emax + 1):
        yield [(1, k)]


def _powers_of_ten(format: Format) -> Iterator[list[Dyadic]]:
    for n in range(int(format.emax * _LOG_2) + 2):
        yield [(10**n, 0)]


def _powers(degree: int) -> Callable[[Format], Iterator[list[Dyadic]]]:
    """Return the maker of the powers of a degree, and of the numbers next to those of middles."""

    def powers(format: Format) -> Iterator[list[Dyadic]]:
        for e in _exponents_of_powers(format, degree):
            for root in _roots(format.precision):
                yield [(root**degree, e)]
            for root in _roots(format.precision):
                middle = (2 * root + 1) ** degree
                cut = max(middle.bit_length() - format.precision, 0)
                yield [(middle >> cut, e)]
                yield [((middle >> cut) + 1, e)]

    return powers


def _exponents_of_powers(format: Format, degree: int) -> list[int]:
    """Return multiples of a degree near the ends of the range and around zero."""
    low, high = -(-_least(format) // degree), format.emax // degree
    near = {c + k for c in (low, 0, high, high - format.precision // degree) for k in range(-3, 4)}
    return sorted(degree * k for k in near if low <= k <= high)


def _roots(bits: int) -> list[int]:
    """Return odd integers of every length up to a maximum: the least, greatest and some between."""
    between = [(1 << b) * 5 // 8 | 1 for b in range(3, bits + 1)]
    ends = [(1 << b) + d for b in range(1, bits + 1) for d in (-1, 1)]
    return sorted({n for n in (1, *ends, *between) if n.bit_length() <= bits})


def _pairs_of_pow(format: Format) -> Iterator[list[Dyadic]]:
    """Return bases and exponents whose power has a finite expansion, with few enough bits.

    Powers of two near the ends of the range, then odd numbers to powers n / 2**k at every scale of
    interest: near one, and where the last bit of the result is below the last place.
    """
    least = _least(format)
    ends = {end + d for end in (least, format.emin, format.emax, 0) for d in range(-2, 3)}
    for end in sorted(ends):
        for k in range(-6, 7):
            yield [(1, 1 << k), (end, -k)] if k >= 0 else [(1, 1), (end, 0)]
        for base in (d for d in range(1, abs(end) + 1) if end % d == 0 and d <= -least):
            yield [(1, base), (end // base, 0)]
            yield [(1, -base), (-end // base, 0)]
    for root in (3, 5, 7, 9, 11, 15, 31, 127, (1 << format.precision // 2) - 1):
        for n in range(1, format.precision + 2):
            if n * (root.bit_length() - 1) > format.precision + 1:
                break
            scales = {end // n for end in (least - 1, least, format.emin, format.emax)} | {0}
            for scale in sorted({s + d for s in scales for d in range(-1, 2)}):
                yield [(root, scale), (n, 0)]
                yield [(root * root, 2 * scale), (n, -1)]
                yield [(root**4, 4 * scale), (n, -2)]


def _legs(format: Format) -> Iterator[list[Dyadic]]:
    """Return legs of Pythagorean triples at both ends of the range and near one.

    A hypotenuse of one bit more than the precision is the middle of two numbers; then the legs are
    of similar length.
    """
    p = format.precision
    generators = [
        (u, v)
        for u in (isqrt(1 << b) + d for b in range(2, p + 1) for d in range(3))
        for v in (1, 2, u // 2, u * 29 // 70, u * 29 // 70 + 1, u - 1)
    ]
    for a, b in [(u * u - v * v, 2 * u * v) for u, v in generators if 0 < v < u]:
        size = max(a, b).bit_length()
        for e in sorted({_least(format), format.emin, -p, 0, format.emax - size + 1}):
            yield [(a, e), (b, e)]


def _coordinates(format: Format) -> Iterator[list[Dyadic]]:
    """Return coordinates whose quotient is exact and tiny, so that the angle is just below it."""
    least, p = _least(format), format.precision
    for quotient in (1, 2, 3, 5, 7, (1 << p - 1) - 1, (1 << p) - 1):
        for x in (1, 3, 5, 7, 15):
            for e in (least - 1, least, least + 1, format.emin - 1, format.emin, -p, -p // 2):
                for scale in (0, 1, 2, p, format.emax - 4):
                    yield [(quotient * x, e + scale), (x, scale)]


_EXACT: Final[dict[str, Callable[[Format], Iterator[list[Dyadic]]]]] = {
    "exp2": _integers_of_exp2,
    "exp10": _integers_of_exp10,
    "log2": _powers_of_two,
    "log10": _powers_of_ten,
    "sqrt": _powers(2),
    "rsqrt": _powers(2),
    "cbrt": _powers(3),
    "pow": _pairs_of_pow,
    "hypot": _legs,
    "atan2": _coordinates,
}
"""The makers of operands whose values lie on a rounding boundary, or right next to one."""

_PAIRS: Final[dict[str, tuple[int, tuple[Fraction, ...]]]] = {
    "pow": (1, (Fraction(2), Fraction(3), Fraction(10), Fraction(1, 2), Fraction(3, 4))),
    "hypot": (0, (Fraction(1), Fraction(3, 4))),
    "atan2": (0, (Fraction(1), Fraction(2), Fraction(3), Fraction(3, 4))),
}
"""For functions of two operands, the place of the one that varies, and values of the other."""

_TURNING: Final = ("sin", "cos", "tan")
"""Functions that rise and fall."""


# Ends.


def _crossings(format: Format, name: str) -> list[Row]:
    """Return the numbers between which a function's value reaches an end."""
    if name in _TURNING:
        return []
    rows: dict[Row, None] = {}
    for line in _lines(format, name):
        for row in _on_line(format, name, line):
            rows[row] = None
    return list(rows)


def _lines(format: Format, name: str) -> Iterator[Callable[[int], Row]]:
    """Return operands as functions of the magnitude of one, for either sign of it."""
    place, values = _PAIRS.get(name, (0, ()))
    others = [row for q in values if (row := _row(format, [_dyadic(q)])) is not None]
    for sign in (0, format.sign_mask):
        for other in others if name in _PAIRS else [()]:
            yield partial(_operands, place, sign, other)


def _operands(place: int, sign: int, other: Row, magnitude: int) -> Row:
    return (*other[:place], magnitude | sign, *other[place:])


def _dyadic(q: Fraction) -> Dyadic:
    return q.numerator, 1 - q.denominator.bit_length()


def _on_line(format: Format, name: str, line: Callable[[int], Row]) -> Iterator[Row]:
    certified = Certified(format, Choices())

    @cache
    def value(magnitude: int) -> Fraction | None:
        encodings = np.array(line(magnitude), format.storage_dtype)
        return _bounded(certified.value(name, tuple(decode(format, encodings).tolist())))

    def reaches(magnitude: int, target: Fraction) -> bool:
        number = value(magnitude)
        return number is not None and number >= target

    low, high = _domain(format, value)
    for target in _targets(format) if low < high else ():
        below, above = low, high
        at_low = reaches(low, target)
        if at_low == reaches(high, target):
            continue
        while above - below > 1:
            middle = (below + above) // 2
            if reaches(middle, target) == at_low:
                below = middle
            else:
                above = middle
        yield line(below)
        yield line(above)


def _domain(format: Format, value: Callable[[int], Fraction | None]) -> tuple[int, int]:
    """Return the least and the greatest nonzero magnitude with a value."""
    low, high = 1, format.max_finite
    if value(format.one) is not None:
        low = low if value(low) is not None else format.one
        high = high if value(high) is not None else format.one
    return (low, high) if None not in (value(low), value(high)) else (1, 1)


def _bounded(value: Value) -> Fraction | None:
    """Return a value, a great one for an infinity, None for none; half a bit stands for more."""
    if value.special == "nan":
        return None
    if value.special == "inf":
        magnitude = power_of_two(1 << 12)
    else:
        exponent = max(-(1 << 12), min(value.exponent, 1 << 12))
        magnitude = (2 * value.magnitude + value.more) * power_of_two(exponent - 1)
    return -magnitude if value.negative else magnitude


def _targets(format: Format) -> list[Fraction]:
    """Return the ends, with the middles next to them, of both signs."""
    p, least = format.precision, power_of_two(_least(format))
    last_place = power_of_two(format.emax - format.trailing_bits)
    most = Fraction(float(decode(format, np.array([format.max_finite], format.storage_dtype))[0]))
    normal, one, unit = power_of_two(format.emin), Fraction(1), power_of_two(-p)
    ends = [
        *(least / 2, least, 3 * least / 2),
        *(normal - least, normal - least / 2, normal - least / 4, normal),
        *(most, most + last_place / 2, most + last_place),
        *(one - unit, one - unit / 2, one - unit / 4, one, one + unit, one + 2 * unit),
        *(one / 2 - unit / 4, one / 2, one / 2 + unit / 2),
    ]
    return sorted({end * sign for end in ends for sign in (1, -1)})
