"""Matrix units whose operands have scales, in exact rationals: slow, and by the definition.

Source: ``matrix-units.md``, the rows mxf8f6f4 and mxf4nvf4 of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from numlean_kernels.formats import Format
from numlean_kernels.matrix_units import rule as rules

Codes: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_LEAST_EXPONENT: Final = -126
"""The least exponent of an accumulator."""


class Term(NamedTuple):
    """A number and the exponent with which it counts; an infinity is its sign and None."""

    value: Fraction
    exponent: int | None


def scaled_dots(unit: rules.Unit, a: Codes, b: Codes, c: Codes, scales: Sequence[Codes]) -> Codes:
    """Return the dot products of rows of a unit with scales.

    Args:
        unit: The numbers of the unit.
        a: Encodings of shape (n, k).
        b: Encodings of shape (n, k).
        c: Accumulators to begin with, encodings of the output of shape (n,).
        scales: Encodings of the scales of a and of b, of shape (n, ceil(k / size)).
    """
    dot = _ScaledDot(unit)
    rows = zip(*(x.tolist() for x in (a, b, *scales, c)), strict=True)
    return np.array([dot(*row) for row in rows], unit.output.storage_dtype)


def draw_scales(unit: rules.Unit, n: int, k: int, *seeds: int) -> tuple[Codes, Codes]:
    """Return encodings of scales for n dot products of length k; the seeds determine them.

    In a row they are equal, or close to 1, or far apart, or any; some are NaN.
    """
    assert unit.scales is not None
    format, blocks = unit.scales.format, -(-k // unit.scales.size)
    rng = np.random.default_rng(seeds)
    one, nan = format.bias << format.trailing_bits, format.max_finite + 1
    most, shape = 1 << format.width, (n, blocks)

    def side() -> Codes:
        steps = [
            np.broadcast_to(rng.integers(-9, 10, (n, 1)), shape),
            rng.integers(-3, 4, shape),
            rng.integers(-40, 41, shape),
        ]
        near = [np.clip(one + each, 0, format.max_finite) for each in steps]
        signs = rng.integers(0, 2, shape) * format.sign_mask
        codes = [*(each | signs for each in near), rng.integers(0, most, shape)]
        chosen = np.choose(rng.integers(0, 4, (n, 1)), codes)
        return np.where(rng.random(shape) < 0.02, nan, chosen).astype(format.storage_dtype)

    return side(), side()


@dataclass(frozen=True)
class _ScaledDot:
    """The dot product of a unit."""

    unit: rules.Unit

    def __call__(
        self, a: list[int], b: list[int], scales_a: list[int], scales_b: list[int], c: int
    ) -> int:
        for start in range(0, len(a), self.unit.rule.instruction):
            places = range(start, min(start + self.unit.rule.instruction, len(a)))
            c = self._instruction(places, (a, b), (scales_a, scales_b), c)
        return c

    def _instruction(
        self,
        places: range,
        operands: tuple[list[int], list[int]],
        scales: tuple[list[int], list[int]],
        c: int,
    ) -> int:
        unit, rule = self.unit, self.unit.rule
        assert isinstance(rule, rules.BlockFma | rules.ScaledSums)
        try:
            addend = _number(unit.output, c)
            if addend.exponent is not None:
                addend = Term(addend.value, max(addend.exponent, _LEAST_EXPONENT))
            terms = [addend, *self._terms(places, operands, scales)]
        except _NotANumberError:
            return unit.nan
        signs = {term.value for term in terms if term.exponent is None}
        if signs:
            return unit.nan if len(signs) == 2 else _encoded_infinity(unit.output, signs.pop())
        counting = [e for value, e in terms if value != 0 and e is not None]
        assert rule.floor is not None
        quantum = Fraction(2) ** (max([rule.floor, *counting]) - rule.fraction_bits)
        # int() truncates toward zero.
        return _encoded(unit.output, sum(int(value / quantum) for value, _ in terms) * quantum)

    def _terms(
        self,
        places: range,
        operands: tuple[list[int], list[int]],
        scales: tuple[list[int], list[int]],
    ) -> Iterator[Term]:
        rule, shared = self.unit.rule, self.unit.scales
        assert shared is not None
        part = rule.part if isinstance(rule, rules.ScaledSums) else 1
        formats = self.unit.left.format, self.unit.right.format
        for start in places[::part]:
            factors = [
                _number(shared.format, side[start // shared.size] & shared.format.magnitude_mask)
                for side in scales
            ]
            factor = _times(*factors)
            products = [
                _times(*(_number(f, side[k]) for f, side in zip(formats, operands, strict=True)))
                for k in range(start, min(start + part, places.stop))
            ]
            if isinstance(rule, rules.ScaledSums):
                # e2m1 has no infinities, so that each product has a value.
                total = sum((x.value for x in products), Fraction(0))
                yield Term(total * factor.value, factor.exponent)
            else:
                yield _times(products[0], factor)


class _NotANumberError(Exception):
    """A term is NaN, or infinity times zero."""


def _number(format: Format, code: int) -> Term:
    """Return the number of an encoding, and the exponent of its significand.

    Raises:
        _NotANumberError: It is NaN.
    """
    if bool(format.is_nan(code)):
        raise _NotANumberError
    sign = -1 if code & format.sign_mask else 1
    if bool(format.is_infinite(code)):
        return Term(Fraction(sign), None)
    field, trailing = divmod(code & format.magnitude_mask, 1 << format.trailing_bits)
    is_normal = field > 0 or not format.has_zero
    exponent = (field if is_normal else 1) - format.bias
    significand = Fraction(trailing, 1 << format.trailing_bits) + is_normal
    return Term(sign * significand * Fraction(2) ** exponent, exponent)


def _times(x: Term, y: Term) -> Term:
    """Return a product, whose exponent is the sum of both.

    Raises:
        _NotANumberError: It is infinity times zero.
    """
    value = x.value * y.value
    if x.exponent is not None and y.exponent is not None:
        return Term(value, x.exponent + y.exponent)
    if value == 0:
        raise _NotANumberError
    return Term(Fraction(1 if value > 0 else -1), None)


def _encoded(format: Format, value: Fraction) -> int:
    """Return the encoding of a number truncated toward zero; infinity if it is then too large."""
    size = abs(value)
    e = format.emin
    while size >= Fraction(2) ** (e + 1):
        e += 1
    units = int(size / Fraction(2) ** (e - format.trailing_bits))
    if units == 0:
        return 0
    if e > format.emax:
        return _encoded_infinity(format, value)
    field = e + format.bias if units & format.implicit_bit else 0
    sign = format.sign_mask if value < 0 else 0
    return sign | field << format.trailing_bits | units & format.trailing_mask


def _encoded_infinity(format: Format, sign: Fraction) -> int:
    return format.infinity | (format.sign_mask if sign < 0 else 0)
