"""Exact sums of products of encodings, in fixed point, rounded once (Kulisch's accumulator).

**Notation.** A sum is a signed integer of ``words`` words of 32 bits, the least significant first,
in units of 2**base, where 2**base divides every product of finite operands and every addend. Each
word is kept in a signed integer of 64 bits: a term adds at most 2**32 to a word in magnitude, so
words need no carries until all terms are added, if there are fewer than 2**31 of them. A term is
zero or more flags of its *kind* and a magnitude whose bit 0 is at ``place`` of the sum.

The kinds of all terms are joined by ``|``, so the result depends on no order. Zeros have the sign
of a sum that starts from +0 (clause 6.3): -0 only when rounding toward negative, unless every term
is +0. Any NaN gives the default NaN; so do a product of zero and infinity and infinities of both
signs, which are invalid, as signalling NaNs are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from numlean_kernels.flags import INVALID
from numlean_kernels.formats import Format, format_of_key
from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.ieee.convert import BINARY64_EXACTLY, narrow_between
from numlean_kernels.ieee.nan import default_nan, make_is_signalling
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.ieee.stored import make_read_stored
from numlean_kernels.protocol import Routine

WORD: Final = 32
"""The bits of a word of the sum."""

NAN: Final = 1
INVALID_TERM: Final = 2
POSITIVE_INFINITY: Final = 4
NEGATIVE_INFINITY: Final = 8
NOT_PLUS_ZERO: Final = 16
"""The kinds of a term; a nonzero finite number is the last one."""

MOST_TERMS_BITS: Final = 31
"""A sum has fewer terms than two to this power."""

_PRODUCT: Final = "exact product "
_ADDEND: Final = "exact addend "
ROUND: Final = "exact round"
"""The name of the routine that rounds a sum."""


@dataclass(frozen=True)
class ExactSum:
    """The fixed-point numbers that hold every sum of products of two formats, and of addends.

    Attributes:
        left: The format of the first operand of a product.
        right: The format of the second operand.
        addend: The format of a further term; None if there is none.
    """

    left: Format
    right: Format
    addend: Format | None = None

    keeps_flags = True
    """Sums raise flags."""

    @property
    def key(self) -> str:
        """The keys of the formats."""
        return f"{self.left.key} {self.right.key} {self.addend.key if self.addend else '-'}"

    @property
    def product(self) -> str:
        """The name of the routine that multiplies two encodings."""
        return _PRODUCT + self.key

    @property
    def term(self) -> str:
        """The name of the routine that reads an addend."""
        return _ADDEND + self.key

    @property
    def base(self) -> int:
        """The exponent of the unit of a sum."""
        of_product = _last_exponent(self.left) + _last_exponent(self.right)
        return min(of_product, _last_exponent(self.addend)) if self.addend else of_product

    @property
    def words(self) -> int:
        """The number of words of a sum."""
        top = self.left.emax + self.right.emax + 2
        if self.addend:
            top = max(top, self.addend.emax + 1)
        bits = top - self.base
        # The sum of most terms and its sign, and all words that a term may touch.
        return max(-(-(bits + MOST_TERMS_BITS + 1) // WORD), bits // WORD + self.parts)

    @property
    def parts(self) -> int:
        """The number of words that a term touches."""
        return 5 if self.is_wide else 3

    @property
    def is_wide(self) -> bool:
        """Whether a product may have more than 64 bits."""
        return self.left.precision + self.right.precision > 64


def is_term(name: str) -> bool:
    """Return whether a routine of that name reads a term of an exact sum."""
    return name.startswith((_PRODUCT, _ADDEND))


@cache
def term_maker(name: str) -> Maker:
    """Return the maker of ``ExactSum.product`` or ``ExactSum.term`` by its name."""
    make, start = (
        (_make_product, _PRODUCT) if name.startswith(_PRODUCT) else (_make_addend, _ADDEND)
    )
    left, right, addend = name.removeprefix(start).split()
    further = None if addend == "-" else format_of_key(addend)
    shape = ExactSum(format_of_key(left), format_of_key(right), further)
    return lambda builder: make(builder, shape)


def _last_exponent(format: Format) -> int:
    return format.emin - format.trailing_bits


def _reader(builder: RoutineBuilder, format: Format) -> Routine:
    """Return ``read(a) -> (negative, zero, infinite, nan, signalling, exp, sig)``.

    A finite encoding is sig * 2**(exp - 1) in units of its format's last place. Others have sig 0.
    """
    source = routine_builder(Arithmetic(format), builder.target)
    is_signalling, word = source.routine(make_is_signalling), source.word
    long, signed = builder.target.unsigned(64), builder.signed
    sign_mask, magnitude_mask, trailing_mask, implicit_bit = source.words(
        "sign_mask", "magnitude_mask", "trailing_mask", "implicit_bit"
    )
    max_finite, max_number = source.words("max_finite", "max_number")
    trailing_bits, zero, one = word(format.trailing_bits), word(0), signed(1)
    read_stored = source.routine(make_read_stored)

    def read(a: Any) -> Any:
        a = read_stored(a)
        magnitude = word(a & magnitude_mask)
        field = signed(magnitude >> trailing_bits)
        is_finite = magnitude <= max_finite
        sig = word((magnitude & trailing_mask) | (implicit_bit if field != 0 else zero))
        sig = sig if is_finite else zero
        exp = field if (field != 0) & is_finite else one
        is_nan = magnitude > max_number
        is_infinite = (not is_finite) & (not is_nan)
        return (
            (a & sign_mask) != 0,
            magnitude == 0,
            is_infinite,
            is_nan,
            is_signalling(a),
            exp,
            long(sig),
        )

    return builder.target.routine(read)


def _kind_routine(builder: RoutineBuilder) -> Routine:
    """Return ``kind(negative, zero, infinite, nan, invalid)``: the flags of a term."""
    signed = builder.signed
    none, nan_kind, invalid_kind = signed(0), signed(NAN), signed(NAN | INVALID_TERM)
    positive, negative_kind, not_zero = (
        signed(POSITIVE_INFINITY),
        signed(NEGATIVE_INFINITY),
        signed(NOT_PLUS_ZERO),
    )

    def kind(negative: Any, zero: Any, infinite: Any, nan: Any, invalid: Any) -> Any:
        found = none if zero & (not negative) else not_zero
        of_infinity = negative_kind if negative else positive
        found = of_infinity if infinite else found
        found = nan_kind if nan else found
        return invalid_kind if invalid else found

    return builder.target.routine(kind)


def make_split(builder: RoutineBuilder) -> Routine:
    """Return ``split(low, shift) -> (part0, part1, part2)``: a word of 64 bits, moved left.

    Parts are 32 bits each, the least significant first, for 0 <= shift < 32.
    """
    long, mask = builder.target.unsigned(64), builder.target.unsigned(64)((1 << WORD) - 1)
    half = long(WORD)

    def split(low: Any, shift: Any) -> Any:
        back = long(half - shift)
        return (
            long(long(low << shift) & mask),
            long(long(low >> back) & mask),
            long(long(low >> half) >> back),
        )

    return split


def _make_product(builder: RoutineBuilder, shape: ExactSum) -> Routine:
    """Return ``product(a, b) -> (kind, negative, first, part0 ... part4)``.

    The magnitude of the term is the sum of parts * 2**(32 * (first + k)); parts are int64.
    """
    target, signed = builder.target, builder.signed
    long, part = target.unsigned(64), target.signed(64)
    read_a, read_b = _reader(builder, shape.left), _reader(builder, shape.right)
    kind_of, split, high_product = (
        _kind_routine(builder),
        builder.routine(make_split),
        target.high_product(64),
    )
    lowest = _last_exponent(shape.left) + _last_exponent(shape.right) - shape.base - 2
    offset, five, low_bits, zero = signed(lowest), signed(5), signed(WORD - 1), long(0)
    is_wide = shape.is_wide

    def product(a: Any, b: Any) -> Any:
        negative_a, zero_a, infinite_a, nan_a, signalling_a, exp_a, sig_a = read_a(a)
        negative_b, zero_b, infinite_b, nan_b, signalling_b, exp_b, sig_b = read_b(b)
        negative, zero_product = negative_a != negative_b, zero_a | zero_b
        infinite, nan = infinite_a | infinite_b, nan_a | nan_b
        invalid = signalling_a | signalling_b | (infinite & zero_product & (not nan))
        kind = kind_of(negative, zero_product, infinite, nan, invalid)
        place = signed(exp_a + exp_b + offset)
        shift = long(place & low_bits)
        part0, part1, part2 = split(long(sig_a * sig_b), shift)
        high0, high1, high2 = split(high_product(sig_a, sig_b) if is_wide else zero, shift)
        return (
            kind,
            negative,
            signed(place >> five),
            part(part0),
            part(part1),
            part(long(part2 | high0)),
            part(high1),
            part(high2),
        )

    return product


def _make_addend(builder: RoutineBuilder, shape: ExactSum) -> Routine:
    """Return ``addend(c) -> (kind, negative, first, part0, part1, part2)``, as ``product`` does."""
    target, signed, format = builder.target, builder.signed, shape.addend
    assert format is not None
    long, part, read = target.unsigned(64), target.signed(64), _reader(builder, format)
    kind_of, split = _kind_routine(builder), builder.routine(make_split)
    offset, five = signed(_last_exponent(format) - shape.base - 1), signed(5)
    low_bits = signed(WORD - 1)

    def addend(c: Any) -> Any:
        negative, zero, infinite, nan, signalling, exp, sig = read(c)
        place = signed(exp + offset)
        part0, part1, part2 = split(sig, long(place & low_bits))
        kind = kind_of(negative, zero, infinite, nan, signalling)
        return kind, negative, signed(place >> five), part(part0), part(part1), part(part2)

    return addend


def make_round(builder: RoutineBuilder) -> Routine:
    """Return ``round(kinds, negative, exponent, part2, part1, part0, sticky, *random_bits)``.

    It returns (z, flags). The magnitude of the sum is (part2 + part1 / 2**32 + part0 / 2**64 and
    more, if sticky) * 2**exponent, where part2 is zero only if the sum is.
    """
    word, signed = builder.word, builder.signed
    long_builder = routine_builder(BINARY64_EXACTLY, builder.target)
    long, clz, narrow = long_builder.word, long_builder.clz, narrow_between(long_builder, builder)
    round_pack, infinite = builder.routine(make_round_pack), builder.routine(make_infinite)
    nan, half, mask = default_nan(builder), long(WORD), long((1 << WORD) - 1)
    shift_mask, zero_long, one_long = long(63), long(0), long(1)
    top_exp = signed(builder.format.bias + WORD - 1)
    sign_mask, plus = builder.words("sign_mask", "zero")
    no_flag, invalid_flag = word(0), word(INVALID)
    negative_zeros = builder.arithmetic.rounding is Rounding.TOWARD_NEGATIVE
    zero_sign = sign_mask if negative_zeros else plus
    both = signed(POSITIVE_INFINITY | NEGATIVE_INFINITY)
    nan_kind, invalid_kind = signed(NAN), signed(INVALID_TERM)
    negative_kind, none = signed(NEGATIVE_INFINITY), signed(0)

    def round_sum(
        kinds: Any,
        negative: Any,
        exponent: Any,
        part2: Any,
        part1: Any,
        part0: Any,
        sticky: Any,
        *random_bits: Any,
    ) -> Any:
        head = long(long(long(part2) << half) | long(part1))
        zeros = long(long(clz(head)) & shift_mask)
        tail = long(long(part0) << zeros)
        lost = sticky | (long(tail & mask) != 0)
        sig = long(long(head << zeros) | long(tail >> half) | (one_long if lost else zero_long))
        sign = sign_mask if negative else plus
        exp = signed(signed(exponent) + top_exp - signed(zeros))
        z, flags = round_pack(sign, exp, narrow(sig), *random_bits)
        is_zero = part2 == 0
        z = (plus if kinds == none else zero_sign) if is_zero else z
        flags = no_flag if is_zero else flags
        infinities = signed(kinds & both)
        z = infinite(sign_mask if (kinds & negative_kind) != 0 else plus) if infinities != 0 else z
        flags = no_flag if infinities != 0 else flags
        has_nan = (kinds & nan_kind) != 0
        invalid = ((kinds & invalid_kind) != 0) | ((infinities == both) & (not has_nan))
        z = nan if has_nan | invalid else z
        flags = (invalid_flag if invalid else no_flag) if has_nan | invalid else flags
        return z, flags

    return round_sum
