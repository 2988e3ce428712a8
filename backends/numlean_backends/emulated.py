"""The scalar backend of formats that are emulated in integers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.dtype import Dtype
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.noise import NoiseStream
from numlean.scalar.registry import ScalarBackend
from numlean.scalar.rounding_names import FEW_BITS
from numlean.scalar.wrappers.stochastic import StochasticScalar
from numlean_backends.codecs import EncodingCodec
from numlean_kernels.formats import BINARY32, BINARY64, Format
from numlean_kernels.ieee import (
    Arithmetic,
    NanRule,
    Overflow,
    RandomBits,
    Rounding,
    Subnormal,
    Tininess,
)
from numlean_kernels.protocol import Routine, Table, Target
from numlean_kernels.tables.hardware_on_encodings import encodings_table
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.tables.widened import widened_operations, widened_table
from numlean_kernels.targets import get_target

_OPTIONS: Final[dict[str, tuple[str, type[Enum]]]] = {
    "round": ("rounding", Rounding),
    "nan": ("nan", NanRule),
    "subnormal": ("subnormal", Subnormal),
    "tininess": ("tininess", Tininess),
    "overflow": ("overflow", Overflow),
}
_OF_THE_PROCESSOR: Final = (Arithmetic(BINARY32), Arithmetic(BINARY64))
_NEEDED: Final = ("add", "mul")
"""The operations without which there is nothing to gain."""
_WHY_NOT: Final = (
    "the processor computes binary32 and binary64 without options, and formats of at most 25"
    " significant bits within the range of binary64"
)
_WHY_NOT_AT_RANDOM: Final = (
    "the processor rounds at random, in binary64, formats with NaNs and both zeros, of at most 26"
    " significant and nine exponent bits, and with N random bits of at most 52 - N significant bits"
)
_SEED: Final = "seed"
_MATH: Final = "math"
_INTEGER: Final = re.compile("[0-9]{1,40}")


class MathProfile(Enum):
    """The elementary functions: correctly rounded, or bit for bit those of TorchLean."""

    CORRECT = "correct"
    TORCHLEAN = "torchlean"


def emulated_backend(
    pattern: str, summary: str, format: Format | Callable[[Dtype], Format]
) -> ScalarBackend:
    """Return the backend that computes a format in integers, under options.

    ``format`` is that of every dtype of the backend, or a function that makes it from a dtype.
    """

    def make(spec: Dtype, device: str) -> KernelScalar | StochasticScalar:
        arithmetic = arithmetic_of(format if isinstance(format, Format) else format(spec), spec)
        target = get_target(device)
        substitutes = _substitutes(arithmetic, spec)
        if arithmetic.rounding is not Rounding.STOCHASTIC:
            return _kernel_scalar(spec.text, arithmetic, arithmetic, target, substitutes)
        return _stochastic_scalar(spec, arithmetic, target)

    def make_fast(spec: Dtype, device: str) -> KernelScalar | StochasticScalar:
        arithmetic = arithmetic_of(format if isinstance(format, Format) else format(spec), spec)
        if _substitutes(arithmetic, spec):
            raise UnavailableError(f"{spec.text} has no fast kernels: leave out math=torchlean")
        target = get_target(device)
        table = _fast_table(spec, arithmetic, target)
        if arithmetic.rounding is not Rounding.STOCHASTIC:
            usual = _kernel_scalar(spec.text, arithmetic, arithmetic, target)
            return replace(usual, table=table)
        plain = _stochastic_scalar(spec, arithmetic, target)
        nearest = replace(plain.inner, table=_fast_table(spec, _to_nearest(arithmetic), target))
        rounded = replace(plain.rounded, table=table)
        return StochasticScalar(spec.text, nearest, rounded, plain.stream)

    return ScalarBackend(
        pattern=pattern,
        summary=summary,
        devices=("cpu", "cuda", "python"),
        make=make,
        make_fast=make_fast,
        options=(*_OPTIONS, _MATH, _SEED),
        format=format if isinstance(format, Format) else None,
    )


def _stochastic_scalar(spec: Dtype, arithmetic: Arithmetic, target: Target) -> StochasticScalar:
    nearest = _to_nearest(arithmetic)
    return StochasticScalar(
        name=spec.text,
        nearest=_kernel_scalar(spec.text, nearest, nearest, target),
        rounded=_kernel_scalar(spec.text, arithmetic, nearest, target),
        stream=NoiseStream(_seed(spec)),
    )


def _to_nearest(arithmetic: Arithmetic) -> Arithmetic:
    return replace(arithmetic, rounding=Rounding.TIES_TO_EVEN, random=None)


def _fast_table(spec: Dtype, arithmetic: Arithmetic, target: Target) -> Table:
    """Return the routines that the processor computes with the bits of an arithmetic.

    Raises:
        UnavailableError: There are none.
    """
    if arithmetic in _OF_THE_PROCESSOR:
        return encodings_table(arithmetic.format, target)
    if not set(_NEEDED) <= set(widened_operations(arithmetic)):
        is_random = arithmetic.rounding is Rounding.STOCHASTIC
        why = _WHY_NOT_AT_RANDOM if is_random else _WHY_NOT
        raise UnavailableError(f"{spec.text} has no fast kernels: {why}")
    return widened_table(arithmetic, target)


def _kernel_scalar(
    name: str,
    arithmetic: Arithmetic,
    conversions: Arithmetic,
    target: Target,
    substitutes: Mapping[str, Routine] | None = None,
) -> KernelScalar:
    """Return the Scalar of an arithmetic, whose conversions round by another."""
    random = arithmetic.random
    return KernelScalar(
        name=name,
        summary=f"{arithmetic.format.name} in integer arithmetic",
        table=ieee_table(arithmetic, target),
        target=target,
        codec=EncodingCodec(_conversion_table(conversions, target.host), target.host, conversions),
        rounding=arithmetic.rounding.value if random is None else str(random),
        substitutes=substitutes or {},
    )


def _conversion_table(arithmetic: Arithmetic, host: Target) -> Table:
    """Return the routines that convert numbers: the fastest, or in the interpreter the plain."""
    return (widened_table if host.compiles else ieee_table)(arithmetic, host)


def _substitutes(arithmetic: Arithmetic, spec: Dtype) -> Mapping[str, Routine]:
    """Return the functions that replace correctly rounded ones under the option ``math``."""
    profile = _choice(MathProfile, _MATH, spec.options.get(_MATH, MathProfile.CORRECT.value))
    if profile is MathProfile.CORRECT:
        return {}
    # Most runs need none of this.
    from numlean_backends.torchlean_math import ARITHMETIC, ROUTINES

    if arithmetic != ARITHMETIC:
        raise NumleanError(
            f"dtype {spec.text!r}: math=torchlean is only for ieee32exec without other options:"
            " ieee32exec@math=torchlean"
        )
    return ROUTINES


def _seed(spec: Dtype) -> int:
    text = spec.options.get(_SEED, "0")
    if not _INTEGER.fullmatch(text) or int(text) >= 1 << 64:
        raise NumleanError(
            f"dtype {spec.text!r:.80}: seed must be an integer from 0 below 2**64, got {text!r:.80}"
        )
    return int(text)


def arithmetic_of(format: Format, spec: Dtype) -> Arithmetic:
    """Return the arithmetic of a dtype's options.

    Raises:
        NumleanError: The value of an option is unknown, and the message lists those known; or the
            format does not have it.
    """
    choices: dict[str, Any] = {"overflow": Overflow(format.usual_overflow)}
    for option, value in spec.options.items():
        if option in (_MATH, _SEED):
            continue
        attribute, kind = _OPTIONS[option]
        few = FEW_BITS.fullmatch(value) if kind is Rounding else None
        if few is not None:
            choices["random"] = _checked(spec, RandomBits, few[1], int(few[2]))
            value = Rounding.STOCHASTIC.value
        choices[attribute] = _choice(kind, option, value)
    arithmetic: Arithmetic = _checked(spec, Arithmetic, format, **choices)
    if format.only_saturates and arithmetic.overflow is not Overflow.SATURATE:
        raise NumleanError(
            f"dtype {spec.text!r}: finite formats of P3109 only saturate: leave overflow out"
        )
    if _SEED in spec.options and arithmetic.rounding is not Rounding.STOCHASTIC:
        raise NumleanError(f"dtype {spec.text!r}: seed is only for round=stochastic")
    return arithmetic


def _checked(spec: Dtype, kind: Callable[..., Any], *values: Any, **choices: Any) -> Any:
    """Return an object, or raise its ValueError as an error of the dtype."""
    try:
        return kind(*values, **choices)
    except ValueError as error:
        raise NumleanError(f"dtype {spec.text!r:.80}: {error}") from None


def _choice(kind: type[Enum], option: str, value: str) -> Any:
    known = {choice.value: choice for choice in kind}
    if value not in known:
        further = tuple(f"stochastic_{variant}:N" for variant in "abc") if kind is Rounding else ()
        raise UnknownNameError(f"value of {option}", value, (*known, *further))
    return known[value]
