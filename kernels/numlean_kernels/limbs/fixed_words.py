"""Instructions on a fixed number of words, without loops: LLVM's integers of any width.

LLVM turns a sum of integers of 64 * n bits into n additions with carry, which a loop over words
does not become. Each function here returns an intrinsic for numbers of n limbs, made once.

Words are given by an array and a place in it, the lowest first. ``unused`` are the bits of the
lowest limb below the precision: 0 to 63.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_ALL: Final = 0xFFFFFFFFFFFFFFFF
WORD: Final = ir.IntType(64)
_TWO_WORDS: Final = ir.IntType(128)
PLACE: Final = types.CPointer(types.uint64)
_WORDS: Final = (PLACE, types.uint64)


def address_of(builder: ir.IRBuilder, words: Any, place: Any) -> Any:
    """Return the address of a word."""
    return builder.gep(words, [place])


def load_words(builder: ir.IRBuilder, address: Any, count: int) -> list[Any]:
    """Return words from an address on."""
    places = (builder.gep(address, [WORD(k)]) for k in range(count))
    return [builder.load(place) for place in places]


def store_words(builder: ir.IRBuilder, words: Sequence[Any], address: Any) -> None:
    """Write words from an address on."""
    for k, word in enumerate(words):
        builder.store(word, builder.gep(address, [WORD(k)]))


def joined(builder: ir.IRBuilder, words: Sequence[Any]) -> Any:
    """Return words as one integer."""
    whole = ir.IntType(64 * len(words))
    total = builder.zext(words[0], whole) if len(words) > 1 else words[0]
    for k, word in enumerate(words[1:], 1):
        part = builder.shl(builder.zext(word, whole), whole(64 * k))
        total = builder.or_(total, part)
    return total


def parted(builder: ir.IRBuilder, value: Any, count: int) -> list[Any]:
    """Return the words of an integer."""
    if count == 1:
        return [value]
    shifted = (builder.lshr(value, value.type(64 * k)) for k in range(count))
    return [builder.trunc(each, WORD) for each in shifted]


def sum_of(builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any]) -> tuple[list[Any], Any]:
    """Return the sum of as many words, and the carry, a word."""
    pair = builder.uadd_with_overflow(joined(builder, x), joined(builder, y))
    total, carry = (builder.extract_value(pair, k) for k in range(2))
    return parted(builder, total, len(x)), builder.zext(carry, WORD)


def difference_of(
    builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any]
) -> tuple[list[Any], Any]:
    """Return the difference of as many words, and the borrow, a word."""
    pair = builder.usub_with_overflow(joined(builder, x), joined(builder, y))
    rest, borrow = (builder.extract_value(pair, k) for k in range(2))
    return parted(builder, rest, len(x)), builder.zext(borrow, WORD)


def multiple_of(
    builder: ir.IRBuilder, x: Sequence[Any], factor: Any, carry: Any
) -> tuple[list[Any], Any]:
    """Return the words of x * factor + carry, and the word above them."""
    b = builder
    wide = b.zext(factor, _TWO_WORDS)
    rows = [parted(builder, b.mul(b.zext(word, _TWO_WORDS), wide), 2) for word in x]
    low, high = [row[0] for row in rows], [row[1] for row in rows]
    total, over = sum_of(builder, low, [carry, *high[:-1]])
    return total, b.add(high[-1], over)


def product_of(builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any]) -> list[Any]:
    """Return the 2n words of the product of n words, by a row for each word of y."""
    lower: list[Any] = []
    upper: list[Any] = []
    for word in y:
        total, top = multiple_of(builder, x, word, WORD(0))
        if upper:
            total, carry = sum_of(builder, total, upper)
            top = builder.add(top, carry)
        lower.append(total[0])
        upper = [*total[1:], top]
    return lower + upper


def upper_product_of(builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any]) -> list[Any]:
    """Return the upper n + 1 words of the product of n words, without those that count less."""
    words: list[Any] = []
    for k, word in enumerate(y):
        total, top = multiple_of(builder, x[len(x) - 1 - k :], word, WORD(0))
        if words:
            total, carry = sum_of(builder, total, words)
            top = builder.add(top, carry)
        words = [*total, top]
    return words


def moved_up(builder: ir.IRBuilder, words: Sequence[Any], bits: Any) -> list[Any]:
    """Return all words but the lowest, times 2**bits: 0 to 63, without branches."""
    b, back = builder, builder.sub(WORD(63), bits)
    lower = (b.lshr(b.lshr(word, WORD(1)), back) for word in words[:-1])
    return [b.or_(b.shl(word, bits), low) for word, low in zip(words[1:], lower, strict=True)]


def moved_down(builder: ir.IRBuilder, words: Sequence[Any], bits: Any) -> list[Any]:
    """Return all words but the highest, over 2**bits rounded down: 0 to 63 bits."""
    b, back = builder, builder.sub(WORD(63), bits)
    upper = (b.shl(b.shl(word, WORD(1)), back) for word in words[1:])
    return [b.or_(b.lshr(word, bits), high) for word, high in zip(words[:-1], upper, strict=True)]


def any_of(builder: ir.IRBuilder, words: Sequence[Any]) -> Any:
    """Return 1 if a bit is set, else 0: a word."""
    total = WORD(0)
    for word in words:
        total = builder.or_(total, word)
    return builder.zext(builder.icmp_unsigned("!=", total, WORD(0)), WORD)


def rounded(builder: ir.IRBuilder, words: Sequence[Any], unused: Any) -> tuple[list[Any], Any]:
    """Return n words of n + 1, the lowest of which has a bit for all below, to nearest even.

    The top bit is set. The second result is 1 if the number has grown to a power of two.
    """
    b = builder
    place = b.add(b.zext(unused, _TWO_WORDS), _TWO_WORDS(63))
    half = b.sub(b.shl(_TWO_WORDS(1), place), _TWO_WORDS(1))
    odd = b.and_(b.lshr(words[1], unused), WORD(1))
    step = parted(builder, b.add(half, b.zext(odd, _TWO_WORDS)), 2)
    total, carry = sum_of(builder, words, step + [WORD(0)] * (len(words) - 2))
    limbs = [b.and_(total[1], b.shl(WORD(_ALL), unused)), *total[2:]]
    limbs[-1] = b.or_(limbs[-1], b.shl(carry, WORD(63)))
    return limbs, carry


@cache
def put_rounded_product(n: int) -> Any:
    """Return the product of two numbers' limbs, rounded: ``f(x, xo, y, yo, z, zo, unused)``.

    It writes n limbs and returns what is to be subtracted from the sum of the exponents.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def product(
        typing_context: Any, x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, unused: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, xo, y, yo, z, zo, unused = arguments
            b = builder
            factors = (
                load_words(builder, address_of(builder, *each), n) for each in ((x, xo), (y, yo))
            )
            words = product_of(builder, *factors)
            # Where the top bit is clear, all words move up by a bit: a sum with themselves.
            upper = words[n - 1 :]
            is_low = b.ashr(b.not_(words[-1]), WORD(63))
            total, _ = sum_of(builder, upper, [b.and_(word, is_low) for word in upper])
            total[0] = b.or_(total[0], any_of(builder, words[: n - 1]))
            limbs, grown = rounded(builder, total, unused)
            store_words(builder, limbs, address_of(builder, z, zo))
            return b.sub(b.and_(is_low, WORD(1)), grown)

        return types.int64(*_WORDS, *_WORDS, *_WORDS, types.uint64), generate

    return product


@cache
def put_sum(n: int) -> Any:
    """Return the sum of n limbs and others, moved: ``f(x, xo, y, yo, bits, flip, t, to)``.

    It writes the n + 1 words of x + y / 2**bits, or of x - y / 2**bits where flip is a word of
    ones, and the carry above them. ``bits`` are below 64, so the sum is exact; no difference is
    negative.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def add(
        typing_context: Any,
        x: Any,
        xo: Any,
        y: Any,
        yo: Any,
        bits: Any,
        flip: Any,
        t: Any,
        to: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, xo, y, yo, bits, flip, t, to = arguments
            b = builder
            large, small = (
                load_words(builder, address_of(builder, *each), n) for each in ((x, xo), (y, yo))
            )
            moved = moved_down(builder, [WORD(0), *small, WORD(0)], bits)
            one = b.and_(flip, WORD(1))
            flipped = [b.xor(word, flip) for word in moved]
            total, carry = sum_of(builder, [flip, WORD(0), *large], [one, *flipped])
            store_words(builder, [*total[1:], b.xor(carry, one)], address_of(builder, t, to))
            return context.get_dummy_value()

        return types.void(*_WORDS, *_WORDS, types.uint64, types.uint64, *_WORDS), generate

    return add


@cache
def put_rounded_words(n: int) -> Any:
    """Return the rounding of words to n limbs: ``f(t, top, shift, z, zo, unused)``.

    The word at ``top`` has ``shift`` leading zeros, and words down to ``top - n - 1`` count. It
    returns 1 if the number has grown to a power of two, else 0.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def put(typing_context: Any, t: Any, top: Any, shift: Any, z: Any, zo: Any, unused: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            t, top, shift, z, zo, unused = arguments
            b = builder
            words = load_words(builder, address_of(builder, t, b.sub(top, WORD(n + 1))), n + 2)
            moved = moved_up(builder, words, shift)
            moved[0] = b.or_(moved[0], any_of(builder, [b.shl(words[0], shift)]))
            limbs, grown = rounded(builder, moved, unused)
            store_words(builder, limbs, address_of(builder, z, zo))
            return grown

        return types.uint64(*_WORDS, types.uint64, *_WORDS, types.uint64), generate

    return put


def _changes_in_place(combine: Callable[..., tuple[list[Any], Any]], n: int) -> Any:
    """Return ``f(z, zo, x, xo, carry)``: replace n words of z by those that are combined with x.

    ``combine(builder, words of z, words of x, carry)`` returns the words and what f returns; the
    carry is given as n words.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def change(typing_context: Any, z: Any, zo: Any, x: Any, xo: Any, carry: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            z, zo, x, xo, carry = arguments
            at = builder.gep(z, [zo])
            own, other = (load_words(builder, each, n) for each in (at, address_of(builder, x, xo)))
            words, over = combine(builder, own, other, [carry, *[WORD(0)] * (n - 1)])
            store_words(builder, words, at)
            return over

        return types.uint64(*_WORDS, *_WORDS, types.uint64), generate

    return change


def _added(
    builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any], carry: Sequence[Any]
) -> tuple[list[Any], Any]:
    total, first = sum_of(builder, y, carry)
    total, second = sum_of(builder, total, x)
    return total, builder.add(first, second)


def _subtracted(
    builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any], borrow: Sequence[Any]
) -> tuple[list[Any], Any]:
    rest, first = difference_of(builder, x, borrow)
    rest, second = difference_of(builder, rest, y)
    return rest, builder.add(first, second)


def _subtracted_from(
    builder: ir.IRBuilder, x: Sequence[Any], y: Sequence[Any], borrow: Sequence[Any]
) -> tuple[list[Any], Any]:
    return _subtracted(builder, y, x, borrow)


@cache
def add_words_of(n: int) -> Any:
    """Return ``f(z, zo, x, xo, carry)``: add n words of x, and a carry, to z.

    It returns the carry.
    """
    return _changes_in_place(_added, n)


@cache
def subtract_words_of(n: int) -> Any:
    """Return ``f(z, zo, x, xo, borrow)``: subtract n words of x, and a borrow, from z.

    It returns the borrow.
    """
    return _changes_in_place(_subtracted, n)


@cache
def subtract_from_words_of(n: int) -> Any:
    """Return ``f(z, zo, x, xo, borrow)``: subtract n words of z, and a borrow, from x, into z.

    It returns the borrow.
    """
    return _changes_in_place(_subtracted_from, n)


@cache
def negate_words_of(n: int) -> Any:
    """Return ``f(z, zo, borrow)``: replace n words by their negative less a borrow.

    It returns the borrow.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def negate(typing_context: Any, z: Any, zo: Any, borrow: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            z, zo, borrow = arguments
            at, zeros = builder.gep(z, [zo]), [WORD(0)] * n
            own = load_words(builder, at, n)
            rest, under = _subtracted(builder, zeros, own, [borrow, *zeros[1:]])
            store_words(builder, rest, at)
            return under

        return types.uint64(*_WORDS, types.uint64), generate

    return negate


def _changes_by_multiple(combine: Callable[..., tuple[list[Any], Any]], n: int) -> Any:
    """Return ``f(x, xo, factor, z, zo, carry)``: combine n words of z with a multiple of x.

    ``combine(builder, words of z, words of the multiple)`` returns the words and a carry. The
    function returns that and the word above the multiple.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def change(
        typing_context: Any, x: Any, xo: Any, factor: Any, z: Any, zo: Any, carry: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, xo, factor, z, zo, carry = arguments
            at = builder.gep(z, [zo])
            words = load_words(builder, address_of(builder, x, xo), n)
            row, top = multiple_of(builder, words, factor, carry)
            found, over = combine(builder, load_words(builder, at, n), row)
            store_words(builder, found, at)
            return builder.add(top, over)

        return types.uint64(*_WORDS, types.uint64, *_WORDS, types.uint64), generate

    return change


@cache
def add_multiple_of(n: int) -> Any:
    """Return ``f(x, xo, factor, z, zo, carry)``: add n words of x times a word, and a carry, to z.

    It returns the carry.
    """
    return _changes_by_multiple(sum_of, n)


@cache
def subtract_multiple_of(n: int) -> Any:
    """Return ``f(x, xo, factor, z, zo, carry)``: subtract n words of x times a word, and a carry.

    It returns what is to be subtracted from the next word.
    """
    return _changes_by_multiple(difference_of, n)
