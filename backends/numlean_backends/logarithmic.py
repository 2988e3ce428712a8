"""Logarithmic numbers, by routines on their logarithms in integers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.conversion import Conversion, Rounder
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import Exact
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import ScalarBackend
from numlean_backends.codecs import CodesInStorage
from numlean_backends.exact_rounders import LogRounder
from numlean_kernels.formats import Format
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.logarithmic.arithmetic import make_pack, make_rounded
from numlean_kernels.logarithmic.builder import log_builder
from numlean_kernels.logarithmic.formats import (
    FRACTION_BITS,
    INTEGER_BITS,
    LogArithmetic,
    LogFormat,
)
from numlean_kernels.tables.logarithmic import log_table
from numlean_kernels.targets import get_target
from numlean_kernels.targets.python import PYTHON

_ROUND: Final = "round"
_NEAR: Final = 2.0**-16
"""Logarithms in binary64 this close to a multiple of half a unit are computed exactly."""

_SNAP: Final = 40
"""A logarithm within 2**-40 units of an integer is that integer. Values are irrational unless F
divides L, so they leave as rationals near them, such as binary64 numbers, and come in again."""


def value_bits(format: LogFormat) -> int:
    """Return the bits to which the values of a format are given.

    They are so many that the difference of two equal products is nearer to zero than any other.
    """
    return (2 << format.integer_bits) + format.fraction_bits + 120


@cache
def _roots(format: LogFormat) -> list[int]:
    """Return 2**(j / 2**F) for all j below 2**F, in units of the last of ``value_bits``."""
    from mpmath import libmp

    bits = value_bits(format)
    found = []
    for j in range(1 << format.fraction_bits):
        x = libmp.from_man_exp(j, -format.fraction_bits)
        root = libmp.mpf_pow(libmp.ftwo, x, bits + 10, "n")
        found.append(int(libmp.to_int(libmp.mpf_shift(root, bits), "n")))
    return found


@dataclass(frozen=True)
class LogCodec(CodesInStorage):
    """See :class:`numlean.scalar.codec.Codec` for the documentation of every method.

    Attributes:
        arithmetic: The format of the codes, and how numbers are rounded to it.
    """

    arithmetic: LogArithmetic

    @property
    def format(self) -> Format | None:
        """None: there is no significand."""
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
        """The bits after the point of L, and one, as of formats with neighbours as far apart."""
        return self.arithmetic.format.fraction_bits + 1

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round binary64 values once; an infinity becomes the number at the end of the range."""
        flat = values.reshape(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log2(np.abs(flat)) * (1 << self.arithmetic.format.fraction_bits)
            halves = 2 * logs
            is_sure = np.isfinite(logs) & (np.abs(halves - np.rint(halves)) > _NEAR)
        z = np.empty(flat.shape, dtype=self.storage_dtype)
        z[~is_sure] = [self._of_float(v) for v in flat[~is_sure].tolist()]
        sure, negative = halves[is_sure], np.signbit(flat[is_sure])
        floors = np.floor(sure).astype(np.int64).tolist()
        z[is_sure] = [
            self._rounded(s, h, 1) for s, h in zip(negative.tolist(), floors, strict=True)
        ]
        return z.reshape(values.shape)

    def _of_float(self, value: float) -> int:
        from mpmath import libmp

        return self.encode(Exact(*libmp.from_float(value)))

    def _rounded(self, negative: bool, halves: int, more: int) -> int:
        """Return the code of a number whose L is ``halves`` half units, and more if that is 1."""
        builder = log_builder(self.arithmetic, PYTHON)
        n = builder.routine(make_rounded)(negative, halves >> 1, halves & 1, more)
        sign = self.arithmetic.format.sign_mask if negative else 0
        return int(builder.routine(make_pack)(sign, n))

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Round the values once."""
        from mpmath import libmp

        values = [libmp.to_float(self.decode(a), rnd="n") for a in x.reshape(-1).tolist()]
        return np.array(values, dtype=np.float64).reshape(x.shape)

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round int64 values once."""
        from mpmath import libmp

        codes = [self.encode(Exact(*libmp.from_int(n))) for n in values.reshape(-1).tolist()]
        return self.from_elements(codes, values.shape)

    def encode(self, value: Exact) -> int:
        """Round one exact value once."""
        from mpmath import libmp

        format = self.arithmetic.format
        if value == libmp.fnan:
            return format.nan
        if value in (libmp.finf, libmp.fninf):
            return format.greatest_log | (format.sign_mask if value == libmp.fninf else 0)
        negative, m, e, bits = value
        if m == 0:
            return format.zero
        beyond = 2 << format.integer_bits
        if abs(int(e) + bits) > beyond:  # and e may be of any size
            return self._rounded(bool(negative), (1 if e + bits > 0 else -1) * (beyond << 16), 1)
        return self._rounded(bool(negative), *self._log(int(m), int(e)))

    def _log(self, m: int, e: int) -> tuple[int, int]:
        """Return the logarithm of m * 2**e in half units of L, rounded down, and 1 if not exact."""
        from mpmath import libmp

        half_units = self.arithmetic.format.fraction_bits + 1
        if m == 1:
            return e << half_units, 0
        bits = _SNAP + 80
        log = libmp.mpf_log(libmp.from_man_exp(m, e), bits, "n")
        log2 = libmp.mpf_div(log, libmp.mpf_ln2(bits), bits, "n")
        shift = _SNAP + 20
        scaled = int(libmp.to_int(libmp.mpf_shift(log2, half_units + shift), "f"))
        unit = 2 << shift
        nearest = (scaled + unit // 2) // unit
        if abs(scaled - nearest * unit) < 1 << (shift - _SNAP + 1):
            return 2 * nearest, 0
        return scaled >> shift, 1

    def encode_flagged(self, value: Exact) -> tuple[int, int]:
        """Raise: this format has no flags."""
        raise NotImplementedError("logarithmic numbers keep no flags")

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion, by the logarithm."""
        rounding = self.arithmetic.rounding.value
        return Rounder(LogRounder(self.arithmetic.format, conversion, rounding))

    def decode(self, element: int) -> Exact:
        """Return one code's value, to ``value_bits`` bits; exact where F divides L."""
        from mpmath import libmp

        format, code = self.arithmetic.format, int(element)
        if code in (format.zero, format.nan):
            return libmp.fzero if code == format.zero else libmp.fnan  # type: ignore[no-any-return]
        n = ((code & format.log_mask) ^ format.zero) - format.zero
        whole, part = n >> format.fraction_bits, n & ((1 << format.fraction_bits) - 1)
        root = _roots(format)[part]
        sign = -1 if code & format.sign_mask else 1
        return libmp.from_man_exp(sign * root, whole - value_bits(format))  # type: ignore[no-any-return]


def arithmetic_of(spec: Dtype) -> LogArithmetic:
    """Return the arithmetic of a dtype such as ``lns:4.4`` or ``lns:5.8@round=toward_zero``.

    Raises:
        NumleanError: A width is out of range, or an option has no such value.
    """
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", spec.argument or "", re.ASCII)
    whole, fraction = map(int, match.groups()) if match else (0, 0)
    if whole not in INTEGER_BITS or fraction not in FRACTION_BITS:
        raise NumleanError(
            f"dtype {spec.text!r:.80}: write lns:I.F, with I bits of the logarithm before the"
            f" point, its sign included, from {INTEGER_BITS[0]} to {INTEGER_BITS[-1]}, and F after"
            f" it, from {FRACTION_BITS[0]} to {FRACTION_BITS[-1]}"
        )
    known = {r.value: r for r in Rounding if r is not Rounding.STOCHASTIC}
    rounding = spec.options.get(_ROUND, Rounding.TIES_TO_EVEN.value)
    if rounding not in known:
        raise UnknownNameError("value of round of logarithmic numbers", rounding, tuple(known))
    return LogArithmetic(LogFormat(whole, fraction), known[rounding])


def _make(spec: Dtype, device: str) -> KernelScalar:
    arithmetic, target = arithmetic_of(spec), get_target(device)
    format = arithmetic.format
    return KernelScalar(
        name=spec.text,
        summary=f"logarithmic numbers of {format.width} bits, {format.fraction_bits} after the"
        " point of the logarithm, in integer arithmetic",
        table=log_table(arithmetic, target),
        target=target,
        codec=LogCodec(arithmetic),
        rounding=arithmetic.rounding.value,
    )


def _reference(scalar: Scalar) -> Any:
    # Only the conformance suite needs it.
    from numlean.testing.logarithmic import LogReference

    return LogReference(scalar, arithmetic_of(Dtype.parse(scalar.name)))


scalar: Final = ScalarBackend(
    pattern="lns:I.F",
    summary="logarithmic: a sign, and log2 of the magnitude with I bits before the point (2 to 10,"
    " its sign included) and F after it (0 to 10)",
    devices=("cpu", "cuda", "python"),
    make=_make,
    options=(_ROUND,),
    reference=_reference,
)
