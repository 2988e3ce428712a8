"""Instructions on a fixed number of words, without loops: LLVM's integers of any width.

LLVM turns a sum of integers of 64 * n bits into n additions with carry, which a loop over words
does not become. Each function here returns an intrinsic for numbers of n limbs, made once.

Words are given by an array and a place in it, the lowest first. ``unused`` are the bits of the
lowest limb below the precision: 0 to 63.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Code:
    """Emits code on words.

    Attributes:
        builder: LLVM's.
    """

    builder: ir.IRBuilder

    def address(self, words: Any, place: Any) -> Any:
        """Return the address of a word."""
        return self.builder.gep(words, [place])

    def load(self, address: Any, count: int) -> list[Any]:
        """Return words from an address on."""
        places = (self.builder.gep(address, [WORD(k)]) for k in range(count))
        return [self.builder.load(place) for place in places]

    def store(self, words: Sequence[Any], address: Any) -> None:
        """Write words from an address on."""
        for k, word in enumerate(words):
            self.builder.store(word, self.builder.gep(address, [WORD(k)]))

    def joined(self, words: Sequence[Any]) -> Any:
        """Return words as one integer."""
        whole = ir.IntType(64 * len(words))
        total = self.builder.zext(words[0], whole) if len(words) > 1 else words[0]
        for k, word in enumerate(words[1:], 1):
            part = self.builder.shl(self.builder.zext(word, whole), whole(64 * k))
            total = self.builder.or_(total, part)
        return total

    def parted(self, value: Any, count: int) -> list[Any]:
        """Return the words of an integer."""
        if count == 1:
            return [value]
        shifted = (self.builder.lshr(value, value.type(64 * k)) for k in range(count))
        return [self.builder.trunc(each, WORD) for each in shifted]

    def sum(self, x: Sequence[Any], y: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the sum of as many words, and the carry, a word."""
        pair = self.builder.uadd_with_overflow(self.joined(x), self.joined(y))
        total, carry = (self.builder.extract_value(pair, k) for k in range(2))
        return self.parted(total, len(x)), self.builder.zext(carry, WORD)

    def difference(self, x: Sequence[Any], y: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the difference of as many words, and the borrow, a word."""
        pair = self.builder.usub_with_overflow(self.joined(x), self.joined(y))
        rest, borrow = (self.builder.extract_value(pair, k) for k in range(2))
        return self.parted(rest, len(x)), self.builder.zext(borrow, WORD)

    def multiple(self, x: Sequence[Any], factor: Any, carry: Any) -> tuple[list[Any], Any]:
        """Return the words of x * factor + carry, and the word above them."""
        b = self.builder
        wide = b.zext(factor, _TWO_WORDS)
        rows = [self.parted(b.mul(b.zext(word, _TWO_WORDS), wide), 2) for word in x]
        low, high = [row[0] for row in rows], [row[1] for row in rows]
        total, over = self.sum(low, [carry, *high[:-1]])
        return total, b.add(high[-1], over)

    def product(self, x: Sequence[Any], y: Sequence[Any]) -> list[Any]:
        """Return the 2n words of the product of n words, by a row for each word of y."""
        lower: list[Any] = []
        upper: list[Any] = []
        for word in y:
            total, top = self.multiple(x, word, WORD(0))
            if upper:
                total, carry = self.sum(total, upper)
                top = self.builder.add(top, carry)
            lower.append(total[0])
            upper = [*total[1:], top]
        return lower + upper

    def upper_product(self, x: Sequence[Any], y: Sequence[Any]) -> list[Any]:
        """Return the upper n + 1 words of the product of n words, without those that count less."""
        words: list[Any] = []
        for k, word in enumerate(y):
            total, top = self.multiple(x[len(x) - 1 - k :], word, WORD(0))
            if words:
                total, carry = self.sum(total, words)
                top = self.builder.add(top, carry)
            words = [*total, top]
        return words

    def moved_up(self, words: Sequence[Any], bits: Any) -> list[Any]:
        """Return all words but the lowest, times 2**bits: 0 to 63, without branches."""
        b, back = self.builder, self.builder.sub(WORD(63), bits)
        lower = (b.lshr(b.lshr(word, WORD(1)), back) for word in words[:-1])
        return [b.or_(b.shl(word, bits), low) for word, low in zip(words[1:], lower, strict=True)]

    def moved_down(self, words: Sequence[Any], bits: Any) -> list[Any]:
        """Return all words but the highest, over 2**bits rounded down: 0 to 63 bits."""
        b, back = self.builder, self.builder.sub(WORD(63), bits)
        upper = (b.shl(b.shl(word, WORD(1)), back) for word in words[1:])
        return [
            b.or_(b.lshr(word, bits), high) for word, high in zip(words[:-1], upper, strict=True)
        ]

    def any_of(self, words: Sequence[Any]) -> Any:
        """Return 1 if a bit is set, else 0: a word."""
        total = WORD(0)
        for word in words:
            total = self.builder.or_(total, word)
        return self.builder.zext(self.builder.icmp_unsigned("!=", total, WORD(0)), WORD)

    def rounded(self, words: Sequence[Any], unused: Any) -> tuple[list[Any], Any]:
        """Return n words of n + 1, the lowest of which has a bit for all below, to nearest even.

        The top bit is set. The second result is 1 if the number has grown to a power of two.
        """
        b = self.builder
        place = b.add(b.zext(unused, _TWO_WORDS), _TWO_WORDS(63))
        half = b.sub(b.shl(_TWO_WORDS(1), place), _TWO_WORDS(1))
        odd = b.and_(b.lshr(words[1], unused), WORD(1))
        step = self.parted(b.add(half, b.zext(odd, _TWO_WORDS)), 2)
        total, carry = self.sum(words, step + [WORD(0)] * (len(words) - 2))
        limbs = [b.and_(total[1], b.shl(WORD(_ALL), unused)), *total[2:]]
        limbs[-1] = b.or_(limbs[-1], b.shl(carry, WORD(63)))
        return limbs, carry


@cache
def put_rounded_product(n: int) -> Any:
    """Return the product of two numbers' limbs, rounded: ``f(x, xo, y, yo, z, zo, unused)``.

    It writes n limbs and returns what the sum of the exponents is greater than theirs.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def product(
        typing_context: Any, x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, unused: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, xo, y, yo, z, zo, unused = arguments
            code, b = Code(builder), builder
            factors = (code.load(code.address(*each), n) for each in ((x, xo), (y, yo)))
            words = code.product(*factors)
            # Where the top bit is clear, all words move up by a bit: a sum with themselves.
            upper = words[n - 1 :]
            is_low = b.ashr(b.not_(words[-1]), WORD(63))
            total, _ = code.sum(upper, [b.and_(word, is_low) for word in upper])
            total[0] = b.or_(total[0], code.any_of(words[: n - 1]))
            limbs, grown = code.rounded(total, unused)
            code.store(limbs, code.address(z, zo))
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
            code, b = Code(builder), builder
            large, small = (code.load(code.address(*each), n) for each in ((x, xo), (y, yo)))
            moved = code.moved_down([WORD(0), *small, WORD(0)], bits)
            one = b.and_(flip, WORD(1))
            flipped = [b.xor(word, flip) for word in moved]
            total, carry = code.sum([flip, WORD(0), *large], [one, *flipped])
            code.store([*total[1:], b.xor(carry, one)], code.address(t, to))
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
            code, b = Code(builder), builder
            words = code.load(code.address(t, b.sub(top, WORD(n + 1))), n + 2)
            moved = code.moved_up(words, shift)
            moved[0] = b.or_(moved[0], code.any_of([b.shl(words[0], shift)]))
            limbs, grown = code.rounded(moved, unused)
            code.store(limbs, code.address(z, zo))
            return grown

        return types.uint64(*_WORDS, types.uint64, *_WORDS, types.uint64), generate

    return put


@cache
def add_words_of(n: int) -> Any:
    """Return ``f(z, zo, x, xo, carry)``: add n words of x, and a carry, to z.

    It returns the carry.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def add(typing_context: Any, z: Any, zo: Any, x: Any, xo: Any, carry: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            z, zo, x, xo, carry = arguments
            code, at = Code(builder), builder.gep(z, [zo])
            none = [WORD(0)] * (n - 1)
            total, first = code.sum(code.load(code.address(x, xo), n), [carry, *none])
            total, second = code.sum(total, code.load(at, n))
            code.store(total, at)
            return builder.add(first, second)

        return types.uint64(*_WORDS, *_WORDS, types.uint64), generate

    return add


@cache
def subtract_words_of(n: int) -> Any:
    """Return ``f(z, zo, x, xo, borrow)``: subtract n words of x, and a borrow, from z.

    It returns the borrow.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def subtract(typing_context: Any, z: Any, zo: Any, x: Any, xo: Any, borrow: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            z, zo, x, xo, borrow = arguments
            code, at = Code(builder), builder.gep(z, [zo])
            none = [WORD(0)] * (n - 1)
            rest, first = code.difference(code.load(at, n), [borrow, *none])
            rest, second = code.difference(rest, code.load(code.address(x, xo), n))
            code.store(rest, at)
            return builder.add(first, second)

        return types.uint64(*_WORDS, *_WORDS, types.uint64), generate

    return subtract


@cache
def add_multiple_of(n: int) -> Any:
    """Return ``f(x, xo, factor, z, zo, carry)``: add n words of x times a word, and a carry, to z.

    It returns the carry.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def add(typing_context: Any, x: Any, xo: Any, factor: Any, z: Any, zo: Any, carry: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, xo, factor, z, zo, carry = arguments
            code, at = Code(builder), builder.gep(z, [zo])
            row, top = code.multiple(code.load(code.address(x, xo), n), factor, carry)
            total, over = code.sum(row, code.load(at, n))
            code.store(total, at)
            return builder.add(top, over)

        return types.uint64(*_WORDS, types.uint64, *_WORDS, types.uint64), generate

    return add


@cache
def subtract_multiple_of(n: int) -> Any:
    """Return ``f(x, xo, factor, z, zo, carry)``: subtract n words of x times a word, and a carry.

    It returns what is to be subtracted from the next word.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def subtract(
        typing_context: Any, x: Any, xo: Any, factor: Any, z: Any, zo: Any, carry: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, xo, factor, z, zo, carry = arguments
            code, at = Code(builder), builder.gep(z, [zo])
            row, top = code.multiple(code.load(code.address(x, xo), n), factor, carry)
            rest, under = code.difference(code.load(at, n), row)
            code.store(rest, at)
            return builder.add(top, under)

        return types.uint64(*_WORDS, types.uint64, *_WORDS, types.uint64), generate

    return subtract
