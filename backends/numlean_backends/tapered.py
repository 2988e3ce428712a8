"""Posits and takums, by routines on their codes in integers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.conversion import Conversion, Rounder
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import Exact
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import ScalarBackend
from numlean_backends.codecs import TableCodec
from numlean_backends.exact_rounders import TaperedRounder
from numlean_kernels.formats import Format
from numlean_kernels.tables.tapered import exact_decoder, exact_encoder, tapered_table
from numlean_kernels.tapered.formats import WIDEST, Posit, Takum, TaperedFormat
from numlean_kernels.targets import get_target

_LEAST_POSIT: Final = 3
_LEAST_TAKUM: Final = 5
_MOST_EXPONENT_BITS: Final = 4
_STANDARD_EXPONENT_BITS: Final = 2


@dataclass(frozen=True)
class TaperedCodec(TableCodec):
    """See :class:`numlean.scalar.codec.Codec` for the documentation of every method.

    Attributes:
        codes: The format of the codes.
    """

    codes: TaperedFormat

    @property
    def format(self) -> Format | None:
        """None: the exponent field has no fixed width."""
        return None

    @property
    def code_width(self) -> int:
        """The number of bits of a code."""
        return self.codes.width

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The narrowest unsigned integer that holds a code."""
        return self.codes.storage_dtype

    @property
    def precision(self) -> int:
        """The most significant bits of a number."""
        return self.codes.precision

    def encode(self, value: Exact) -> int:
        """Round one exact value once; an infinity or a NaN becomes NaR."""
        from mpmath import libmp

        if value in (libmp.fnan, libmp.finf, libmp.fninf):
            return self.codes.nar
        negative, m, e, _ = value
        return exact_encoder(self.codes)(bool(negative), int(m), int(e))

    def encode_flagged(self, value: Exact) -> tuple[int, int]:
        """Raise: these formats have no flags."""
        raise NotImplementedError("tapered formats keep no flags")

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion, on the string of bits."""
        return Rounder(TaperedRounder(self.codes, conversion))

    def decode(self, element: int) -> Exact:
        """Return one code's exact value; a NaN for NaR."""
        from mpmath import libmp

        if int(element) == self.codes.nar:
            return libmp.fnan  # type: ignore[no-any-return]
        return libmp.from_man_exp(*exact_decoder(self.codes)(int(element)))  # type: ignore[no-any-return]


def _numbers(spec: Dtype, pattern: str, form: str) -> tuple[int, ...]:
    """Return the numbers in a dtype's argument.

    Raises:
        NumleanError: It has another form.
    """
    match = re.fullmatch(pattern, spec.argument or "", re.ASCII)
    if match is None:
        raise NumleanError(f"dtype {spec.text!r:.80}: {form}")
    return tuple(int(group) for group in match.groups() if group is not None)


@cache
def _posit(spec_text: str) -> Posit:
    spec = Dtype.parse(spec_text)
    form = (
        f"posit takes {_LEAST_POSIT} to {WIDEST} bits, and perhaps 0 to {_MOST_EXPONENT_BITS}"
        " exponent bits (2 by default), as in posit:16 or posit:16.1"
    )
    width, *size = _numbers(spec, r"(\d{1,3})(?:\.(\d{1,2}))?", form)
    exponent_size = size[0] if size else _STANDARD_EXPONENT_BITS
    if not (_LEAST_POSIT <= width <= WIDEST and exponent_size <= _MOST_EXPONENT_BITS):
        raise NumleanError(f"dtype {spec.text!r:.80}: {form}")
    return Posit(width, exponent_size)


@cache
def _takum(spec_text: str) -> Takum:
    spec = Dtype.parse(spec_text)
    form = f"takum takes {_LEAST_TAKUM} to {WIDEST} bits, as in takum:16"
    (width,) = _numbers(spec, r"(\d{1,3})", form)
    if not _LEAST_TAKUM <= width <= WIDEST:
        raise NumleanError(f"dtype {spec.text!r:.80}: {form}")
    return Takum(width)


def _backend(
    pattern: str, summary: str, format_of: Callable[[str], TaperedFormat], what: str
) -> ScalarBackend:
    def make(spec: Dtype, device: str) -> KernelScalar:
        format, target = format_of(spec.text), get_target(device)
        return KernelScalar(
            name=spec.text,
            summary=f"{what} of {format.width} bits in integer arithmetic",
            table=tapered_table(format, target),
            target=target,
            codec=TaperedCodec(tapered_table(format, target.host), target.host, format),
        )

    def reference(scalar: Scalar) -> Any:
        # Only the conformance suite needs it.
        from numlean.testing.tapered import TaperedReference

        return TaperedReference(scalar, format_of(Dtype.parse(scalar.name).text))

    return ScalarBackend(
        pattern=pattern,
        summary=summary,
        devices=("cpu", "cuda", "python"),
        make=make,
        reference=reference,
    )


posit: Final = _backend(
    "posit:N[.ES]",
    "posits of N bits (3 to 32), ES of them exponent bits (0 to 4, by default 2), emulated",
    _posit,
    "posits",
)
takum: Final = _backend(
    "takum:N", "linear takums of N bits (5 to 32), emulated in integer arithmetic", _takum, "takums"
)
