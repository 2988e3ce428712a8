"""Each step of a dot product of a matrix unit, in exact rationals: slow, and simple to follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Final

from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import (
    FLOORED,
    NEAREST,
    TRUNCATED,
    BlockFma,
    ExactBlock,
    FmaChain,
    Operands,
    Pairwise,
    ScaledSums,
    TwoStage,
    Unit,
)

if TYPE_CHECKING:
    from numlean_kernels.ieee.arithmetic import Rounding

_E_ZERO: Final = -126
"""The exponent of an accumulator of zero in two-stage rules."""
_INFINITE_PRODUCT: Final = Fraction(2) ** 128


@dataclass(frozen=True)
class Term:
    """A term of a sum.

    Attributes:
        name: ``c``, ``k = 3`` or the name of an earlier sum.
        value: The exact value; None for an infinity or a NaN.
        exponent: The exponent with which it counts in e*; None if it does not count.
        aligned: What is left of the value after the alignment; the value if terms are not aligned.
        text: The encodings, as hexadecimal texts.
    """

    name: str
    value: Fraction | None
    exponent: int | None
    aligned: Fraction | None
    text: str

    @property
    def lost(self) -> Fraction:
        """The value that the alignment cut off."""
        return (
            Fraction(0) if self.value is None or self.aligned is None else self.value - self.aligned
        )


@dataclass(frozen=True)
class Step:
    """One sum.

    Attributes:
        title: What is added.
        terms: The terms in their order.
        top: e*, the greatest exponent; None if terms are not aligned.
        fraction_bits: The bits below 2**top to which the terms are aligned; None likewise.
        total: The exact sum of the aligned terms; None with an infinity or a NaN.
        rounding: How the sum becomes the result, in words; "" if it stays as it is.
        result: The encoding of the result; None if the sum is a term of the next step.
    """

    title: str
    terms: tuple[Term, ...]
    top: int | None
    fraction_bits: int | None
    total: Fraction | None
    rounding: str
    result: int | None


def unit_steps(unit: Unit, a: Sequence[int], b: Sequence[int], c: int) -> tuple[Step, ...]:
    """Return the steps of one chain of instructions, in order; the last one has the result.

    The chain takes all k: the options of :class:`Chain` are not applied here.

    Args:
        unit: The unit.
        a: Encodings of the left operands.
        b: Encodings of the right operands, as many.
        c: The encoding of the accumulator.
    """
    size = unit.rule.instruction
    steps: list[Step] = []
    result = c
    for start in range(0, max(len(a), 1), size):
        places = range(start, start + size)
        left, right = ([x[k] if k < len(x) else 0 for k in places] for x in (a, b))
        made = tuple(_Instruction(unit, start, left, right).steps(result))
        steps += made
        last = made[-1].result
        assert last is not None
        result = last
    return tuple(steps)


@dataclass(frozen=True)
class _Number:
    """A number that is read: sign * significand * 2**unit."""

    sign: int
    significand: int
    exponent: int
    unit: int
    is_infinite: bool = False
    is_nan: bool = False

    @property
    def is_finite(self) -> bool:
        return not (self.is_infinite or self.is_nan)

    @property
    def is_zero(self) -> bool:
        return self.is_finite and self.significand == 0

    @property
    def value(self) -> Fraction | None:
        if not self.is_finite:
            return None
        return self.sign * self.significand * Fraction(2) ** self.unit


def _read(format: Format, x: int, precision: int | None = None) -> _Number:
    """Return a number; significant bits beyond the precision are cut off."""
    dropped = format.precision - (precision or format.precision)
    sign = -1 if x & format.sign_mask else 1
    magnitude = x & format.magnitude_mask
    if bool(format.is_nan(x)):
        return _Number(1, 0, 0, 0, is_nan=True)
    if bool(format.is_infinite(x)):
        return _Number(sign, 0, 0, 0, is_infinite=True)
    field = magnitude >> format.trailing_bits
    significand = (magnitude & format.trailing_mask) | (format.implicit_bit if field else 0)
    exponent = max(field, 1) - format.bias
    unit = exponent - format.trailing_bits + dropped
    return _Number(sign, significand >> dropped, exponent, unit)


def _rounded(value: Fraction, direction: Rounding) -> int:
    """Return the integer to which a number is rounded."""
    if direction is NEAREST:
        return round(value)  # of Fractions, to nearest even
    if direction is FLOORED:
        return floor(value)
    assert direction is TRUNCATED
    return int(value)


def _aligned(value: Fraction, exponent: int, direction: Rounding) -> Fraction:
    """Return a multiple of 2**exponent."""
    unit = Fraction(2) ** exponent
    return _rounded(value / unit, direction) * unit


def _exponent_of(value: Fraction) -> int:
    """Return e with 2**e <= abs(value) < 2**(e + 1)."""
    e = abs(value.numerator).bit_length() - value.denominator.bit_length()
    return e if abs(value) >= Fraction(2) ** e else e - 1


def encode(format: Format, value: Fraction, precision: int, direction: Rounding, zero: int) -> int:
    """Return the encoding of a number, rounded once; what is too large becomes infinite.

    Args:
        format: The format.
        value: The number.
        precision: The significant bits that are kept.
        direction: The direction of the rounding.
        zero: The encoding of a result of zero.
    """
    if value == 0:
        return zero
    exponent = max(_exponent_of(value), format.emin)
    kept = _rounded(value / Fraction(2) ** (exponent - precision + 1), direction)
    if kept == 0:
        return zero
    units = abs(kept) << (format.precision - precision)
    magnitude = ((exponent + format.bias - 1) << format.trailing_bits) + units
    sign = format.sign_mask if kept < 0 else 0
    return sign | min(magnitude, format.infinity)


class _Instruction:
    """One instruction: its rule and its operands."""

    def __init__(self, unit: Unit, start: int, a: Sequence[int], b: Sequence[int]) -> None:
        self._unit, self._start, self._a, self._b = unit, start, a, b
        self._output = unit.output

    def steps(self, c: int) -> Iterator[Step]:
        """Yield the steps that follow from an accumulator."""
        rule = self._unit.rule
        match rule:
            case BlockFma():
                return self._block_fma(rule, c)
            case ExactBlock():
                return self._exact(c)
            case Pairwise():
                return self._pairwise(rule, c)
            case TwoStage():
                return self._two_stage(rule, c)
            case FmaChain():
                return self._fma(c)
            case ScaledSums():
                raise ValueError("steps do not follow scales")

    def _block_fma(self, rule: BlockFma, c: int) -> Iterator[Step]:
        order = rule.k_order or tuple(range(rule.group))
        result = 0 if rule.adds_last else c
        for first in range(0, len(order), rule.group):
            places = order[first : first + rule.group]
            step = self._aligned_sum(rule, places, result, is_empty=rule.adds_last and not first)
            assert step.result is not None
            result = step.result
            yield step
        if rule.adds_last:
            yield self._sum("the sum of the products and c", result, c, ("sum", "c"))

    def _aligned_sum(
        self, rule: BlockFma, places: Sequence[int], c: int, *, is_empty: bool
    ) -> Step:
        f, unit = self._output, self._unit
        addend = _read(f, c)
        name = "c" if places[0] == 0 and self._start == 0 and not rule.adds_last else "sum"
        products = [self._product(k, rule.zero_exponent) for k in places]
        counted = addend.exponent if not addend.is_zero else rule.zero_exponent
        own = _Read(name, addend, counted, _hex(c, f))
        terms = products if is_empty and c == 0 and rule.zero_exponent is None else [own, *products]
        title = self._title(places)
        special = _special([each.number for each in terms], unit)
        if special is not None:
            made = tuple(Term(e.name, e.number.value, e.exponent, None, e.text) for e in terms)
            return Step(title, made, None, None, None, "an infinity or a NaN", special)
        exponents = [each.exponent for each in terms if each.exponent is not None]
        exponents += [] if rule.floor is None else [rule.floor]
        top = max(exponents, default=None)
        if top is None:
            made = tuple(Term(e.name, Fraction(0), None, Fraction(0), e.text) for e in terms)
            return Step(title, made, None, None, Fraction(0), "zero", 0)
        made = tuple(
            Term(
                e.name, v, e.exponent, _aligned(v, top - rule.fraction_bits, rule.alignment), e.text
            )
            for e in terms
            if (v := e.number.value) is not None
        )
        total = sum((t.aligned for t in made if t.aligned is not None), Fraction(0))
        precision = rule.result_precision or f.precision
        result = encode(f, total, precision, rule.result, 0)
        rounding = _rounding_text(rule.result, precision)
        return Step(title, made, top, rule.fraction_bits, total, rounding, result)

    def _product(self, k: int, zero_exponent: int | None = None) -> _Read:
        """Return the product at a place of the instruction."""
        unit = self._unit
        a, b = self._a[k], self._b[k]
        x, y = _operand(unit.left, a), _operand(unit.right, b)
        text = f"{_hex(a, unit.left.format)} * {_hex(b, unit.right.format)}"
        number = _times(x, y)
        exponent: int | None = None
        if number.is_finite and not number.is_zero:
            exponent = number.exponent
        elif number.is_zero and zero_exponent is not None:
            exponent = sum(zero_exponent if n.is_zero else n.exponent for n in (x, y))
        return _Read(f"k = {self._start + k}", number, exponent, text)

    def _exact(self, c: int) -> Iterator[Step]:
        f = self._output
        terms = [_Read("c", _read(f, c), None, _hex(c, f))]
        terms += [self._product(k) for k in range(len(self._a))]
        yield self._rounded_once(self._title(range(len(self._a))), terms)

    def _fma(self, c: int) -> Iterator[Step]:
        f, result = self._output, c
        for k in range(len(self._a)):
            terms = [_Read("c" if k + self._start == 0 else "sum", _read(f, result), None, "")]
            step = self._rounded_once(self._title([k]), [*terms, self._product(k)])
            assert step.result is not None
            result = step.result
            yield step

    def _rounded_once(self, title: str, terms: Sequence[_Read]) -> Step:
        """Return the step that adds terms exactly and rounds to nearest even."""
        f, unit = self._output, self._unit
        special = _special([each.number for each in terms], unit)
        made = tuple(
            Term(e.name, e.number.value, e.exponent, e.number.value, e.text) for e in terms
        )
        if special is not None:
            return Step(title, made, None, None, None, "an infinity or a NaN", special)
        total = sum((t.value for t in made if t.value is not None), Fraction(0))
        negative = all(each.number.sign < 0 for each in terms)
        is_zero_sum = all(each.number.is_zero for each in terms)
        zero = f.sign_mask if (negative and is_zero_sum) or total < 0 else 0
        result = encode(f, total, f.precision, NEAREST, zero)
        return Step(title, made, None, None, total, _rounding_text(NEAREST, f.precision), result)

    def _sum(
        self, title: str, x: int, y: int, names: tuple[str, str], *, flush: bool = False
    ) -> Step:
        f = self._output
        terms = [
            _Read(name, _read(f, each), None, _hex(each, f))
            for name, each in zip(names, (x, y), strict=True)
        ]
        step = self._rounded_once(title, terms)
        assert step.result is not None
        if not flush:
            return step
        result = _flushed(f, step.result)
        rounding = step.rounding + ("" if result == step.result else ", then to zero")
        return Step(step.title, step.terms, None, None, step.total, rounding, result)

    def _pairwise(self, rule: Pairwise, c: int) -> Iterator[Step]:
        f, names = self._output, [f"k = {self._start + k}" for k in range(len(self._a))]
        level = []
        for k in range(len(self._a)):
            step = self._rounded_product(k, flush=rule.flushes)
            assert step.result is not None
            level.append(step.result)
            if step.total != _read(f, step.result).value:
                yield step
        while len(level) > 1:
            following, titles = [], []
            for i in range(0, len(level), 2):
                both = (names[i], names[i + 1])
                title = f"({both[0]}) + ({both[1]})"
                step = self._sum(title, level[i], level[i + 1], both, flush=rule.flushes)
                assert step.result is not None
                following.append(step.result)
                titles.append(f"{names[i]} + {names[i + 1]}")
                yield step
            level, names = following, titles
        c = _unsigned_if_subnormal(f, c) if rule.flushes else c
        yield self._sum(
            "c and the sum of the products", c, level[0], ("c", "sum"), flush=rule.flushes
        )

    def _rounded_product(self, k: int, *, flush: bool) -> Step:
        """Return the step of one product, rounded to nearest even."""
        unit, f = self._unit, self._output
        operands = [
            _unsigned_if_subnormal(side.format, x[k]) if flush else x[k]
            for side, x in ((unit.left, self._a), (unit.right, self._b))
        ]
        product = _Instruction(unit, self._start, operands[:1], operands[1:])._product(0)
        number = product.number
        term = _Read(f"k = {self._start + k}", number, None, product.text)
        step = self._rounded_once(f"the product of k = {self._start + k}", [term])
        result = step.result
        assert result is not None
        if number.is_zero:
            result = f.sign_mask if number.sign < 0 else 0
        result = _flushed(f, result) if flush else result
        return Step(step.title, step.terms, None, None, step.total, step.rounding, result)

    def _two_stage(self, rule: TwoStage, c: int) -> Iterator[Step]:
        products = [self._product(k) for k in range(len(self._a))]
        numbers = [_read(self._output, c), *(_within_binary32(e.number) for e in products)]
        special = _special(numbers, self._unit)
        if special is not None:
            own = _Read("c", numbers[0], None, _hex(c, self._output))
            terms = tuple(
                Term(e.name, e.number.value, None, None, e.text) for e in (own, *products)
            )
            title = self._title(range(len(self._a)))
            yield Step(title, terms, None, None, None, "an infinity or a NaN", special)
            return
        parts = [products[0::2], products[1::2]] if rule.is_interleaved else [products]
        sums = [_aligned_products(self._part_title(part), part, rule) for part in parts]
        yield from sums
        top = max((each.top for each in sums if each.top is not None), default=None)
        total = sums[0].total or Fraction(0)
        if rule.is_interleaved:
            step = _aligned_sums("the sums", sums, top, rule.addend_bits)
            yield step
            total = step.total or Fraction(0)
        yield self._with_addend(rule, total, top, c)

    def _with_addend(self, rule: TwoStage, total: Fraction, top: int | None, c: int) -> Step:
        """Return the step that adds the sum of the products and c."""
        f = self._output
        addend = _read(f, c)
        exponent = _E_ZERO if addend.is_zero else addend.exponent
        greatest = exponent if top is None else max(top, exponent)
        value = addend.value or Fraction(0)
        is_dropped = rule.is_interleaved and exponent < greatest - rule.addend_bits - 1
        kept = Fraction(0) if is_dropped else _aligned(value, greatest - rule.addend_bits, FLOORED)
        summed = _aligned(total, greatest - rule.sum_bits, FLOORED)
        terms = (
            Term("sum", total, top, summed, ""),
            Term("c", value, exponent, kept, _hex(c, f)),
        )
        zero = f.sign_mask if summed + kept < 0 else 0
        result = encode(f, summed + kept, f.precision, NEAREST, zero)
        rounding = _rounding_text(NEAREST, f.precision)
        title = "the sum of the products and c, each rounded toward negative"
        return Step(title, terms, greatest, rule.sum_bits, summed + kept, rounding, result)

    def _part_title(self, part: Sequence[_Read]) -> str:
        return self._title([int(each.name.removeprefix("k = ")) - self._start for each in part])

    def _title(self, places: Sequence[int]) -> str:
        shown = [self._start + k for k in places]
        if len(shown) == 1:
            return f"k = {shown[0]}"
        if shown == list(range(shown[0], shown[-1] + 1)):
            return f"k = {shown[0]} to {shown[-1]}"
        return f"k = {' '.join(map(str, shown))}"


@dataclass(frozen=True)
class _Read:
    """A term before it is aligned."""

    name: str
    number: _Number
    exponent: int | None
    text: str


def _within_binary32(number: _Number) -> _Number:
    """Return a product, or the infinity of its sign if it is too large for binary32."""
    value = number.value
    if value is None or abs(value) < _INFINITE_PRODUCT:
        return number
    return _Number(number.sign, 0, 0, 0, is_infinite=True)


def _aligned_products(title: str, products: Sequence[_Read], rule: TwoStage) -> Step:
    """Return the step that truncates products below their greatest exponent and adds them."""
    exponents = [e.exponent for e in products if e.exponent is not None]
    top = max(exponents, default=None)
    terms = tuple(
        Term(
            e.name,
            value,
            e.exponent,
            value if top is None else _aligned(value, top - rule.fraction_bits, TRUNCATED),
            e.text,
        )
        for e in products
        if (value := e.number.value) is not None
    )
    total = sum((each.aligned for each in terms if each.aligned is not None), Fraction(0))
    bits = None if top is None else rule.fraction_bits
    return Step(title, terms, top, bits, total, "", None)


def _aligned_sums(title: str, sums: Sequence[Step], top: int | None, bits: int) -> Step:
    """Return the step that rounds the sums of products toward negative and adds them."""
    terms = tuple(
        Term(
            f"sum of {each.title}",
            value,
            each.top,
            value if top is None else _aligned(value, top - bits, FLOORED),
            "",
        )
        for each in sums
        if (value := each.total) is not None
    )
    total = sum((each.aligned for each in terms if each.aligned is not None), Fraction(0))
    return Step(title, terms, top, None if top is None else bits, total, "", None)


def _operand(operands: Operands, x: int) -> _Number:
    return _read(operands.format, x, operands.precision)


def _times(x: _Number, y: _Number) -> _Number:
    sign, exponent, unit = x.sign * y.sign, x.exponent + y.exponent, x.unit + y.unit
    if x.is_nan or y.is_nan:
        return _Number(1, 0, 0, 0, is_nan=True)
    if x.is_infinite or y.is_infinite:
        if x.is_zero or y.is_zero:
            return _Number(1, 0, 0, 0, is_nan=True)
        return _Number(sign, 0, 0, 0, is_infinite=True)
    return _Number(sign, x.significand * y.significand, exponent, unit)


def _special(numbers: Sequence[_Number], unit: Unit) -> int | None:
    """Return the result if there is an infinity or a NaN among the terms."""
    if all(each.is_finite for each in numbers):
        return None
    signs = {each.sign for each in numbers if each.is_infinite}
    if any(each.is_nan for each in numbers) or len(signs) > 1:
        return unit.nan
    return unit.output.infinity | (unit.output.sign_mask if -1 in signs else 0)


def _flushed(format: Format, x: int) -> int:
    """Return a number, or the zero of its sign if it is subnormal."""
    return x & format.sign_mask if 0 < x & format.magnitude_mask < format.least_normal else x


def _unsigned_if_subnormal(format: Format, x: int) -> int:
    """Return a number, or +0 if it is subnormal."""
    return 0 if 0 < x & format.magnitude_mask < format.least_normal else x


def _rounding_text(direction: Rounding, precision: int) -> str:
    words = {
        TRUNCATED: "truncated toward zero",
        FLOORED: "rounded toward negative",
        NEAREST: "rounded to nearest even",
    }
    return f"{words[direction]} to {precision} significant bits"


def _hex(encoding: int, format: Format) -> str:
    return f"{encoding:#0{2 + (format.width + 3) // 4}x}"
