"""Function values that are certain: MPFR's, rounded here.

MPFR is asked for more bits than the format has, toward zero, and tells whether there is more; a
value of which that is known rounds as the exact one does, in every direction. Of sigmoid and
softplus, which MPFR has not, its directed roundings give an enclosure, made narrower until both
ends agree (Ziv's strategy). That ends: at arguments other than 0 their values are transcendental,
by the theorem of Lindemann and Weierstrass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from numlean.errors import UnavailableError
from numlean.testing.rounding import ROUNDINGS, index_of, make_round
from numlean.verification.reference import Choices
from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.formats import Format

_BITS: Final = 128
_EXPONENTS: Final = 1 << 20
_NAMES: Final = {"rsqrt": "rec_sqrt"}


@dataclass(frozen=True)
class Value:
    """An exact value, as far as it matters.

    Attributes:
        negative: Its sign.
        magnitude: The leading bits of its magnitude, in units of ``2**exponent``.
        exponent: Of those.
        more: Whether the magnitude is greater than that, by less than its last bit.
        special: ``nan`` or ``inf`` if it is no number.
        raised: The flags of that: invalid, or divide_by_zero at a pole.
    """

    negative: bool = False
    magnitude: int = 0
    exponent: int = 0
    more: bool = False
    special: str = ""
    raised: int = 0


class Certified:
    """The reference by which all else is judged, a few microseconds a value.

    Operands are binary64 numbers; NaNs among them are quiet.
    """

    def __init__(self, format: Format, choices: Choices) -> None:
        kept = choices.subnormal == "keep" and choices.overflow == "infinite"
        if choices.math != "correct":
            raise UnavailableError(f"math={choices.math} is not correctly rounded, nor meant to be")
        if choices.rounding not in ROUNDINGS or not kept:
            raise UnavailableError(
                f"elementary functions are verified for the roundings {', '.join(ROUNDINGS)},"
                " subnormal numbers and infinities being kept"
            )
        self.format = format
        self._rounded_from = make_round(format, choices.rounding, choices.tininess)

    def value(self, name: str, operands: tuple[float, ...]) -> Value:
        """The exact value, by the function's name."""
        if name == "sigmoid" or name == "softplus":
            return self._enclosed(name, *operands)
        return _by_mpfr(name, operands)

    def rounded(self, value: Value) -> tuple[int, int]:
        """Its encoding and the flags raised."""
        f = self.format
        if value.special == "nan":
            return f.default_nan, value.raised
        if value.special == "inf":
            infinity = f.infinity if f.has_infinity else f.default_nan
            return infinity | f.sign_mask * (value.negative and f.has_infinity), value.raised
        index, lost = index_of(f, value.magnitude, value.exponent)
        z, raised = self._rounded_from(value.negative, index, lost or value.more)
        return int(z), int(raised)

    def _enclosed(self, name: str, x: float) -> Value:
        if x != x:
            return Value(special="nan")
        if x in (float("inf"), float("-inf")):
            one = Value(magnitude=1) if name == "sigmoid" else Value(special="inf")
            return one if x > 0 else Value()
        if x == 0 and name == "sigmoid":
            return Value(magnitude=1, exponent=-1)
        bits = _BITS
        while True:
            low, high = (_parts(end) for end in _ENCLOSURES[name](x, bits))
            least, _ = index_of(self.format, *low)
            # Never on a point, the value is above the one at or below the lower end.
            if least == index_of(self.format, *high)[0]:
                return Value(magnitude=low[0], exponent=low[1], more=True)
            bits *= 2


@cache
def context(bits: int, rounding: str) -> Any:
    """A context of MPFR's, with exponents far beyond those of any format.

    Raises:
        UnavailableError: gmpy2 is not installed.
    """
    try:
        import gmpy2
    except ImportError:
        raise UnavailableError("MPFR needs gmpy2: pip install 'numlean[fast]'") from None
    return gmpy2.context(
        precision=bits,
        round=getattr(gmpy2, rounding),
        emin=-_EXPONENTS,
        emax=_EXPONENTS,
    )


def _by_mpfr(name: str, operands: tuple[float, ...]) -> Value:
    import gmpy2

    truncating = context(_BITS, "RoundToZero")
    truncating.clear_flags()
    y = getattr(truncating, _NAMES.get(name, name))(*map(gmpy2.mpfr, operands))
    negative = bool(gmpy2.is_signed(y))
    if name == "rsqrt" and operands[0] == 0:
        # The standard's is odd there, MPFR's is not (clause 9.2.1).
        negative = bool(gmpy2.is_signed(gmpy2.mpfr(operands[0])))
    if gmpy2.is_nan(y):
        from_nan = any(a != a for a in operands)
        return Value(special="nan", raised=0 if from_nan else INVALID)
    if gmpy2.is_infinite(y):
        return Value(negative, special="inf", raised=DIVIDE_BY_ZERO * truncating.divzero)
    magnitude, exponent = _parts(y)
    return Value(negative, magnitude, exponent, more=y.rc != 0)


def _parts(y: Any) -> tuple[int, int]:
    """Magnitude and exponent of a finite number of MPFR's; of its infinity, a great one."""
    if y == 0:
        return 0, 0
    significand, exponent = y.as_mantissa_exp() if y.is_regular() else (1, _EXPONENTS)
    return abs(int(significand)), int(exponent)


def _sigmoid(x: float, bits: int) -> tuple[Any, Any]:
    """Around 1/(1 + exp(-x)), and below one."""
    import gmpy2

    down, up, minus = context(bits, "RoundDown"), context(bits, "RoundUp"), gmpy2.mpfr(-x)
    low = down.div(1, up.add(1, up.exp(minus)))
    high = up.div(1, down.add(1, down.exp(minus)))
    # Between this and one no rounding turns, so an end beyond may as well be put here.
    nearly_one = down.sub(1, gmpy2.exp2(-bits))
    return min(low, nearly_one), min(high, nearly_one)


def _softplus(x: float, bits: int) -> tuple[Any, Any]:
    """Around log(1 + exp(x)), which is x + log(1 + exp(-x))."""
    import gmpy2

    down, up, a = context(bits, "RoundDown"), context(bits, "RoundUp"), gmpy2.mpfr(x)
    if x <= 0:
        return down.log1p(down.exp(a)), up.log1p(up.exp(a))
    return down.add(a, down.log1p(down.exp(-a))), up.add(a, up.log1p(up.exp(-a)))


_ENCLOSURES: Final = {"sigmoid": _sigmoid, "softplus": _softplus}
