"""Approximate reciprocal square roots, used for square roots; no product exceeds a word.

**Notation.** ``u`` is a radicand as a fraction in [1/4, 1), given as a word that counts units of
2**-w. An integer "in f bits" counts units of 2**-f. The *defect* of an approximation y of 1/sqrt(u)
is 1 - u * y**2, about twice its relative error; here it is never negative.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_SEED_BITS: Final = 12
_CUBIC_BITS: Final = 14
_CUBIC: Final = (42660, 59603, 48973, 15666)
_ONE: Final = 1 << 15
_ROOT_OF_TWO: Final = 46340


def make_reciprocal_root(builder: RoutineBuilder) -> Routine:
    """Return ``reciprocal_root(sig, is_odd)``: 1/sqrt(u) in w/2 - 1 bits, and u.

    ``sig`` is a word with its leading one on top; u is sig if ``is_odd``, and half of it otherwise.
    The result is below 1/sqrt(u) by less than 1.8 units, and never above.

    The defect of the seed is below 2**-8. A Newton step, y + y * defect/2, makes it 3/4 of its
    square: below 2**-16.4, and in words of 64 bits once more below 2**-33. Intermediate cuts make y
    smaller; before the last cut that is less than half a unit.
    """
    bits, one = builder.word_bits, builder.word(1)
    seed = builder.routine(_make_seed)
    if bits == 32:
        refine = builder.routine(_make_newton(_SEED_BITS, 15, defect_bits=8))

        def reciprocal_root(sig: Any, is_odd: Any) -> Any:
            u = sig if is_odd else sig >> one
            return refine(u, seed(sig, is_odd)), u

        return reciprocal_root

    first = builder.routine(_make_newton(_SEED_BITS, 24, defect_bits=8))
    second = builder.routine(_make_newton(24, 31, defect_bits=16))

    def reciprocal_root_of_long(sig: Any, is_odd: Any) -> Any:
        u = sig if is_odd else sig >> one
        return second(u, first(u, seed(sig, is_odd))), u

    return reciprocal_root_of_long


def _make_seed(builder: RoutineBuilder) -> Routine:
    """Return ``seed(sig, is_odd)``: 1/sqrt(u) in 12 bits with a defect from 2**-13 to 2**-8.

    For x = sig / 2**w in [1/2, 1) the relative error of the cubic is within 2**-11.02 of its mean
    (Remez's algorithm); the coefficients are scaled so that it approximates from below. It is
    evaluated in 14 bits with x rounded up to 16 bits, since 1/sqrt(u) decreases; the constant term
    is four units less to compensate for three cuts. Half the operand has sqrt(2) times the result.
    """
    word, operand_bits = builder.word, 16
    c0, c1, c2, c3 = map(word, _CUBIC)
    cut, up, places = word(builder.word_bits - operand_bits), word(1), word(operand_bits)
    one, root_of_two = word(_ONE), word(_ROOT_OF_TWO)
    places_of_factor = word(_CUBIC_BITS + 15 - _SEED_BITS)

    def seed(sig: Any, is_odd: Any) -> Any:
        x = word(word(sig >> cut) + up)
        z = word(c2 - word(word(c3 * x) >> places))
        z = word(c1 - word(word(z * x) >> places))
        z = word(c0 - word(word(z * x) >> places))
        return word(word(z * (one if is_odd else root_of_two)) >> places_of_factor)

    return seed


def _make_newton(bits: int, result_bits: int, *, defect_bits: int) -> Maker:
    """Return the maker of ``refine(u, y) = y + y * (1 - u*y*y) / 2``, to ``result_bits``.

    y has ``bits`` bits. Its defect must be below 2**-defect_bits and exceed the increase caused by
    cutting u and u*y.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, one = builder.word, builder.word(1)
        root_bits = builder.word_bits - 2 - bits  # of u*y, which is about sqrt(u)
        unit = word(1 << (builder.word_bits - 2))
        cut_u, cut_root = word(bits + 1), word(bits + 1)
        cut_bits = bits - defect_bits - 1
        cut_defect, lift = word(cut_bits), word(result_bits - bits)
        places = word(bits + (builder.word_bits - 2 - cut_bits) + 1 - result_bits)
        assert root_bits > 0

        def refine(u: Any, y: Any) -> Any:
            above = word(word(u >> cut_u) + one)
            root = word(word(word(above * y) >> cut_root) + one)
            defect = word(unit - word(root * y))
            correction = word(word(y * word(defect >> cut_defect)) >> places)
            return word(word(y << lift) + correction)

        return refine

    return make
