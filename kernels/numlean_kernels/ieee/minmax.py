"""Minimum and maximum, of 2019 (clause 9.6) and of 2008 (minNum, maxNum); -0 is below +0.

Those of magnitudes compare the magnitudes, and of two equal ones give the lesser or greater number.
"""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.compare import make_order_key
from numlean_kernels.ieee.nan import make_is_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_minimum(builder: RoutineBuilder) -> Routine:
    """Return ``minimum(a, b)``: the smaller operand; a NaN propagates."""
    return _propagating(builder, builder.routine(_make_lesser), "minimum")


def make_maximum(builder: RoutineBuilder) -> Routine:
    """Return ``maximum(a, b)``: the larger operand; a NaN propagates."""
    return _propagating(builder, builder.routine(_make_greater), "maximum")


def make_min_num(builder: RoutineBuilder) -> Routine:
    """Return ``min_num(a, b)``: the smaller operand; with one quiet NaN, the other operand.

    A signalling NaN propagates, made quiet; of two quiet NaNs the first is returned.
    """
    return _number_preferring(builder, builder.routine(_make_lesser), "min_num")


def make_max_num(builder: RoutineBuilder) -> Routine:
    """Return ``max_num(a, b)``: the larger operand; NaNs as in ``min_num``."""
    return _number_preferring(builder, builder.routine(_make_greater), "max_num")


def make_minimum_number(builder: RoutineBuilder) -> Routine:
    """Return ``minimum_number(a, b)``: the smaller operand; with one NaN, the other operand."""
    return _number_returning(builder, builder.routine(_make_lesser), "minimum_number")


def make_maximum_number(builder: RoutineBuilder) -> Routine:
    """Return ``maximum_number(a, b)``: the larger operand; with one NaN, the other operand."""
    return _number_returning(builder, builder.routine(_make_greater), "maximum_number")


def make_minimum_magnitude(builder: RoutineBuilder) -> Routine:
    """Return ``minimum_magnitude(a, b)``: the operand nearer to zero; a NaN propagates."""
    return _propagating(builder, builder.routine(_make_nearer), "minimum_magnitude")


def make_maximum_magnitude(builder: RoutineBuilder) -> Routine:
    """Return ``maximum_magnitude(a, b)``: the operand farther from zero; a NaN propagates."""
    return _propagating(builder, builder.routine(_make_farther), "maximum_magnitude")


def make_minimum_magnitude_number(builder: RoutineBuilder) -> Routine:
    """Return ``minimum_magnitude_number(a, b)``: as ``minimum_magnitude``, or the only number."""
    nearer = builder.routine(_make_nearer)
    return _number_returning(builder, nearer, "minimum_magnitude_number")


def make_maximum_magnitude_number(builder: RoutineBuilder) -> Routine:
    """Return ``maximum_magnitude_number(a, b)``: as ``maximum_magnitude``, or the only number."""
    farther = builder.routine(_make_farther)
    return _number_returning(builder, farther, "maximum_magnitude_number")


def _make_lesser(builder: RoutineBuilder) -> Routine:
    order_key = builder.routine(make_order_key)

    def lesser(a: Any, b: Any) -> Any:
        return a if order_key(a) <= order_key(b) else b

    return lesser


def _make_greater(builder: RoutineBuilder) -> Routine:
    order_key = builder.routine(make_order_key)

    def greater(a: Any, b: Any) -> Any:
        return a if order_key(a) >= order_key(b) else b

    return greater


def _make_nearer(builder: RoutineBuilder) -> Routine:
    lesser, word = builder.routine(_make_lesser), builder.word
    (magnitude_mask,) = builder.words("magnitude_mask")

    def nearer(a: Any, b: Any) -> Any:
        size_a, size_b = word(a & magnitude_mask), word(b & magnitude_mask)
        equal = size_a == size_b
        return lesser(a, b) if equal else (a if size_a < size_b else b)

    return nearer


def _make_farther(builder: RoutineBuilder) -> Routine:
    greater, word = builder.routine(_make_greater), builder.word
    (magnitude_mask,) = builder.words("magnitude_mask")

    def farther(a: Any, b: Any) -> Any:
        size_a, size_b = word(a & magnitude_mask), word(b & magnitude_mask)
        equal = size_a == size_b
        return greater(a, b) if equal else (a if size_a > size_b else b)

    return farther


def _propagating(builder: RoutineBuilder, choose: Routine, name: str) -> Routine:
    word, is_nan = builder.word, builder.routine(make_is_nan)
    propagate = builder.routine(make_propagate)

    def extremum(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        return propagate(a, b) if is_nan(a) | is_nan(b) else choose(a, b)

    extremum.__name__ = name
    return extremum


def _number_returning(builder: RoutineBuilder, choose: Routine, name: str) -> Routine:
    word, is_nan = builder.word, builder.routine(make_is_nan)
    propagate = builder.routine(make_propagate)

    def extremum(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        number = b if is_nan(a) else (a if is_nan(b) else choose(a, b))
        return propagate(a, b) if is_nan(a) & is_nan(b) else number

    extremum.__name__ = name
    return extremum


def _number_preferring(builder: RoutineBuilder, choose: Routine, name: str) -> Routine:
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_signalling, propagate = builder.routine(make_is_signalling), builder.routine(make_propagate)

    def extremum(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        must_propagate = is_signalling(a) | is_signalling(b) | (is_nan(a) & is_nan(b))
        number = b if is_nan(a) else (a if is_nan(b) else choose(a, b))
        return propagate(a, b) if must_propagate else number

    extremum.__name__ = name
    return extremum
