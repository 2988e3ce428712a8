"""The rounding of every reference: independent of the routines, and written only once.

**Notation.** A grid four times as fine as the format's numbers has their points and three between
each two. The *index* of a magnitude counts the points from 0 up to the last one that is not above
it: the encoding of the number below, times four, plus the next two bits of the value. ``more`` is
whether the value lies above that point, and so strictly between it and the next. Index and ``more``
decide every rounding. In a format without zero, encodings count from one here.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

from numlean_kernels.flags import INEXACT, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import Format

_NEVER, _ALWAYS, _EVEN, _AWAY, _ODD = range(5)

_INFINITE: Final = "infinite"

_RULES: Final = {
    "ties_to_even": (_EVEN, _EVEN),
    "ties_to_away": (_AWAY, _AWAY),
    "toward_zero": (_NEVER, _NEVER),
    "toward_positive": (_ALWAYS, _NEVER),
    "toward_negative": (_NEVER, _ALWAYS),
    "to_odd": (_ODD, _ODD),
    "away_from_zero": (_ALWAYS, _ALWAYS),
}
"""The rules for magnitudes of positive and of negative values (clause 4.3)."""

ROUNDINGS: Final = tuple(_RULES)

Compile: TypeAlias = Callable[[Any], Any]
RoundIndex: TypeAlias = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


def power_of_two(e: int) -> Fraction:
    """Return 2**e, exactly."""
    return Fraction(1 << e) if e >= 0 else Fraction(1, 1 << -e)


def floor_log2(q: Fraction) -> int:
    """Return the e with 2**e <= q < 2**(e + 1)."""
    e = q.numerator.bit_length() - q.denominator.bit_length()
    return e if q >= power_of_two(e) else e - 1


def overflow_index(format: Format) -> int:
    """Return the index of all magnitudes that are too great to differ in their rounding."""
    return (format.max_finite + _first(format) + 1) << 2


def _first(format: Format) -> int:
    """Return the number that stands for the encoding 0 of a format: 1 if it has no zero."""
    return 0 if format.has_zero else 1


def index_of(format: Format, magnitude: int, exponent: int) -> tuple[int, bool]:
    """Return the index of magnitude * 2**exponent, and whether there is more."""
    if magnitude == 0:
        return 0, False
    e = magnitude.bit_length() - 1 + exponent
    if e > format.emax:
        return overflow_index(format), False
    shift = exponent - (max(e, format.emin) - format.trailing_bits - 2)
    if -shift > magnitude.bit_length():
        return 0, True
    point, lost = (magnitude << shift, 0) if shift >= 0 else divmod(magnitude, 1 << -shift)
    index = (max(e - format.emin, 0) << (format.trailing_bits + 2)) + point
    return min(index, overflow_index(format)), lost != 0


def index_of_fraction(format: Format, q: Fraction) -> tuple[int, bool]:
    """Return the index of a positive rational, and whether there is more."""
    e = max(floor_log2(q), format.emin)
    if e > format.emax:
        return overflow_index(format), False
    point, more = _floor(q / power_of_two(e - format.trailing_bits - 2))
    index = ((e - format.emin) << (format.trailing_bits + 2)) + point
    return min(index, overflow_index(format)), more


def round_to_integer(q: Fraction, rounding: str = "ties_to_even") -> int:
    """Return a rational rounded to an integer."""
    point, more = _floor(4 * abs(q))
    kept, next_bits = divmod(point, 4)
    magnitude = kept + int(_goes_up(_RULES[rounding][q < 0], kept, next_bits, more))
    return -magnitude if q < 0 else magnitude


def _floor(q: Fraction) -> tuple[int, bool]:
    below, rest = divmod(q.numerator, q.denominator)
    return below, rest != 0


def make_goes_up() -> Callable[[Any, Any, Any, Any], Any]:
    """Return ``goes_up(rule, kept, next_bits, more)``: whether a magnitude is rounded up.

    ``next_bits`` are the two bits after those kept. All but the rule may be numpy arrays.
    """

    def goes_up(rule: Any, kept: Any, next_bits: Any, more: Any) -> Any:
        inexact = (next_bits != 0) | more
        if rule == _ALWAYS:
            return inexact
        if rule == _EVEN:
            return (next_bits > 2) | ((next_bits == 2) & (more | (kept & 1 == 1)))
        if rule == _AWAY:
            return next_bits >= 2
        if rule == _ODD:
            return inexact & (kept & 1 == 0)
        return False

    return goes_up


_goes_up: Final = make_goes_up()


def goes_up_to_even(kept: Any, next_bits: Any, more: Any) -> Any:
    """Return where magnitudes are rounded up by ``ties_to_even``; for numpy arrays."""
    return _goes_up(_EVEN, kept, next_bits, more)


class Rule(NamedTuple):
    """Everything that the rounding of an index depends on, in integers, for compiled code.

    Attributes:
        positive: The rule for magnitudes of positive values.
        negative: The rule for magnitudes of negative values.
        after: Whether tininess is detected after rounding.
        least_normal: The index of the least normal number.
        ones: The significand of as many ones as a normal number has.
        below_normal: A number as even as the encoding next below the least normal number would be
            if exponents were unbounded.
        first: What stands for the encoding 0.
        max_finite: What stands for the encoding of the greatest number.
        clamps: Whether values beyond the range become the greatest number in the directions that
            point toward zero.
        odd_clamps: Whether they do in rounding to odd.
        sign_mask: The sign bit of encodings.
        above: The encoding of positive values beyond the range.
        below: The encoding of negative values beyond the range.
    """

    positive: int
    negative: int
    after: int
    least_normal: int
    ones: int
    below_normal: int
    first: int
    max_finite: int
    clamps: int
    odd_clamps: int
    sign_mask: int
    above: int
    below: int

    @classmethod
    def of(
        cls, format: Format, rounding: str, tininess: str = "after", overflow: str = _INFINITE
    ) -> Rule:
        """Return the rule of a format and its options.

        Args:
            format: The format of the encoding.
            rounding: One of ``ROUNDINGS``.
            tininess: ``after`` or ``before`` rounding.
            overflow: What values beyond the range become: ``infinite``, ``saturate``,
                ``saturate_finite`` or ``nan``.
        """
        sign_mask, first = format.sign_mask, _first(format)
        above, below = format.infinity, format.infinity | sign_mask
        if overflow == "nan" or (not format.has_infinity and format.has_nan):
            above = below = format.default_nan
        if overflow.startswith("saturate") or not (format.has_infinity or format.has_nan):
            above, below = format.max_finite, format.max_finite | sign_mask
        is_odd_infinity = format.has_infinity and format.infinity % 2 == 1
        return cls(
            *_RULES[rounding],
            after=int(tininess == "after"),
            least_normal=format.implicit_bit << 2,
            ones=(format.implicit_bit << 1) - 1,
            below_normal=1 if format.trailing_bits else first,
            first=first,
            max_finite=format.max_finite + first,
            clamps=int(overflow != "nan"),
            odd_clamps=int(overflow != "nan" and not is_odd_infinity),
            sign_mask=sign_mask,
            above=above,
            below=below,
        )


def make_is_tiny(compiled: Compile = lambda f: f) -> Callable[[Rule, Any, Any, Any], Any]:
    """Return ``is_tiny(rule, negative, index, more)``: whether a value is below the normal numbers.

    With tininess ``after``, the value is first rounded to as many bits as a normal number has, with
    an unbounded exponent (clause 7.5).
    """
    goes_up = compiled(make_goes_up())

    def is_tiny(rule: Rule, negative: Any, index: Any, more: Any) -> Any:
        if (rule.after != 0) & (index < rule.least_normal) & (index >> 1 == rule.ones):
            # One bit more is kept than in the format, so this may become the least normal number.
            direction = rule.negative if negative else rule.positive
            return not goes_up(direction, rule.below_normal, (index & 1) << 1, more)
        return index < rule.least_normal

    return is_tiny


def make_round(compiled: Compile = lambda f: f) -> RoundIndex:
    """Return ``round_index(rule, negative, index, more) -> (encoding, flags)`` for finite values.

    A format without zero has its least number in place of zero. Negative values in formats without
    a sign are rounded as if their magnitudes were.

    Args:
        compiled: Compiles a function so that compiled functions can call it.
    """
    goes_up = compiled(make_goes_up())
    is_tiny = compiled(make_is_tiny(compiled))

    def round_index(rule: Rule, negative: Any, index: Any, more: Any) -> tuple[Any, Any]:
        direction = rule.negative if negative else rule.positive
        kept, next_bits = index >> 2, index & 3
        inexact = (next_bits != 0) | more
        even = kept ^ rule.first
        magnitude = kept + (1 if goes_up(direction, even, next_bits, more) else 0)
        if magnitude > rule.max_finite:
            clamps = ((direction == _NEVER) & (rule.clamps != 0)) | (
                (direction == _ODD) & (rule.odd_clamps != 0)
            )
            if clamps:
                sign = rule.sign_mask if negative else 0
                return (rule.max_finite - rule.first) | sign, OVERFLOW | INEXACT
            return (rule.below if negative else rule.above), OVERFLOW | INEXACT
        tiny = is_tiny(rule, negative, index, more)
        flags = (INEXACT | (UNDERFLOW if tiny else 0)) if inexact else 0
        magnitude -= rule.first if magnitude > 0 else 0
        return magnitude | (rule.sign_mask if negative else 0), flags

    return round_index
