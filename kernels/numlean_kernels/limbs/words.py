"""Arithmetic on 64-bit words in memory, the lowest first, by routines that kernels inline.

Every index and count is an unsigned word, so that numba checks for no negative indices; it would
turn a sum of a signed and an unsigned word into a float.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numlean_kernels.limbs.fixed_words import add_multiple_of, subtract_multiple_of
from numlean_kernels.limbs.word_literals import ONES, W0, W1, W2, W4, W6, W32, W63
from numlean_kernels.targets.inlined import InlinedRoutine

_HALF: Final = np.uint64(0xFFFFFFFF)


add_four = add_multiple_of(4)
subtract_four = subtract_multiple_of(4)
subtract_one = subtract_multiple_of(1)


@intrinsic  # type: ignore[untyped-decorator]
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return the low and the high word of a * b + c + d, which is below 2**128."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, wide = ir.IntType(64), ir.IntType(128)
        x, y, z, w = (builder.zext(each, wide) for each in arguments)
        total = builder.add(builder.add(builder.mul(x, y), z), w)
        low = builder.trunc(total, word)
        high = builder.trunc(builder.lshr(total, wide(64)), word)
        return context.make_tuple(builder, signature.return_type, (low, high))

    return types.UniTuple(types.uint64, 2)(*(types.uint64,) * 4), generate


@intrinsic  # type: ignore[untyped-decorator]
def divided(typing_context: Any, u2: Any, u1: Any, u0: Any, d1: Any, d0: Any, inverse: Any) -> Any:
    """Return the quotient of three words by two, which is below 2**64, by their reciprocal.

    N. Moeller and T. Granlund, "Improved division by invariant integers", IEEE TC 60(2), 2011. The
    conditions are as good as random, so nothing here branches.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        b, word, wide = builder, ir.IntType(64), ir.IntType(128)
        u2, u1, u0, d1, d0, inverse = (b.zext(each, wide) for each in arguments)
        top, below, divisor = (
            b.or_(b.shl(high, wide(64)), low) for high, low in ((u2, u1), (u1, u0), (d1, d0))
        )
        estimate = b.add(b.mul(inverse, u2), top)
        q0, q1 = b.trunc(estimate, word), b.lshr(estimate, wide(64))
        # The remainder after one more than the estimate.
        rest = b.sub(b.sub(below, b.mul(divisor, q1)), divisor)
        is_estimate = b.icmp_unsigned(">=", b.trunc(b.lshr(rest, wide(64)), word), q0)
        rest = b.select(is_estimate, b.add(rest, divisor), rest)
        quotient = b.trunc(b.select(is_estimate, q1, b.add(q1, wide(1))), word)
        is_less = b.icmp_unsigned(">=", rest, divisor)
        return b.add(quotient, b.zext(is_less, word))

    return types.uint64(*(types.uint64,) * 6), generate


@intrinsic  # type: ignore[untyped-decorator]
def words_at(typing_context: Any, address: Any) -> Any:
    """Return the words at an address, to be indexed. Nobody counts references to them."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint64)(types.uint64), generate


@InlinedRoutine
def add_multiple(x: Any, xo: Any, factor: Any, z: Any, zo: Any, n: Any) -> Any:
    """Add n words of x times a word to z, and return the carry."""
    carry, k = W0, W0
    while k + W4 <= n:
        carry = add_four(x, xo + k, factor, z, zo + k, carry)
        k += W4
    while k < n:
        z[zo + k], carry = multiply_add(x[xo + k], factor, z[zo + k], carry)
        k += W1
    return carry


@InlinedRoutine
def subtract_multiple(x: Any, xo: Any, factor: Any, z: Any, zo: Any, n: Any) -> Any:
    """Subtract n words of x times a word from z, and return what the next word is to lose."""
    carry, k = W0, W0
    while k + W4 <= n:
        carry = subtract_four(x, xo + k, factor, z, zo + k, carry)
        k += W4
    while k < n:
        carry = subtract_one(x, xo + k, factor, z, zo + k, carry)
        k += W1
    return carry


@InlinedRoutine
def multiply(x: Any, xo: Any, y: Any, yo: Any, n: Any, t: Any, to: Any) -> None:
    """Write the product of n words of x and of y to 2n words of t."""
    for k in range(n):
        t[to + k] = W0
    for i in range(n):
        t[to + i + n] = add_multiple(x, xo, y[yo + i], t, to + i, n)


@InlinedRoutine
def order_of(x: Any, xo: Any, y: Any, yo: Any, n: Any) -> int:
    """Return -1, 0 or 1: the order of n words of x and of y."""
    for k in range(n):
        a, b = x[xo + n - W1 - k], y[yo + n - W1 - k]
        if a != b:
            return 1 if a > b else -1
    return 0


@InlinedRoutine
def shifted_sum(
    x: Any, xo: Any, y: Any, yo: Any, distance: Any, flip: Any, n: Any, t: Any, to: Any
) -> Any:
    """Write half of x + y / 2**distance, or of x - y / 2**distance, one word longer below.

    The sum or the difference is rounded down. A run of such sums takes either sign, and carries,
    at random, so nothing here branches on them.

    Args:
        x: n words, from place ``xo``, greater than what is subtracted.
        xo: The place.
        y: n words, from place ``yo``.
        yo: The place.
        distance: At least 0.
        flip: Zero to add, a word of ones to subtract.
        n: The number of words.
        t: Where n + 1 words are written, from place ``to``.
        to: The place.

    Return a word that is zero if the result is exact.
    """
    words, bits = (distance + W1) >> W6, (distance + W1) & W63
    lost, high, above = W0, W0, W0
    if words > n:
        lost = W1
    else:
        if words != W0:
            high = y[yo + words - W1]
            lost = (high << W1) << (W63 - bits)
            for k in range(words - W1):
                lost |= y[yo + k]
        above = y[yo + words] if words < n else W0
    part = (high >> bits | (above << W1) << (W63 - bits)) ^ flip
    carry = flip & (W1 if lost == W0 else W0)
    next_x = x[xo]
    total = (next_x << W63) + part
    over = W1 if total < part else W0
    total += carry
    carry = over | (W1 if total < carry else W0)
    t[to] = total
    for k in range(n):
        high, this_x = above, next_x
        index = words + k + W1
        above = y[yo + index] if index < n else W0
        next_x = x[xo + k + W1] if k + W1 < n else W0
        part = (high >> bits | (above << W1) << (W63 - bits)) ^ flip
        total = (this_x >> W1 | next_x << W63) + part
        over = W1 if total < part else W0
        total += carry
        carry = over | (W1 if total < carry else W0)
        t[to + W1 + k] = total
    return lost


@InlinedRoutine
def reciprocal(d: Any) -> Any:
    """Return floor((2**128 - 1) / d) - 2**64, for a word with its top bit set.

    This is floor((~d * 2**64 + 2**64 - 1) / d): two digits of 32 bits, each by a division of words
    (Knuth's algorithm D). An estimate of a digit is at most 2 too great.
    """
    top, low = d >> W32, d & _HALF
    q1 = ~d // top
    rest = ~d - q1 * top
    while rest <= _HALF and (q1 > _HALF or q1 * low > (rest << W32 | _HALF)):
        q1 -= W1
        rest += top
    # Words wrap around, and the remainder fits one.
    left = (~d << W32 | _HALF) - q1 * d
    q0 = left // top
    rest = left - q0 * top
    while rest <= _HALF and (q0 > _HALF or q0 * low > (rest << W32 | _HALF)):
        q0 -= W1
        rest += top
    return (q1 << W32) + q0


@InlinedRoutine
def second_word(d: Any, do: Any, n: Any) -> Any:
    """Return the second of the highest of n words, or zero if there is one word."""
    return d[do + n - W2] if n > W1 else W0


@InlinedRoutine
def reciprocal_of(d: Any, do: Any, n: Any) -> Any:
    """Return floor((2**192 - 1) / D) - 2**64, for the highest two words D of n, the top bit set."""
    high, low = d[do + n - W1], second_word(d, do, n)
    inverse = reciprocal(high)
    product = high * inverse + low
    if product < low:
        inverse -= W1
        if product >= high:
            inverse -= W1
            product -= high
        product -= high
    below, above = multiply_add(inverse, low, W0, W0)
    product += above
    if product < above:
        inverse -= W1
        if product > high or (product == high and below >= low):
            inverse -= W1
    return inverse


@InlinedRoutine
def divide_step(u: Any, at: Any, d: Any, do: Any, n: Any, inverse: Any) -> Any:
    """Divide n + 1 words of u by n words of d: leave the remainder in u, return the quotient.

    The quotient is below 2**64, and ``inverse`` is the reciprocal of d. D. E. Knuth, The Art of
    Computer Programming, volume 2, algorithm 4.3.1 D.
    """
    high, top, second = u[at + n], d[do + n - W1], second_word(d, do, n)
    next_word = u[at + n - W1]
    q = ONES
    if high < top or (high == top and next_word < second):
        q = divided(high, next_word, second_word(u, at, n), top, second, inverse)
    lost = subtract_multiple(d, do, q, u, at, n)
    u[at + n] = high - lost
    is_negative = W1 if high < lost else W0
    while is_negative != W0:
        q -= W1
        carry = W0
        for k in range(n):
            word = u[at + k]
            total = word + d[do + k]
            over = W1 if total < word else W0
            total += carry
            carry = over | (W1 if total < carry else W0)
            u[at + k] = total
        total = u[at + n] + carry
        is_negative = W0 if total < carry else W1
        u[at + n] = total
    return q
