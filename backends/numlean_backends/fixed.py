"""Fixed-point numbers, by routines on counts of units in integers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.conversion import Conversion, Rounder
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import Exact
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import ScalarBackend
from numlean_backends.codecs import TableCodec
from numlean_backends.exact_rounders import FixedRounder, fixed_beyond
from numlean_kernels.fixed.formats import WIDEST, Beyond, FixedArithmetic, FixedFormat
from numlean_kernels.flags import INEXACT, INVALID, OVERFLOW
from numlean_kernels.formats import Format
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.tables.fixed import DIRECTIONS, exact_encoder, fixed_table
from numlean_kernels.targets import get_target

_OVERFLOW: Final = "overflow"
_ROUND: Final = "round"

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True)
class FixedCodec(TableCodec):
    """See :class:`numlean.scalar.codec.Codec` for the documentation of every method.

    Attributes:
        arithmetic: The format of the codes, and how numbers are rounded to it.
    """

    arithmetic: FixedArithmetic

    @property
    def format(self) -> Format | None:
        """None: there is no exponent field."""
        return None

    @property
    def code_width(self) -> int:
        """The number of bits of a code."""
        return self.arithmetic.format.width

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The narrowest unsigned integer that holds a code."""
        return self.arithmetic.format.storage_dtype

    @property
    def precision(self) -> int:
        """The bits of the greatest number."""
        return self.arithmetic.format.greatest.bit_length()

    def encode(self, value: Exact) -> int:
        """Round one exact value once; a NaN becomes 0."""
        return self.encode_flagged(value)[0]

    def encode_flagged(self, value: Exact) -> tuple[int, int]:
        """Round one exact value once, and return the flags that this raises."""
        from mpmath import libmp

        format = self.arithmetic.format
        if value == libmp.fnan:
            return 0, INVALID
        if value in (libmp.finf, libmp.fninf):
            end = format.greatest if value == libmp.finf else format.least
            return end & format.code_mask, OVERFLOW | INEXACT
        negative, m, e, _ = value
        return exact_encoder(self.arithmetic)(bool(negative), int(m), int(e))

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion; a random one has no kernels."""
        own = self.arithmetic
        beyond = fixed_beyond(f"fixed:{own.format.name}", conversion.overflow, own.beyond)
        if conversion.is_random:
            assert conversion.rounding is not None
            return Rounder(FixedRounder(replace(own, beyond=beyond), conversion.rounding))
        rounding = own.rounding if conversion.rounding is None else Rounding(conversion.rounding)
        chosen = replace(own, beyond=beyond, rounding=rounding)
        encode = replace(self, arithmetic=chosen).encode_flagged
        return Rounder(encode, partial(fixed_table, chosen), self.storage_dtype)

    def decode(self, element: int) -> Exact:
        """Return one code's exact value."""
        from mpmath import libmp

        format = self.arithmetic.format
        count = (int(element) ^ format.sign_mask) - format.sign_mask
        return libmp.from_man_exp(count, -format.fraction_bits)  # type: ignore[no-any-return]


def arithmetic_of(spec: Dtype) -> FixedArithmetic:
    """Return the arithmetic of a dtype such as ``fixed:4.4`` or ``fixed:0.8u@overflow=wrap``.

    Raises:
        NumleanError: A width is out of range, or an option has no such value.
    """
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3}),?(u?)", spec.argument or "", re.ASCII)
    is_signed = match is not None and not match[3]
    whole, fraction = (int(match[1]), int(match[2])) if match else (0, 0)
    most = WIDEST if is_signed else WIDEST - 1
    if not 2 <= whole + fraction <= most or (is_signed and whole == 0):
        raise NumleanError(
            f"dtype {spec.text!r:.80}: write fixed:I.F, with I bits before the point, the sign"
            f" included, and F after it, 2 to {WIDEST} together; or fixed:I.Fu without a sign, up"
            f" to {WIDEST - 1}"
        )
    rounding = _choice(tuple(DIRECTIONS), _ROUND, spec, Rounding.TIES_TO_EVEN)
    beyond = _choice(tuple(Beyond), _OVERFLOW, spec, Beyond.SATURATE)
    return FixedArithmetic(FixedFormat(whole, fraction, is_signed), rounding, beyond)


def _choice(known: tuple[Choice, ...], option: str, spec: Dtype, default: Choice) -> Choice:
    values = {choice.value: choice for choice in known}
    value = spec.options.get(option, default.value)
    if value not in values:
        raise UnknownNameError(f"value of {option} of fixed-point numbers", value, tuple(values))
    return values[value]


def _make(spec: Dtype, device: str) -> KernelScalar:
    arithmetic, target = arithmetic_of(spec), get_target(device)
    format = arithmetic.format
    return KernelScalar(
        name=spec.text,
        summary=f"fixed-point numbers of {format.width} bits, {format.fraction_bits} after the"
        " point, in integer arithmetic",
        table=fixed_table(arithmetic, target),
        target=target,
        codec=FixedCodec(fixed_table(arithmetic, target.host), target.host, arithmetic),
        rounding=arithmetic.rounding.value,
    )


def _reference(scalar: Scalar) -> Any:
    # Only the conformance suite needs it.
    from numlean.testing.fixed import FixedReference

    return FixedReference(scalar, arithmetic_of(Dtype.parse(scalar.name)))


scalar: Final = ScalarBackend(
    pattern="fixed:I.F",
    summary="fixed point: I bits before the point, the sign included, F after it, up to 32;"
    " fixed:I.Fu without a sign",
    devices=("cpu", "cuda", "python"),
    make=_make,
    options=(_ROUND, _OVERFLOW),
    reference=_reference,
)
