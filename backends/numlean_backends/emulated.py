"""What the emulated Scalars have in common: all but the format and its name."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from numlean.errors import UnknownNameError
from numlean.kernel_scalar import KernelScalar
from numlean.registry import Backend, Spec
from numlean_backends.codecs import EncodingCodec
from numlean_kernels.formats import Format
from numlean_kernels.ieee import (
    Arithmetic,
    NanRule,
    Overflow,
    Rounding,
    Subnormal,
    Tininess,
    ieee_table,
)
from numlean_kernels.targets import get_target

_OPTIONS: Final[dict[str, tuple[str, type[Enum]]]] = {
    "round": ("rounding", Rounding),
    "nan": ("nan", NanRule),
    "subnormal": ("subnormal", Subnormal),
    "tininess": ("tininess", Tininess),
    "overflow": ("overflow", Overflow),
}


def emulated_backend(
    pattern: str, summary: str, format: Format | Callable[[Spec], Format]
) -> Backend:
    """The backend that computes by integer arithmetic, under the options given.

    ``format`` is that of every dtype of the backend, or makes it of what the user wrote.
    """

    def make(spec: Spec, device: str) -> KernelScalar:
        arithmetic = arithmetic_of(format if isinstance(format, Format) else format(spec), spec)
        target = get_target(device)
        table = ieee_table(arithmetic, target)
        return KernelScalar(
            name=spec.text,
            summary=f"{arithmetic.format.name} in integer arithmetic",
            table=table,
            target=target,
            codec=EncodingCodec(arithmetic, table, target),
            rounding=arithmetic.rounding.value,
        )

    return Backend(
        pattern=pattern,
        summary=summary,
        devices=("cpu", "python"),
        make=make,
        options=tuple(_OPTIONS),
        format=format if isinstance(format, Format) else None,
    )


def arithmetic_of(format: Format, spec: Spec) -> Arithmetic:
    """The arithmetic that a dtype's options ask for.

    Raises:
        UnknownNameError: An option has no such value; the message lists those it has.
    """
    choices: dict[str, Any] = {}
    for option, value in spec.options.items():
        attribute, kind = _OPTIONS[option]
        known = {choice.value: choice for choice in kind}
        if value not in known:
            raise UnknownNameError(f"value of {option}", value, tuple(known))
        choices[attribute] = known[value]
    return Arithmetic(format, **choices)
