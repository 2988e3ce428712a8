"""Between encodings as they are stored, and those on which the routines compute.

The routines compute on encodings of a sign and a magnitude, in which zeros, finite numbers,
infinities and NaNs follow each other (``Format.working``). Formats that have their NaN in the place
of -0, no NaN, no sign or no zero are translated: operands when they are read, results when they
are written. All other formats are stored as they are computed.

What a format cannot hold is settled when a result is written:

- -0 is +0 in a format without -0.
- A NaN in a format without NaN is the encoding of -0, or the largest number under the NaN rule
  ``max``. It is invalid.
- A negative result in an unsigned format is 0, and invalid. So is the result of a negative number
  that rounds to zero, but that is no more than inexact.
- A zero in a format without zero is a NaN, or the least number if the arithmetic saturates, and
  invalid; so is a negative result. A positive result that rounds to zero is the least number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.flags import INEXACT, INVALID
from numlean_kernels.formats import Nans
from numlean_kernels.ieee.arithmetic import NanRule, Overflow
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_read_stored(builder: RoutineBuilder) -> Routine:
    """Return ``read(a)``: a stored encoding as the word on which routines compute."""
    word, stored, working = builder.word, builder.arithmetic.format, builder.format
    sign_mask, magnitude_mask = word(stored.sign_mask), word(stored.magnitude_mask)
    up, first = word(working.width - stored.width), word(0 if stored.has_zero else 1)
    nan_code, nan = word(stored.default_nan), word(working.default_nan)

    def same(a: Any) -> Any:
        return word(a)

    def signed_number(a: Any) -> Any:
        a = word(a)
        return word(word(word(a & sign_mask) << up) | word(a & magnitude_mask))

    def signed_with_nan(a: Any) -> Any:
        a = word(a)
        number = word(word(word(a & sign_mask) << up) | word(a & magnitude_mask))
        return nan if a == nan_code else number

    def unsigned(a: Any) -> Any:
        a = word(a)
        return nan if a == nan_code else word(a + first)

    if stored.is_sign_magnitude:
        return same
    if not stored.is_signed:
        return unsigned
    return signed_with_nan if stored.nans is Nans.NEGATIVE_ZERO else signed_number


def make_write_stored(builder: RoutineBuilder) -> Routine:
    """Return ``write(z, flags) -> (z, flags)``: a result as it is stored, and its flags."""
    format = builder.arithmetic.format
    if format.is_sign_magnitude:
        return _write_same(builder)
    if format.is_signed:
        return _write_signed(builder)
    return _write_unsigned(builder) if format.has_zero else _write_positive(builder)


def _write_same(builder: RoutineBuilder) -> Routine:
    def write(z: Any, flags: Any) -> Any:
        return z, flags

    return write


def _write_signed(builder: RoutineBuilder) -> Routine:
    word, stored = builder.word, builder.arithmetic.format
    sign_mask, magnitude_mask, max_number = builder.words(
        "sign_mask", "magnitude_mask", "max_number"
    )
    down, zero = word(builder.format.width - stored.width), word(0)
    keeps_negative_zero = stored.has_negative_zero
    is_max = builder.arithmetic.nan is NanRule.MAX
    nan = word(stored.max_finite if is_max else stored.default_nan)
    nan_flag = word(0 if stored.has_nan else INVALID)

    def write(z: Any, flags: Any) -> Any:
        z = word(z)
        magnitude = word(z & magnitude_mask)
        sign = word(word(z & sign_mask) >> down)
        sign = sign if keeps_negative_zero | (magnitude != 0) else zero
        is_nan = magnitude > max_number
        written = nan if is_nan else word(sign | magnitude)
        return written, word(word(flags) | (nan_flag if is_nan else zero))

    return write


def _write_unsigned(builder: RoutineBuilder) -> Routine:
    word, zero = builder.word, builder.word(0)
    sign_mask, magnitude_mask, max_number = builder.words(
        "sign_mask", "magnitude_mask", "max_number"
    )
    nan, invalid_flag = word(builder.arithmetic.format.default_nan), word(INVALID)

    def write(z: Any, flags: Any) -> Any:
        z = word(z)
        magnitude, negative = word(z & magnitude_mask), word(z & sign_mask) != 0
        is_nan = magnitude > max_number
        written = nan if is_nan else (zero if negative else magnitude)
        is_invalid = negative & (magnitude != 0) & (not is_nan)
        return written, (invalid_flag if is_invalid else word(flags))

    return write


def _write_positive(builder: RoutineBuilder) -> Routine:
    word, zero, one = builder.word, builder.word(0), builder.word(1)
    sign_mask, magnitude_mask, max_number = builder.words(
        "sign_mask", "magnitude_mask", "max_number"
    )
    saturates = builder.arithmetic.overflow in (Overflow.SATURATE, Overflow.SATURATE_FINITE)
    nan = word(builder.arithmetic.format.default_nan)
    outside, invalid_flag, inexact_flag = (zero if saturates else nan), word(INVALID), word(INEXACT)

    def write(z: Any, flags: Any) -> Any:
        z, flags = word(z), word(flags)
        magnitude, negative = word(z & magnitude_mask), word(z & sign_mask) != 0
        is_nan, is_zero = magnitude > max_number, magnitude == 0
        is_outside = negative | (is_zero & (word(flags & inexact_flag) == 0))
        number = zero if is_zero else word(magnitude - one)
        number = outside if is_outside else number
        is_invalid = is_outside & (not is_nan)
        return (nan if is_nan else number), (invalid_flag if is_invalid else flags)

    return write


def on_stored(
    builder: RoutineBuilder, routine: Routine, operands: int, *, flagged: bool, writes: bool
) -> Routine:
    """Return a routine on stored encodings.

    Args:
        builder: The builder of the routine.
        routine: A routine on the encodings of the builder's format.
        operands: How many of its operands are encodings: the first ones, at most three.
        flagged: Whether it returns flags after its result.
        writes: Whether its result is an encoding.
    """
    if builder.arithmetic.format.is_sign_magnitude:
        return routine
    make = _BY_OPERANDS[operands]
    read = builder.routine(make_read_stored)
    routine = builder.target.routine(make(routine, read)) if operands else routine
    if not writes:
        return routine
    write, no_flag = builder.routine(make_write_stored), builder.word(0)

    def written(*given: Any) -> Any:
        z, flags = routine(*given)
        return write(z, flags)

    def written_alone(*given: Any) -> Any:
        return write(routine(*given), no_flag)[0]

    return builder.target.routine(written if flagged else written_alone)


def _on_none(routine: Routine, read: Routine) -> Routine:
    return routine


def _on_one(routine: Routine, read: Routine) -> Routine:
    def of_one(a: Any, *rest: Any) -> Any:
        return routine(read(a), *rest)

    return of_one


def _on_two(routine: Routine, read: Routine) -> Routine:
    def of_two(a: Any, b: Any, *rest: Any) -> Any:
        return routine(read(a), read(b), *rest)

    return of_two


def _on_three(routine: Routine, read: Routine) -> Routine:
    def of_three(a: Any, b: Any, c: Any, *rest: Any) -> Any:
        return routine(read(a), read(b), read(c), *rest)

    return of_three


_BY_OPERANDS: Final[tuple[Callable[[Routine, Routine], Routine], ...]] = (
    _on_none,
    _on_one,
    _on_two,
    _on_three,
)
