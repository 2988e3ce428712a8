"""Certified values of functions: MPFR's, rounded here.

MPFR computes more bits than the format has, toward zero, and reports whether the result is inexact.
A value known this well rounds as the exact one does, in every direction. MPFR lacks sigmoid and
softplus. For these its directed roundings give an enclosure, which is narrowed until both ends
agree (Ziv's strategy). This terminates: at arguments other than 0 the values are transcendental, by
the theorem of Lindemann and Weierstrass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from numlean.errors import UnavailableError
from numlean.testing.exact import ExactArithmetic
from numlean.testing.rounding import ROUNDINGS, index_of
from numlean.verification.reference import Choices
from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.formats import Format

_BITS: Final = 128
_EXPONENTS: Final = 1 << 20
_NAMES: Final = {"rsqrt": "rec_sqrt"}


@dataclass(frozen=True)
class Value:
    """An exact value, as far as rounding depends on it.

    Attributes:
        negative: The sign.
        magnitude: The leading bits of the magnitude, in units of ``2**exponent``.
        exponent: The exponent of the last of these bits.
        more: Whether the exact magnitude is greater, by less than the last bit.
        special: ``nan`` or ``inf`` if the value is not a number.
        raised: The flags of a special value: invalid, or divide_by_zero at a pole.
    """

    negative: bool = False
    magnitude: int = 0
    exponent: int = 0
    more: bool = False
    special: str = ""
    raised: int = 0


class Certified:
    """The reference that decides, in a few microseconds for each value.

    Operands are binary64 numbers; NaNs among them are quiet.
    """

    def __init__(self, format: Format, choices: Choices) -> None:
        kept = choices.subnormal == "keep" and choices.overflow == "infinite"
        if choices.math != "correct":
            raise UnavailableError(
                f"math={choices.math} is not correctly rounded by definition; verify math=correct"
            )
        if choices.rounding not in ROUNDINGS or not kept:
            raise UnavailableError(
                f"elementary functions are verified for the roundings {', '.join(ROUNDINGS)},"
                " with subnormal numbers and infinities"
            )
        self.format = format
        self._model = ExactArithmetic(format, choices.rounding, tininess=choices.tininess)

    def value(self, name: str, operands: tuple[float, ...]) -> Value:
        """Return the exact value of a function, by its name."""
        if name == "sigmoid" or name == "softplus":
            return self._enclosed(name, *operands)
        return _by_mpfr(name, operands)

    def rounded(self, value: Value) -> tuple[int, int]:
        """Return the encoding of a value, and the flags raised."""
        f = self.format
        if value.special == "nan":
            return self._model.not_a_number(value.raised)
        if value.special == "inf":
            return self._model.infinite(negative=value.negative, flags=value.raised)
        index, lost = index_of(f, value.magnitude, value.exponent)
        return self._model.round_index(value.negative, index, lost or value.more)

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
            # The value is never on a point, so it is above the point at or below the lower end.
            if least == index_of(self.format, *high)[0]:
                return Value(magnitude=low[0], exponent=low[1], more=True)
            bits *= 2


@cache
def context(bits: int, rounding: str) -> Any:
    """Return a context of MPFR with exponents far beyond those of any format.

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
        # The standard's function is odd there; MPFR's is not (clause 9.2.1).
        negative = bool(gmpy2.is_signed(gmpy2.mpfr(operands[0])))
    if gmpy2.is_nan(y):
        from_nan = any(a != a for a in operands)
        return Value(special="nan", raised=0 if from_nan else INVALID)
    if gmpy2.is_infinite(y):
        return Value(negative, special="inf", raised=DIVIDE_BY_ZERO * truncating.divzero)
    magnitude, exponent = _parts(y)
    return Value(negative, magnitude, exponent, more=y.rc != 0)


def _parts(y: Any) -> tuple[int, int]:
    """Return the magnitude and exponent of a finite MPFR number; for infinity, a great one."""
    if y == 0:
        return 0, 0
    significand, exponent = y.as_mantissa_exp() if y.is_regular() else (1, _EXPONENTS)
    return abs(int(significand)), int(exponent)


def _sigmoid(x: float, bits: int) -> tuple[Any, Any]:
    """Return an enclosure of 1/(1 + exp(-x)), below one."""
    import gmpy2

    down, up, minus = context(bits, "RoundDown"), context(bits, "RoundUp"), gmpy2.mpfr(-x)
    low = down.div(1, up.add(1, up.exp(minus)))
    high = up.div(1, down.add(1, down.exp(minus)))
    # Between this and one no rounding turns, so an end beyond may as well be put here.
    nearly_one = down.sub(1, gmpy2.exp2(-bits))
    return min(low, nearly_one), min(high, nearly_one)


def _softplus(x: float, bits: int) -> tuple[Any, Any]:
    """Return an enclosure of log(1 + exp(x)), which is x + log(1 + exp(-x))."""
    import gmpy2

    down, up, a = context(bits, "RoundDown"), context(bits, "RoundUp"), gmpy2.mpfr(x)
    if x <= 0:
        return down.log1p(down.exp(a)), up.log1p(up.exp(a))
    return down.add(a, down.log1p(down.exp(-a))), up.add(a, up.log1p(up.exp(-a)))


_ENCLOSURES: Final = {"sigmoid": _sigmoid, "softplus": _softplus}
