"""Exact sums of products of codes, in fixed point, rounded once: the quire of posits.

The notation is that of :mod:`numlean_kernels.ieee.exact_sums`. The only kind of a term is NaR.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, final

from numlean_kernels.ieee.exact_sums import MOST_TERMS_BITS, NAN, WORD, make_split
from numlean_kernels.protocol import Routine
from numlean_kernels.tapered.builder import WORD_BITS, Maker, TaperedBuilder, tapered_builder
from numlean_kernels.tapered.codes import LEAD, make_magnitude, make_pack, make_unpack
from numlean_kernels.tapered.formats import Posit, TaperedFormat, format_of_key

_PRODUCT: Final = "tapered product "
_ADDEND: Final = "tapered addend "
_HALF: Final = WORD_BITS // 2


@final
@dataclass(frozen=True)
class TaperedSum:
    """The fixed-point numbers that hold every sum of products of two formats, and of addends.

    Attributes:
        left: The format of the first operand of a product.
        right: The format of the second operand.
        addend: The format of a further term; None if there is none.
    """

    left: TaperedFormat
    right: TaperedFormat
    addend: TaperedFormat | None = None

    is_wide = False
    """A product has at most 64 bits."""

    keeps_flags = False
    """Sums raise no flags."""

    @property
    def key(self) -> str:
        """The keys of the formats."""
        return f"{self.left.key} {self.right.key} {self.addend.key if self.addend else '-'}"

    @property
    def product(self) -> str:
        """The name of the routine that multiplies two codes."""
        return _PRODUCT + self.key

    @property
    def term(self) -> str:
        """The name of the routine that reads an addend."""
        return _ADDEND + self.key

    @property
    def base(self) -> int:
        """The exponent of the unit of a sum: that of the last place of the least term."""
        least = self.left.least_exponent + self.right.least_exponent
        return (min(least, self.addend.least_exponent) if self.addend else least) - LEAD

    @property
    def words(self) -> int:
        """The number of words of a sum."""
        top = self.left.exponent_limit + self.right.exponent_limit + 2
        if self.addend:
            top = max(top, self.addend.exponent_limit + 1)
        bits = top - self.base
        # The sum of most terms and its sign, and all words that a term may touch.
        return max(-(-(bits + MOST_TERMS_BITS + 1) // WORD), bits // WORD + 3)


@final
@dataclass(frozen=True)
class QuireFormat:
    """The accumulator of a posit: an integer in two's complement (Posit Standard 2022, section 3).

    It holds every sum of fewer than 2**31 products. With two exponent bits it has 16 * N bits, and
    its unit is 2**(16 - 8 * N). With others it has as many bits for carries, 31. Its least integer
    is NaR.

    Attributes:
        posit: The format of the operands.
    """

    posit: Posit

    @property
    def unit_exponent(self) -> int:
        """The exponent of the unit: that of the square of the least posit."""
        return -2 * self.posit.exponent_limit

    @property
    def width(self) -> int:
        """The number of bits."""
        return 4 * self.posit.exponent_limit + MOST_TERMS_BITS + 1

    @property
    def sum(self) -> TaperedSum:
        """The sums of products, in words that also have places below the unit."""
        return TaperedSum(self.posit, self.posit)

    @property
    def places_below(self) -> int:
        """The number of places of a sum below the unit, all of them zero."""
        return self.unit_exponent - self.sum.base

    @property
    def words(self) -> int:
        """The number of words of a sum; the last one is signed and has the sign of the quire."""
        return (self.width - 1 + self.places_below) // WORD + 1

    @property
    def top_bits(self) -> int:
        """The number of bits of the last word below the sign of the quire."""
        return (self.width - 1 + self.places_below) % WORD


def is_term(name: str) -> bool:
    """Return whether a routine of that name reads a term of an exact sum."""
    return name.startswith((_PRODUCT, _ADDEND))


@cache
def term_maker(name: str) -> Maker:
    """Return the maker of ``TaperedSum.product`` or ``TaperedSum.term`` by its name."""
    is_product = name.startswith(_PRODUCT)
    make, start = (_make_product, _PRODUCT) if is_product else (_make_addend, _ADDEND)
    left, right, addend = name.removeprefix(start).split()
    further = None if addend == "-" else format_of_key(addend)
    shape = TaperedSum(format_of_key(left), format_of_key(right), further)
    return lambda builder: make(builder, shape)


def make_read(builder: TaperedBuilder) -> Routine:
    """Return ``read(a) -> (negative, nar, zero, e, sig)``; sig and e are 0 for NaR and zero."""
    word, magnitude, unpack = (
        builder.word,
        builder.routine(make_magnitude),
        builder.routine(make_unpack),
    )
    nar, zero, none = word(builder.format.nar), word(0), builder.signed(0)

    def read(a: Any) -> Any:
        a = word(a)
        e, sig = unpack(magnitude(a))
        is_none = (a == nar) | (a == zero)
        return (
            (a & nar) != zero,
            a == nar,
            a == zero,
            none if is_none else e,
            zero if is_none else sig,
        )

    return read


def _make_product(builder: TaperedBuilder, shape: TaperedSum) -> Routine:
    """Return ``product(a, b) -> (kind, negative, first, part0 ... part4)``; the last two are 0.

    The magnitude of the term is the sum of parts * 2**(32 * (first + k)); parts are int64.
    """
    read_a, read_b = (
        tapered_builder(format, builder.target).routine(make_read)
        for format in (shape.left, shape.right)
    )
    word, signed, part = builder.word, builder.signed, builder.target.signed(64)
    split, half = builder.binary64.routine(make_split), word(_HALF - 1)
    offset, five, low_bits = signed(-LEAD - shape.base), signed(5), signed(WORD - 1)
    nar_kind, none, nothing = signed(NAN), signed(0), part(0)

    def product(a: Any, b: Any) -> Any:
        negative_a, nar_a, zero_a, e_a, sig_a = read_a(a)
        negative_b, nar_b, zero_b, e_b, sig_b = read_b(b)
        sig = word(word(sig_a >> half) * word(sig_b >> half))
        place = none if zero_a | zero_b | nar_a | nar_b else signed(e_a + e_b + offset)
        part0, part1, part2 = split(sig, word(place & low_bits))
        return (
            nar_kind if nar_a | nar_b else none,
            negative_a != negative_b,
            signed(place >> five),
            part(part0),
            part(part1),
            part(part2),
            nothing,
            nothing,
        )

    return product


def _make_addend(builder: TaperedBuilder, shape: TaperedSum) -> Routine:
    """Return ``addend(c) -> (kind, negative, first, part0, part1, part2)``, as ``product`` does."""
    assert shape.addend is not None
    read = tapered_builder(shape.addend, builder.target).routine(make_read)
    word, signed, part = builder.word, builder.signed, builder.target.signed(64)
    split = builder.binary64.routine(make_split)
    offset, five, low_bits = signed(-LEAD - shape.base), signed(5), signed(WORD - 1)
    nar_kind, none = signed(NAN), signed(0)

    def addend(c: Any) -> Any:
        negative, nar, zero, e, sig = read(c)
        place = none if zero | nar else signed(e + offset)
        part0, part1, part2 = split(sig, word(place & low_bits))
        kind = nar_kind if nar else none
        return kind, negative, signed(place >> five), part(part0), part(part1), part(part2)

    return addend


def make_round(builder: TaperedBuilder) -> Routine:
    """Return ``round(kinds, negative, exponent, part2, part1, part0, sticky) -> (z, 0)``.

    The magnitude of the sum is (part2 + part1 / 2**32 + part0 / 2**64 and more, if sticky) *
    2**exponent, where part2 is zero only if the sum is. No flag is raised.
    """
    word, signed, clz, pack = (
        builder.word,
        builder.signed,
        builder.clz,
        builder.routine(make_pack),
    )
    nar, zero, one = word(builder.format.nar), word(0), word(1)
    half, mask, shift_mask = word(WORD), word((1 << WORD) - 1), word(WORD_BITS - 1)
    top, none, no_flag = signed(WORD_BITS - 1 - WORD), signed(0), word(0)

    def round_sum(
        kinds: Any, negative: Any, exponent: Any, part2: Any, part1: Any, part0: Any, sticky: Any
    ) -> Any:
        head = word(word(word(part2) << half) | word(part1))
        zeros = word(word(clz(head)) & shift_mask)
        tail = word(word(part0) << zeros)
        sig = word(word(head << zeros) | word(tail >> half))
        lost = sticky | (word(tail & mask) != zero) | (word(sig & one) != zero)
        rounded = word(word(sig >> one) | (one if lost else zero))
        z = pack(negative, signed(signed(exponent) + top - signed(zeros)), rounded)
        z = zero if part2 == 0 else z
        return (nar if kinds != none else z), no_flag

    return round_sum
