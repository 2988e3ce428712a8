"""The NaN that an operation returns (clause 6.2), for each NaN rule.

- ``torchlean``: the first signalling operand, made quiet; otherwise the first quiet one.
- ``canonical``, ``riscv``, ``cuda``: always the default NaN. Under ``riscv``, zero times infinity
  is invalid in an fma that adds a quiet NaN.
- ``x86``: the first operand that is a NaN, made quiet (Intel SDM, SSE).
- ``max``: only for formats without NaN, where it selects the largest number in place of a NaN; all
  other rules select the encoding of -0 there (:mod:`.stored`).
- ``arm``: like torchlean, but fma takes the addend first, and a quiet NaN added to an invalid
  product is invalid and gives the default NaN (Arm ARM, FPProcessNaNs3 and FPMulAdd).

The default NaN is quiet with an empty payload; it is negative under ``x86`` and all ones under
``cuda``.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.ieee.arithmetic import NanRule
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine

_ALWAYS_DEFAULT: Final = (NanRule.CANONICAL, NanRule.RISCV, NanRule.CUDA)


def default_nan(builder: RoutineBuilder) -> Any:
    """Return the NaN of an invalid operation, as a word."""
    format, rule = builder.format, builder.arithmetic.nan
    if rule is NanRule.X86 and format.has_infinity:
        return builder.word(format.sign_mask | format.default_nan)
    return builder.word(format.magnitude_mask if rule is NanRule.CUDA else format.default_nan)


def make_is_nan(builder: RoutineBuilder) -> Routine:
    """Return ``is_nan(a)``: true for quiet and signalling NaNs."""
    magnitude_mask, max_number = builder.words("magnitude_mask", "max_number")

    def is_nan(a: Any) -> Any:
        return (a & magnitude_mask) > max_number

    return is_nan


def make_is_signalling(builder: RoutineBuilder) -> Routine:
    """Return ``is_signalling(a)``: true for NaNs whose quiet bit is clear."""
    is_nan = builder.routine(make_is_nan)
    (quiet_bit,) = builder.words("quiet_bit")

    def is_signalling(a: Any) -> Any:
        return is_nan(a) & ((a & quiet_bit) == 0)

    return is_signalling


def make_quiet(builder: RoutineBuilder) -> Routine:
    """Return ``quiet(a)``: a, with a signalling NaN made quiet."""
    word, is_nan = builder.word, builder.routine(make_is_nan)
    zero, quiet_bit = builder.words("zero", "quiet_bit")

    def quiet(a: Any) -> Any:
        return word(a | (quiet_bit if is_nan(a) else zero))

    return quiet


def make_propagate(builder: RoutineBuilder) -> Routine:
    """Return ``propagate(a, b)`` for operands of which at least one is a NaN."""
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_signalling, default = builder.routine(make_is_signalling), default_nan(builder)
    (quiet_bit,) = builder.words("quiet_bit")

    def always_default(a: Any, b: Any) -> Any:
        return default

    def first_nan(a: Any, b: Any) -> Any:
        return word((a if is_nan(a) else b) | quiet_bit)

    def signalling_first(a: Any, b: Any) -> Any:
        first = a if is_nan(a) else b
        signalling = b if is_signalling(b) else first
        return word((a if is_signalling(a) else signalling) | quiet_bit)

    if builder.arithmetic.nan in _ALWAYS_DEFAULT:
        return always_default
    return first_nan if builder.arithmetic.nan is NanRule.X86 else signalling_first


def make_propagate_ternary(builder: RoutineBuilder) -> Routine:
    """Return ``propagate(a, b, c, invalid)`` for fma, if an operand is a NaN.

    ``invalid`` is true if a * b is zero times infinity.
    """
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_signalling, default = builder.routine(make_is_signalling), default_nan(builder)
    (quiet_bit,) = builder.words("quiet_bit")

    def always_default(a: Any, b: Any, c: Any, invalid: Any) -> Any:
        return default

    def first_nan(a: Any, b: Any, c: Any, invalid: Any) -> Any:
        return word((a if is_nan(a) else (b if is_nan(b) else c)) | quiet_bit)

    def signalling_first(a: Any, b: Any, c: Any, invalid: Any) -> Any:
        first = a if is_nan(a) else (b if is_nan(b) else c)
        signalling = b if is_signalling(b) else (c if is_signalling(c) else first)
        return word((a if is_signalling(a) else signalling) | quiet_bit)

    def addend_first(a: Any, b: Any, c: Any, invalid: Any) -> Any:
        z = in_order(c, a, b, False)
        return default if invalid & (not is_signalling(c)) else z

    if builder.arithmetic.nan in _ALWAYS_DEFAULT:
        return always_default
    in_order = builder.target.routine(signalling_first)
    rules = {NanRule.X86: first_nan, NanRule.ARM: addend_first}
    return rules.get(builder.arithmetic.nan, signalling_first)
