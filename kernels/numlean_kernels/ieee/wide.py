"""Numbers of two words, for products and the sums that contain them.

With 32-bit words a wide number is a 64-bit integer of the target. No target has an integer of twice
64 bits, so with 64-bit words it is a pair (high, low). Routines use the operations below and do not
depend on the representation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


@dataclass(frozen=True)
class WideOperations:
    """The operations on wide numbers of one builder.

    Attributes:
        multiply: ``multiply(a, b)``: the exact product of two words.
        lift: ``lift(a)``: a word as the upper half.
        top: ``top(x)``: the upper half; bit 0 is also set if the lower half is not zero.
        add: ``add(x, y)``.
        sub: ``sub(x, y)`` for x >= y.
        less: ``less(x, y)``.
        choose: ``choose(condition, x, y)``: x if the condition holds, else y.
        shift_left: ``shift_left(x, n)`` for a word n below 2w.
        shift_right: ``shift_right(x, n)`` for a word n from 1 to w-1.
        shift_right_jam: ``shift_right_jam(x, n)`` for any word n.
        clz: ``clz(x)``: leading zeros, as a signed integer; 2w for zero.
    """

    multiply: Routine
    lift: Routine
    top: Routine
    add: Routine
    sub: Routine
    less: Routine
    choose: Routine
    shift_left: Routine
    shift_right: Routine
    shift_right_jam: Routine
    clz: Routine


def wide_operations(builder: RoutineBuilder) -> WideOperations:
    """Return the operations on wide numbers in the words of a builder."""
    return _native(builder) if builder.word_bits == 32 else _pairs(builder)


def _native(builder: RoutineBuilder) -> WideOperations:
    word, signed, routine = builder.word, builder.signed, builder.target.routine
    bits = 2 * builder.word_bits
    wide, count = builder.target.unsigned(bits), builder.target.clz(bits)
    half, farthest, zero_word, one_word = wide(builder.word_bits), wide(bits - 1), word(0), word(1)
    zero, one = wide(0), wide(1)

    def multiply(a: Any, b: Any) -> Any:
        return wide(wide(a) * wide(b))

    def lift(a: Any) -> Any:
        return wide(wide(a) << half)

    def top(x: Any) -> Any:
        return word(word(x >> half) | (one_word if word(x) != 0 else zero_word))

    def add(x: Any, y: Any) -> Any:
        return wide(x + y)

    def sub(x: Any, y: Any) -> Any:
        return wide(x - y)

    def less(x: Any, y: Any) -> Any:
        return x < y

    def choose(condition: Any, x: Any, y: Any) -> Any:
        return x if condition else y

    def shift_left(x: Any, n: Any) -> Any:
        return wide(x << (wide(n) & farthest))

    def shift_right(x: Any, n: Any) -> Any:
        return wide(x >> wide(n))

    def shift_right_jam(x: Any, n: Any) -> Any:
        n = wide(n)
        n = n if n < farthest else farthest
        shifted = wide(x >> n)
        return wide(shifted | (one if wide(shifted << n) != x else zero))

    def clz(x: Any) -> Any:
        return signed(count(x))

    return WideOperations(
        multiply=routine(multiply),
        lift=routine(lift),
        top=routine(top),
        add=routine(add),
        sub=routine(sub),
        less=routine(less),
        choose=routine(choose),
        shift_left=routine(shift_left),
        shift_right=routine(shift_right),
        shift_right_jam=routine(shift_right_jam),
        clz=routine(clz),
    )


def _pairs(builder: RoutineBuilder) -> WideOperations:
    word, signed, count, routine = builder.word, builder.signed, builder.clz, builder.target.routine
    bits = builder.word_bits
    half, low_half = word(bits // 2), word((1 << bits // 2) - 1)
    zero, one, full, shift_mask = word(0), word(1), word(bits), word(bits - 1)
    ones = word((1 << bits) - 1)
    full_signed = signed(bits)

    def multiply(a: Any, b: Any) -> Any:
        # Schoolbook multiplication in halves of a word.
        a1, a0 = word(a >> half), word(a & low_half)
        b1, b0 = word(b >> half), word(b & low_half)
        low, cross_a, cross_b = word(a0 * b0), word(a1 * b0), word(a0 * b1)
        middle = word(word(low >> half) + word(cross_a & low_half) + word(cross_b & low_half))
        carries = word(word(cross_a >> half) + word(cross_b >> half) + word(middle >> half))
        return word(word(a1 * b1) + carries), word(word(middle << half) | word(low & low_half))

    def lift(a: Any) -> Any:
        return a, zero

    def top(x: Any) -> Any:
        return word(x[0] | (one if x[1] != 0 else zero))

    # Carries by logic: LLVM turns a comparison into an operation that it cannot vectorise.
    def add(x: Any, y: Any) -> Any:
        low = word(x[1] + y[1])
        carry = word(word(x[1] & y[1]) | (word(x[1] | y[1]) & word(low ^ ones))) >> shift_mask
        return word(x[0] + y[0] + carry), low

    def sub(x: Any, y: Any) -> Any:
        low, not_x = word(x[1] - y[1]), word(x[1] ^ ones)
        borrow = word(word(not_x & y[1]) | (word(not_x | y[1]) & low)) >> shift_mask
        return word(x[0] - y[0] - borrow), low

    def less(x: Any, y: Any) -> Any:
        return (x[0] < y[0]) | ((x[0] == y[0]) & (x[1] < y[1]))

    def choose(condition: Any, x: Any, y: Any) -> Any:
        return (x[0] if condition else y[0]), (x[1] if condition else y[1])

    def shift_right(x: Any, n: Any) -> Any:
        n = word(n)
        return word(x[0] >> n), word(word(x[1] >> n) | word(x[0] << word(full - n)))

    def shift_left(x: Any, n: Any) -> Any:
        n = word(n)
        far = n >= full
        near = word(n & shift_mask)
        # A shift by a whole word takes two steps: by one bit, and by the rest.
        carried = word(word(x[1] >> one) >> word(shift_mask - near))
        high = word(word(x[0] << near) | carried)
        low = word(x[1] << near)
        return (low if far else high), (zero if far else low)

    def shift_right_jam(x: Any, n: Any) -> Any:
        n = word(n)
        far = n >= full
        very_far = n >= word(full + full)
        near = word(n & shift_mask)
        back = word(shift_mask - near)
        lost_low = word(word(x[1] << one) << back)
        carried = word(word(x[0] << one) << back)
        low = word(word(x[1] >> near) | carried)
        high = word(x[0] >> near)
        lost = (word(x[1] | carried) if far else lost_low) != 0
        z_high = zero if far else high
        z_low = high if far else low
        something = word(x[0] | x[1]) != 0
        sticky = one if (something if very_far else lost) else zero
        return (zero if very_far else z_high), word((zero if very_far else z_low) | sticky)

    def clz(x: Any) -> Any:
        in_high = signed(count(x[0]))
        return signed(in_high if x[0] != 0 else signed(full_signed + signed(count(x[1]))))

    return WideOperations(
        multiply=routine(multiply),
        lift=routine(lift),
        top=routine(top),
        add=routine(add),
        sub=routine(sub),
        less=routine(less),
        choose=routine(choose),
        shift_left=routine(shift_left),
        shift_right=routine(shift_right),
        shift_right_jam=routine(shift_right_jam),
        clz=routine(clz),
    )
