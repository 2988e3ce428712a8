"""Approximate reciprocals, used for quotients; no product exceeds a word.

The lower half of a product of two words is a single vector instruction; the upper half costs
several. So factors are cut until their product fits into a word.

**Notation.** ``x`` is a significand as a fraction in [1/2, 1). An integer "in f bits" counts units
of 2**-f. The *defect* of an approximation y of 1/x is 1 - x*y; here it is never negative.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_SEED_BITS: Final = 12
_SEED = [Fraction(c, 289) for c in (1632, 3392, 3072, 1024)]
_MARGIN: Final = Fraction(2, 1 << _SEED_BITS)


def make_reciprocal(builder: RoutineBuilder) -> Routine:
    """Return ``reciprocal(sig)`` for a word with its leading one on top: 1/x in w/2 - 1 bits.

    The result is below 1/x by less than 2.2 units, and never above.

    The defect of the seed is below 2**-7.9. A Newton step squares it: to 2**-15.8, and in words of
    64 bits once more to 2**-31.6, which is up to 1.1 units. Intermediate cuts make y smaller, by
    less than an eighth of a unit before the last cut, which takes less than one unit.
    """
    bits, seed = builder.word_bits, builder.routine(_make_seed)
    if bits == 32:
        refine = builder.routine(_make_newton(_SEED_BITS, 15, defect_bits=7))

        def reciprocal(sig: Any) -> Any:
            return refine(sig, seed(sig))

        return reciprocal

    first = builder.routine(_make_newton(_SEED_BITS, 24, defect_bits=7))
    second = builder.routine(_make_newton(24, 31, defect_bits=15))

    def reciprocal_of_long(sig: Any) -> Any:
        return second(sig, first(sig, seed(sig)))

    return reciprocal_of_long


def _make_seed(builder: RoutineBuilder) -> Routine:
    """Return ``seed(sig)``: 1/x in 12 bits with a defect from 2**-15 to 2**-7.9.

    The cubic (1632 - 3392 x + 3072 x**2 - 1024 x**3) / 289 has the defect (1 + T4(3 - 4x)) / 578,
    where T4 is Chebyshev's polynomial: between 0 and 2/578. It is evaluated in 12 bits with x
    rounded up to 16 bits, since 1/x decreases; its constant term is two units less to compensate
    for three cuts.
    """
    word, operand_bits = builder.word, 16
    c0, c1, c2, c3 = (word(int(c * (1 << _SEED_BITS))) for c in (_SEED[0] - _MARGIN, *_SEED[1:]))
    cut, up, places = word(builder.word_bits - operand_bits), word(1), word(operand_bits)

    def seed(sig: Any) -> Any:
        x = word(word(sig >> cut) + up)
        z = word(c2 - word(word(c3 * x) >> places))
        z = word(c1 - word(word(z * x) >> places))
        return word(c0 - word(word(z * x) >> places))

    return seed


def _make_newton(bits: int, result_bits: int, *, defect_bits: int) -> Maker:
    """Return the maker of ``refine(sig, y) = y + y * (1 - x*y)``, from ``bits`` to ``result_bits``.

    The defect of y must be below 2**-defect_bits and exceed the increase caused by cutting x.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, one = builder.word, builder.word(1)
        unit = word(1 << (builder.word_bits - 1))
        cut_x, cut_defect = word(bits + 1), word(bits - defect_bits)
        lift = word(result_bits - bits)
        places = word(bits + builder.word_bits - 1 - (bits - defect_bits) - result_bits)

        def refine(sig: Any, y: Any) -> Any:
            x = word(word(sig >> cut_x) + one)
            defect = word(unit - word(x * y))
            correction = word(word(y * word(defect >> cut_defect)) >> places)
            return word(word(y << lift) + correction)

        return refine

    return make
