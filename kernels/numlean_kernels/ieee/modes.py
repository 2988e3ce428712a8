"""Operations whose rounding, tininess, NaN rule and flushing are an operand of the kernel.

One kernel then serves all modes, where the usual ones are compiled for each. It takes longer for an
operation, since it chooses at run time. The core of an operation is the usual routine, in which the
word of *modes* takes the place of the random bits: it decides the increments and when a result is
tiny. What follows from the rounded result is settled after it: an overflow that is not infinite,
the sign of an exact zero sum, a flushed result, and which NaN is returned.

Modes are supported for formats with the infinities and NaNs of IEEE 754 whose overflow is that of
the standard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Final

from numlean_kernels.flags import INEXACT, INVALID, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import BINARY64, Format, Nans, format_of_key
from numlean_kernels.ieee import add, convert, div, fma, integral, mul, rem, sqrt
from numlean_kernels.ieee.arithmetic import (
    Arithmetic,
    NanRule,
    Overflow,
    Rounding,
    Subnormal,
    Tininess,
)
from numlean_kernels.ieee.fields import make_read_operand
from numlean_kernels.ieee.nan import (
    default_nan,
    make_is_nan,
    make_is_signalling,
    make_propagate,
    make_propagate_ternary,
)
from numlean_kernels.ieee.round_pack import make_is_tiny
from numlean_kernels.ieee.rounding import becomes_infinite, make_increment
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.ieee.sign import make_neg
from numlean_kernels.ieee.to_integer import make_conversion, make_limited
from numlean_kernels.protocol import Routine, Target

DIRECTIONS: Final = tuple(r for r in Rounding if r is not Rounding.STOCHASTIC)
"""The roundings that a word of modes can name."""

RULES: Final = tuple(r for r in NanRule if r is not NanRule.MAX)
"""The NaN rules that a word of modes can name."""

INTEGRAL: Final = "round_to_integral_exact"
"""The rounding to an integer in the direction of the modes."""

_TO: Final = "to_"
_CONVERSIONS: Final = frozenset(
    f"{_TO}{kind}{width}" for kind in ("int", "uint") for width in (8, 16, 32, 64)
)

_WAYS: Final = (1 << 3) - 1
_BEFORE: Final = 1 << 3
_FLUSH: Final = 1 << 4
_RULE_PLACE: Final = 5
_CORE_RULE: Final = NanRule.RISCV
"""Always the default NaN, and zero times infinity plus a NaN is invalid."""


def takes_modes(arithmetic: Arithmetic) -> bool:
    """Return whether kernels with modes compute an arithmetic."""
    format = arithmetic.format
    is_usual = format.nans is Nans.IEEE and format.has_infinity and format.trailing_bits > 0
    is_usual &= format.greatest is None and arithmetic.overflow is Overflow.INFINITE
    return is_usual and arithmetic.rounding in DIRECTIONS and arithmetic.nan in RULES


def modes_of(arithmetic: Arithmetic) -> int:
    """Return the word that selects the modes of an arithmetic."""
    way, rule = DIRECTIONS.index(arithmetic.rounding), RULES.index(arithmetic.nan)
    before = _BEFORE if arithmetic.tininess is Tininess.BEFORE else 0
    flush = _FLUSH if arithmetic.subnormal is Subnormal.FLUSH else 0
    return way | before | flush | rule << _RULE_PLACE


class ModalBuilder(RoutineBuilder):
    """Builds routines that take a word of modes after their operands, for one format."""

    def __init__(self, format: Format, target: Target) -> None:
        super().__init__(Arithmetic(format, nan=_CORE_RULE), target)
        self._routines[make_increment] = target.routine(_increment(self))
        self._routines[make_is_tiny] = target.routine(_is_tiny(self))

    def fixed(self, **choices: Any) -> RoutineBuilder:
        """Return the builder of the arithmetic with some choices made."""
        return routine_builder(replace(self.arithmetic, **choices), self.target)


@cache
def modal_builder(format: Format, target: Target) -> ModalBuilder:
    """Return the builder of a format on a target; it is made once."""
    return ModalBuilder(format, target)


@cache
def modal_routine(builder: ModalBuilder, name: str) -> Routine:
    """Return ``name(operands..., modes) -> (z, flags)``.

    Names are those of the usual table: add, sub, mul, div, sqrt, fma, rem, from_int64, from_uint64
    and ``cast_name(format)``; without a direction: round_to_integral_exact, to_int32, to_uint8.

    Raises:
        KeyError: The operation does not take modes.
    """
    return builder.target.routine(_maker(name)(builder))


def _maker(name: str) -> Callable[[ModalBuilder], Routine]:
    if convert.is_cast(name):
        return lambda builder: _cast(builder, name)
    if name in _CONVERSIONS:
        return lambda builder: _to_integer(builder, name)
    return _MAKERS[name]


def _increment(builder: ModalBuilder) -> Routine:
    """Return ``increment(sign, sig, modes)``."""
    word, ways = builder.word, builder.word(_WAYS)
    even, away, zero, positive, negative, odd, farther = (
        builder.fixed(rounding=rounding).routine(make_increment) for rounding in DIRECTIONS
    )
    one, two, three, four, five, six = (word(k) for k in range(1, len(DIRECTIONS)))

    def increment(sign: Any, sig: Any, modes: Any) -> Any:
        way = word(modes & ways)
        added = even(sign, sig)
        added = away(sign, sig) if way == one else added
        added = zero(sign, sig) if way == two else added
        added = positive(sign, sig) if way == three else added
        added = negative(sign, sig) if way == four else added
        added = odd(sign, sig) if way == five else added
        return farther(sign, sig) if way == six else added

    return increment


def _is_tiny(builder: ModalBuilder) -> Routine:
    """Return ``is_tiny(sign, exp, sig, modes)``: before or after rounding."""
    word, before_bit = builder.word, builder.word(_BEFORE)
    after = builder.target.routine(make_is_tiny(builder))
    before = builder.fixed(tininess=Tininess.BEFORE).routine(make_is_tiny)

    def is_tiny(sign: Any, exp: Any, sig: Any, modes: Any) -> Any:
        early = before(sign, exp, sig)
        return early if word(modes & before_bit) != 0 else after(sign, exp, sig, modes)

    return is_tiny


def _make_read(builder: ModalBuilder) -> Routine:
    """Return ``read(a, modes)``: an operand, flushed if the modes flush."""
    word, flush_bit = builder.word, builder.word(_FLUSH)
    flush = builder.fixed(subnormal=Subnormal.FLUSH).routine(make_read_operand)

    def read(a: Any, modes: Any) -> Any:
        return flush(a) if word(modes & flush_bit) != 0 else word(a)

    return read


def _make_settle(builder: ModalBuilder) -> Routine:
    """Return ``settle(z, flags, modes)``: overflow to the largest number, and flushed results."""
    word, ways, flush_bit = builder.word, builder.word(_WAYS), builder.word(_FLUSH)
    sign_mask, magnitude_mask, max_finite, least_normal = builder.words(
        "sign_mask", "magnitude_mask", "max_finite", "least_normal"
    )
    overflow_flag, underflow_flag = word(OVERFLOW), word(UNDERFLOW)
    flushed_flags, one = word(UNDERFLOW | INEXACT), word(1)
    ends = [becomes_infinite(builder.fixed(rounding=rounding)) for rounding in DIRECTIONS]
    positive, negative = (
        word(sum(int(end[k]) << way for way, end in enumerate(ends))) for k in (0, 1)
    )

    def settle(z: Any, flags: Any, modes: Any) -> Any:
        z, flags = word(z), word(flags)
        sign, magnitude = word(z & sign_mask), word(z & magnitude_mask)
        infinite = negative if sign != 0 else positive
        stays = word(word(infinite >> word(modes & ways)) & one) == 0
        z = word(sign | max_finite) if (word(flags & overflow_flag) != 0) & stays else z
        below = (magnitude != 0) & (magnitude < least_normal)
        tiny = (word(flags & underflow_flag) != 0) | below
        flushes = tiny & (word(modes & flush_bit) != 0)
        return (sign if flushes else z), (flushed_flags if flushes else flags)

    return settle


def _make_zero_sum(builder: ModalBuilder) -> Routine:
    """Return ``zero_sum(z, flags, signs, modes)``: an exact zero sum is -0 toward negative."""
    word, ways = builder.word, builder.word(_WAYS)
    sign_mask, magnitude_mask = builder.words("sign_mask", "magnitude_mask")
    downward = word(DIRECTIONS.index(Rounding.TOWARD_NEGATIVE))

    def zero_sum(z: Any, flags: Any, signs: Any, modes: Any) -> Any:
        is_exact_zero = (word(z & magnitude_mask) == 0) & (word(flags) == 0)
        is_downward = word(modes & ways) == downward
        return word(signs & sign_mask) if is_exact_zero & is_downward else word(z)

    return zero_sum


def _make_is_rule(builder: ModalBuilder) -> Routine:
    """Return ``is_rule(modes, k)``: whether the modes name the k-th rule."""
    word, place = builder.word, builder.word(_RULE_PLACE)

    def is_rule(modes: Any, k: Any) -> Any:
        return word(word(modes) >> place) == k

    return is_rule


def _index(builder: ModalBuilder, rule: NanRule) -> Any:
    return builder.word(RULES.index(rule))


def _make_default_nan(builder: ModalBuilder) -> Routine:
    """Return ``default(modes)``: the NaN of an invalid operation."""
    is_rule = builder.routine(_make_is_rule)
    usual = default_nan(builder)
    x86, cuda = (default_nan(builder.fixed(nan=rule)) for rule in (NanRule.X86, NanRule.CUDA))
    x86_index, cuda_index = _index(builder, NanRule.X86), _index(builder, NanRule.CUDA)

    def default(modes: Any) -> Any:
        z = x86 if is_rule(modes, x86_index) else usual
        return cuda if is_rule(modes, cuda_index) else z

    return default


def _make_nan_of_pair(builder: ModalBuilder) -> Routine:
    """Return ``nan_of(z, a, b, modes)``: z, or the NaN that the rule gives if z is a NaN."""
    is_rule, default = (
        builder.routine(_make_is_rule),
        builder.routine(_make_default_nan),
    )
    is_nan = builder.routine(make_is_nan)
    first = builder.fixed(nan=NanRule.X86).routine(make_propagate)
    signalling_first = builder.fixed(nan=NanRule.ARM).routine(make_propagate)
    x86, arm, torchlean = (
        _index(builder, rule) for rule in (NanRule.X86, NanRule.ARM, NanRule.TORCHLEAN)
    )

    def nan_of(z: Any, a: Any, b: Any, modes: Any) -> Any:
        keeps_order = is_rule(modes, arm) | is_rule(modes, torchlean)
        propagated = signalling_first(a, b) if keeps_order else default(modes)
        propagated = first(a, b) if is_rule(modes, x86) else propagated
        found = propagated if is_nan(a) | is_nan(b) else default(modes)
        return found if is_nan(z) else z

    return nan_of


def _make_nan_of_triple(builder: ModalBuilder) -> Routine:
    """Return ``nan_of(z, flags, a, b, c, modes) -> (z, flags)`` for fma."""
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_rule, default = (
        builder.routine(_make_is_rule),
        builder.routine(_make_default_nan),
    )
    is_signalling = builder.routine(make_is_signalling)
    first, addend_first, signalling_first = (
        builder.fixed(nan=rule).routine(make_propagate_ternary)
        for rule in (NanRule.X86, NanRule.ARM, NanRule.TORCHLEAN)
    )
    x86, arm, torchlean, riscv = (
        _index(builder, rule)
        for rule in (NanRule.X86, NanRule.ARM, NanRule.TORCHLEAN, NanRule.RISCV)
    )
    magnitude_mask, infinity = builder.words("magnitude_mask", "infinity")
    no_flag, invalid_flag = word(0), word(INVALID)

    def nan_of(z: Any, flags: Any, a: Any, b: Any, c: Any, modes: Any) -> Any:
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        invalid = ((mag_a == 0) & (mag_b == infinity)) | ((mag_a == infinity) & (mag_b == 0))
        given = addend_first(a, b, c, invalid) if is_rule(modes, arm) else default(modes)
        given = first(a, b, c, invalid) if is_rule(modes, x86) else given
        given = signalling_first(a, b, c, invalid) if is_rule(modes, torchlean) else given
        has_nan = is_nan(a) | is_nan(b) | is_nan(c)
        counts = invalid & (is_rule(modes, arm) | is_rule(modes, riscv))
        counts = counts | is_signalling(a) | is_signalling(b) | is_signalling(c)
        nan_flags = invalid_flag if counts else no_flag
        found = given if has_nan else default(modes)
        return (found if is_nan(z) else z), (nan_flags if has_nan else word(flags))

    return nan_of


def _add(builder: ModalBuilder) -> Routine:
    return _sum_of_two(builder, add.make_add, negates=False)


def _sub(builder: ModalBuilder) -> Routine:
    return _sum_of_two(builder, add.make_sub, negates=True)


def _sum_of_two(builder: ModalBuilder, make: Maker, *, negates: bool) -> Routine:
    """Return add or sub. Under ``torchlean`` a NaN subtrahend propagates negated, and quiet."""
    word, core = builder.word, builder.routine(make)
    read, settle, zero_sum, nan_of = _stages(
        builder, _make_read, _make_settle, _make_zero_sum, _make_nan_of_pair
    )
    is_rule, neg = builder.routine(_make_is_rule), builder.routine(make_neg)
    torchlean = _index(builder, NanRule.TORCHLEAN)
    (sign_mask,) = builder.words("sign_mask")
    flip = sign_mask if negates else word(0)

    def sum_of_two(a: Any, b: Any, modes: Any) -> Any:
        modes = word(modes)
        a, b = read(a, modes), read(b, modes)
        z, flags = core(a, b, modes)
        z = zero_sum(z, flags, word(a | word(b ^ flip)), modes)
        z, flags = settle(z, flags, modes)
        second = neg(b) if is_rule(modes, torchlean) & negates else b
        return nan_of(z, a, second, modes), flags

    return sum_of_two


def _pair(make: Maker) -> Callable[[ModalBuilder], Routine]:
    def maker(builder: ModalBuilder) -> Routine:
        word, core = builder.word, builder.routine(make)
        read, settle, nan_of = _stages(builder, _make_read, _make_settle, _make_nan_of_pair)

        def pair(a: Any, b: Any, modes: Any) -> Any:
            modes = word(modes)
            a, b = read(a, modes), read(b, modes)
            z, flags = core(a, b, modes)
            z, flags = settle(z, flags, modes)
            return nan_of(z, a, b, modes), flags

        return pair

    return maker


def _rem(builder: ModalBuilder) -> Routine:
    """Return rem, which is exact: no mode but the rule and flushing changes it."""
    word, core = builder.word, builder.fixed().routine(rem.make_rem)
    read, settle, nan_of = _stages(builder, _make_read, _make_settle, _make_nan_of_pair)

    def remainder(a: Any, b: Any, modes: Any) -> Any:
        modes = word(modes)
        a, b = read(a, modes), read(b, modes)
        z, flags = core(a, b)
        z, flags = settle(z, flags, modes)
        return nan_of(z, a, b, modes), flags

    return remainder


def _integral(builder: ModalBuilder) -> Routine:
    """Return roundToIntegralExact, whose direction is that of the modes."""
    word, core = builder.word, builder.routine(integral.round_to_integral(None, is_exact=True))
    read, nan_of = _stages(builder, _make_read, _make_nan_of_pair)

    def integral_number(a: Any, modes: Any) -> Any:
        modes = word(modes)
        a = read(a, modes)
        z, flags = core(a, modes)
        return nan_of(z, a, a, modes), flags

    return integral_number


def _to_integer(builder: ModalBuilder, name: str) -> Routine:
    """Return the conversion to integers, whose direction and rule are those of the modes."""
    kind = name.removeprefix(_TO)
    width, is_signed = int(kind.lstrip("uint")), not kind.startswith("u")
    long, is_rule = modal_builder(BINARY64, builder.target), builder.routine(_make_is_rule)
    word, long_word = builder.word, long.word
    whole_in_modes = long.routine(integral.round_to_integral(None))
    rules = (NanRule.X86, NanRule.RISCV, NanRule.CUDA)
    saturated, of_x86, of_riscv, of_cuda = (
        builder.target.routine(make_limited(builder, width, is_signed, rule))
        for rule in (None, *rules)
    )
    x86, riscv, cuda = (_index(builder, rule) for rule in rules)

    def whole_of(a: Any, modes: Any) -> Any:
        return whole_in_modes(a, long_word(modes))

    def replaced(
        negative: Any, is_nan: Any, is_infinite: Any, below: Any, sig: Any, modes: Any
    ) -> Any:
        minus, count = saturated(negative, is_nan, is_infinite, below, sig)
        minus_x86, count_x86 = of_x86(negative, is_nan, is_infinite, below, sig)
        minus_riscv, count_riscv = of_riscv(negative, is_nan, is_infinite, below, sig)
        minus_cuda, count_cuda = of_cuda(negative, is_nan, is_infinite, below, sig)
        like_x86, like_riscv = is_rule(modes, x86), is_rule(modes, riscv)
        like_cuda = is_rule(modes, cuda)
        minus = minus_x86 if like_x86 else (minus_riscv if like_riscv else minus)
        count = count_x86 if like_x86 else (count_riscv if like_riscv else count)
        return (minus_cuda if like_cuda else minus), (count_cuda if like_cuda else count)

    routine = builder.target.routine
    core = routine(make_conversion(builder, width, is_signed, routine(whole_of), routine(replaced)))

    def to_integer(a: Any, modes: Any) -> Any:
        return core(a, word(modes))

    return to_integer


def _sqrt(builder: ModalBuilder) -> Routine:
    word, core = builder.word, builder.routine(sqrt.make_sqrt)
    read, settle, nan_of = _stages(builder, _make_read, _make_settle, _make_nan_of_pair)

    def root(a: Any, modes: Any) -> Any:
        modes = word(modes)
        a = read(a, modes)
        z, flags = core(a, modes)
        z, flags = settle(z, flags, modes)
        return nan_of(z, a, a, modes), flags

    return root


def _fma(builder: ModalBuilder) -> Routine:
    word, core = builder.word, builder.routine(fma.make_fma)
    read, settle, zero_sum, nan_of = _stages(
        builder, _make_read, _make_settle, _make_zero_sum, _make_nan_of_triple
    )

    def fused(a: Any, b: Any, c: Any, modes: Any) -> Any:
        modes = word(modes)
        a, b, c = read(a, modes), read(b, modes), read(c, modes)
        z, flags = core(a, b, c, modes)
        z = zero_sum(z, flags, word(word(a ^ b) | c), modes)
        z, flags = settle(z, flags, modes)
        return nan_of(z, flags, a, b, c, modes)

    return fused


def _cast(builder: ModalBuilder, name: str) -> Routine:
    """Return the conversion from another format, whose NaNs keep their payload by some rules."""
    word, core = builder.word, builder.routine(convert.cast_maker(name))
    (settle,) = _stages(builder, _make_settle)
    is_rule, default, is_nan = (
        builder.routine(_make_is_rule),
        builder.routine(_make_default_nan),
        builder.routine(make_is_nan),
    )
    x86, arm = _index(builder, NanRule.X86), _index(builder, NanRule.ARM)
    source = Arithmetic(format_of_key(convert.cast_format_key(name)))
    of_source = routine_builder(source, builder.target)
    source_word, source_sign = of_source.word, of_source.word(source.format.sign_mask)
    sign_mask, zero = builder.words("sign_mask", "zero")
    kept = convert.converted_nan(of_source, builder.fixed(nan=NanRule.ARM), keeps_payloads=True)
    has_payloads = not source.format.has_single_nan

    def cast(a: Any, modes: Any) -> Any:
        modes = word(modes)
        z, flags = core(a, modes)
        z, flags = settle(z, flags, modes)
        a = source_word(a)
        sign = sign_mask if source_word(a & source_sign) != 0 else zero
        keeps = (is_rule(modes, x86) | is_rule(modes, arm)) & has_payloads
        found = kept(a, sign) if keeps else default(modes)
        return (found if is_nan(z) else z), flags

    return cast


def _from_integer(make: Maker) -> Callable[[ModalBuilder], Routine]:
    def maker(builder: ModalBuilder) -> Routine:
        word, core = builder.word, builder.routine(make)
        (settle,) = _stages(builder, _make_settle)

        def from_integer(n: Any, modes: Any) -> Any:
            modes = word(modes)
            z, flags = core(n, modes)
            return settle(z, flags, modes)

        return from_integer

    return maker


def _stages(
    builder: ModalBuilder, *makers: Callable[[ModalBuilder], Routine]
) -> tuple[Routine, ...]:
    return tuple(builder.routine(make) for make in makers)


_MAKERS: Final[dict[str, Callable[[ModalBuilder], Routine]]] = {
    "add": _add,
    "sub": _sub,
    "mul": _pair(mul.make_mul),
    "div": _pair(div.make_div),
    "rem": _rem,
    "sqrt": _sqrt,
    "fma": _fma,
    INTEGRAL: _integral,
    "from_int64": _from_integer(convert.make_from_int64),
    "from_uint64": _from_integer(convert.make_from_uint64),
}
