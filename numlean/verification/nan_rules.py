"""The NaN that an operation returns under each rule, transcribed from the written rules in numpy.

It shares no code with the routines. References compute whether a result is a NaN; its bits come
from here, so that they are compared under every rule.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from numlean.verification.encoding import Bools, is_nan, is_signalling
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices
from numlean_kernels.formats import Format

PRODUCT_RULES: Final = ("arm", "riscv")
"""The rules under which zero times infinity is invalid even if a quiet NaN is added to it. Clause
7.2 leaves that open (Arm ARM, FPMulAdd; RISC-V unprivileged ISA, FMADD)."""

_ALWAYS_DEFAULT: Final = ("canonical", "riscv", "cuda")
_ANY_KIND: Final = ("x86",)
"""The rules that take the first NaN; the others take the first signalling one if there is one."""


def nan_result(format: Format, choices: Choices, operation: str, x: list[Bits]) -> Bits:
    """Return for each tuple of operands the NaN that an operation returns if it returns one."""
    word, rule = format.storage_dtype.type, choices.nan
    default = np.full(len(x[0]), word(default_nan(format, rule)))
    if rule in _ALWAYS_DEFAULT or not format.is_sign_magnitude:
        return default
    operands = list(x)
    if operation == "sub" and rule == "torchlean":
        operands[1] = negated(format, x[1])
    if operation == "fma" and rule == "arm":
        operands = [x[2], x[0], x[1]]
    first = first_nan(format, operands, signalling_first=rule not in _ANY_KIND)
    chosen = np.where(is_nan(format, first), first, default)
    if operation == "fma" and rule == "arm":
        is_default = is_open_product(format, choices, x) & ~is_signalling(format, x[2])
        chosen = np.where(is_default, default, chosen)
    return chosen


def default_nan(format: Format, rule: str) -> int:
    """Return the NaN of an invalid operation whose operands are not NaNs."""
    if not format.is_sign_magnitude:
        return format.default_nan  # the only one
    if rule == "cuda":
        return format.magnitude_mask
    negative = rule == "x86" and format.has_infinity
    return format.default_nan | (format.sign_mask if negative else 0)


def first_nan(format: Format, x: list[Bits], *, signalling_first: bool) -> Bits:
    """Return the first NaN operand, made quiet; +0 where no operand is a NaN.

    With ``signalling_first``, a signalling NaN is taken before all quiet ones.
    """
    word = format.storage_dtype.type
    result = np.zeros(len(x[0]), format.storage_dtype)
    for only_signalling in (False, True) if signalling_first else (False,):
        for a in reversed(x):
            chosen = is_signalling(format, a) if only_signalling else is_nan(format, a)
            result = np.where(chosen, a | word(format.quiet_bit), result)
    return result


def is_open_product(format: Format, choices: Choices, x: list[Bits]) -> Bools:
    """Return where fma multiplies zero and infinity and adds a NaN."""
    if not format.has_infinity:
        return np.zeros(len(x[0]), np.bool_)
    word = format.storage_dtype.type
    a, b = (operand & word(format.magnitude_mask) for operand in x[:2])
    zero_end = format.implicit_bit if choices.subnormal == "flush" else 1
    infinity = word(format.infinity)
    product = ((a < zero_end) & (b == infinity)) | ((a == infinity) & (b < zero_end))
    open_case: Bools = product & is_nan(format, x[2])
    if format.has_nan_at_minus_zero:
        open_case &= ~is_nan(format, x[0]) & ~is_nan(format, x[1])
    return open_case


def negated(format: Format, a: Bits) -> Bits:
    """Return encodings with their signs flipped and NaNs made quiet."""
    word = format.storage_dtype.type
    flipped = a ^ word(format.sign_mask)
    return np.where(is_nan(format, a), flipped | word(format.quiet_bit), flipped)
