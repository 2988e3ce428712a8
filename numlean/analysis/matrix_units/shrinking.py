"""Shrink a dot product at which two matrix units differ to fewer terms and simpler numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import Operands

_SHIFTS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_ROUNDS: Final = 1000
"""The most steps; each makes the product simpler, and a few dozen are usual."""


@dataclass(frozen=True)
class DotProduct:
    """A dot product of encodings.

    Attributes:
        a: Encodings of the operands' format.
        b: Likewise, as many.
        c: The accumulator, an encoding of the output's format.
    """

    a: tuple[int, ...]
    b: tuple[int, ...]
    c: int

    @property
    def k(self) -> int:
        """The number of products."""
        return len(self.a)

    def with_term(self, i: int, a: int, b: int) -> DotProduct:
        """Return the product with other operands at k = i."""
        left, right = list(self.a), list(self.b)
        left[i], right[i] = a, b
        return replace(self, a=tuple(left), b=tuple(right))

    def without(self, i: int) -> DotProduct:
        """Return the product without the operands at k = i."""
        return replace(self, a=self.a[:i] + self.a[i + 1 :], b=self.b[:i] + self.b[i + 1 :])


Differ: TypeAlias = Callable[[Sequence[DotProduct]], Sequence[bool]]
"""Tells for each product whether the units differ."""
Cost: TypeAlias = tuple[int, ...]


def shrink(product: DotProduct, operands: Operands, output: Format, differ: Differ) -> DotProduct:
    """Return the simplest product that is found by small steps and at which units still differ.

    Simple means: few terms, finite, few of them not zero, normal numbers, significands of few bits,
    operands of 1, exponents near 0, and few signs.
    """
    simplifier = _Simplifier(operands, output)
    best = product
    for _ in range(_ROUNDS):
        least = simplifier.cost(best)
        known = {each: simplifier.cost(each) for each in simplifier.simpler(best)}
        simpler = sorted((each for each in known if known[each] < least), key=known.__getitem__)
        found = next((p for p, it in zip(simpler, differ(simpler), strict=True) if it), None)
        if found is None:
            return best
        best = found
    return best


def complexity(product: DotProduct, operands: Operands, output: Format) -> Cost:
    """Return how far a product is from simple; the first number weighs most."""
    return _Simplifier(operands, output).cost(product)


class _Simplifier:
    def __init__(self, operands: Operands, output: Format) -> None:
        self._format, self._output = operands.format, output

    def cost(self, product: DotProduct) -> Cost:
        """Return how far a product is from simple; the first number weighs most."""
        f, output = self._format, self._output
        numbers = [(x, f) for x in (*product.a, *product.b)] + [(product.c, output)]
        terms = sum(1 for a, b in zip(product.a, product.b, strict=True) if a or b)
        others = sum(1 for x, g in numbers[:-1] if x not in (0, g.one))
        return (
            product.k,
            sum(1 for x, g in numbers if not g.is_finite(x)),
            terms + (product.c != 0),
            sum(1 for x, g in numbers if 0 < x & g.magnitude_mask < g.least_normal),
            sum((x & g.trailing_mask).bit_count() for x, g in numbers),
            others,
            sum(abs(_exponent(x, g)) for x, g in numbers),
            sum(1 for x, g in numbers if x & g.sign_mask),
        )

    def simpler(self, product: DotProduct) -> Iterator[DotProduct]:
        """Yield products that may be simpler."""
        if product.k > 1:
            yield from (product.without(i) for i in range(product.k))
        yield replace(product, c=0)
        yield from (replace(product, c=c) for c in _simpler_numbers(product.c, self._output))
        f = self._format
        for i, (a, b) in enumerate(zip(product.a, product.b, strict=True)):
            yield product.with_term(i, 0, 0)
            yield product.with_term(i, f.one, f.one)
            for x in (f.one, *_simpler_numbers(a, f)):
                yield product.with_term(i, x, b)
            for x in (f.one, *_simpler_numbers(b, f)):
                yield product.with_term(i, a, x)
            yield from self._moved(product, i)
        yield from self._scaled(product)
        yield self._negated(product)

    def _moved(self, product: DotProduct, i: int) -> Iterator[DotProduct]:
        """Yield products that move an exponent or a sign from one operand to the other."""
        f, a, b = self._format, product.a[i], product.b[i]
        for left, right, is_swapped in ((a, b, False), (b, a, True)):
            e = _exponent(left, f)
            moved = _shifted(right, f, e)
            if _is_normal(left, f) and moved is not None:
                sign = left & f.sign_mask
                x, y = f.one | (left & f.trailing_mask), moved ^ sign
                yield product.with_term(i, *((y, x) if is_swapped else (x, y)))

    def _scaled(self, product: DotProduct) -> Iterator[DotProduct]:
        """Yield products that are multiplied by a power of two, in each way."""
        f = self._format
        for shift in (sign * each for each in _SHIFTS for sign in (-1, 1)):
            for name in ("a", "b"):
                given = getattr(product, name)
                shifted = (_shifted(x, f, shift) for x in given)
                moved = tuple(x for x in shifted if x is not None)
                c = _shifted(product.c, self._output, shift)
                if c is not None and len(moved) == len(given):
                    scaled = replace(product, c=c)
                    yield replace(scaled, a=moved) if name == "a" else replace(scaled, b=moved)

    def _negated(self, product: DotProduct) -> DotProduct:
        """Return the product whose terms have the other sign."""
        mask = self._format.sign_mask
        b = tuple(x ^ mask if x else x for x in product.b)
        c = product.c ^ self._output.sign_mask if product.c else 0
        return replace(product, b=b, c=c)


def _simpler_numbers(x: int, f: Format) -> Iterator[int]:
    """Yield numbers like x with fewer bits, without its sign, or nearer to 1."""
    if x == 0:
        return
    trailing = x & f.trailing_mask
    if x & f.sign_mask:
        yield x ^ f.sign_mask
    if trailing:
        yield x ^ trailing
        yield from _last_bit(x, f)
        yield x & ~(trailing & -trailing)
        yield x ^ (1 << (trailing.bit_length() - 1))
        top = f.implicit_bit >> 1
        if trailing != top:
            yield x ^ trailing | top
    if f.is_finite(x):
        for shift in _SHIFTS:
            for sign in (-1, 1):
                moved = _shifted(x, f, sign * shift)
                if moved is not None:
                    yield moved


def _last_bit(x: int, f: Format) -> Iterator[int]:
    """Yield the power of two that is the last bit of a number that is not one."""
    trailing = x & f.trailing_mask
    last = (trailing & -trailing).bit_length() - 1
    power = _shifted(x ^ trailing, f, last - f.trailing_bits)
    if power is not None:
        yield power


def _exponent(x: int, f: Format) -> int:
    """Return the exponent of a number; 0 for zero."""
    magnitude = x & f.magnitude_mask
    return max(magnitude >> f.trailing_bits, 1) - f.bias if magnitude else 0


def _is_normal(x: int, f: Format) -> bool:
    return f.least_normal <= x & f.magnitude_mask <= f.max_finite


def _shifted(x: int, f: Format, shift: int) -> int | None:
    """Return a number times a power of two; None if that is not a normal number."""
    if x & f.magnitude_mask == 0:
        return x
    moved = (x & f.magnitude_mask) + (shift << f.trailing_bits)
    if not _is_normal(x, f) or not f.least_normal <= moved <= f.max_finite:
        return None
    return moved | (x & f.sign_mask)
