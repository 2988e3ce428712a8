"""Binary floating-point formats as data (IEEE 754-2019, clause 3; OCP formats, 2023; IEEE P3109).

A format is given by a few numbers. This module derives everything else about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Final

import numpy as np


class Nans(Enum):
    """Which encodings of a format are NaNs."""

    IEEE = ""
    """The largest biased exponent with a trailing significand that is not zero."""
    ALL_ONES = "fn"
    """The magnitude of all ones."""
    NEGATIVE_ZERO = "fnuz"
    """The encoding that would be -0, which the format lacks."""
    NONE = "f"
    """None. The encoding of -0 stands for the result of an invalid operation."""


@dataclass(frozen=True)
class Format:
    """A binary format with a biased exponent and a trailing significand.

    The value of a finite encoding with the biased exponent E and the trailing significand T is, as
    in IEEE 754, 2**(E - bias) * (1 + T / 2**m) for E > 0, else 2**(1 - bias) * T / 2**m, where m is
    ``trailing_bits``. Without a zero it is the former for E = 0 too.

    Attributes:
        name: The name in dtypes and errors.
        exponent_bits: The width of the biased exponent field.
        trailing_bits: The width of the trailing significand field, one less than the precision.
        nans: Which encodings are NaNs.
        has_infinity: Whether there are infinities: in the place that IEEE 754 gives them, else at
            the largest magnitude that is no NaN.
        exponent_bias: The bias of the exponent; None for that of IEEE 754.
        is_signed: Whether encodings have a sign bit.
        has_zero: Whether there is a zero. Only an unsigned format of precision 1 may lack it.
        only_saturates: Whether results beyond the range are always the largest number, so that
            there is no choice.
        greatest: The encoding of the largest finite number, if that does not follow from ``nans``
            and ``has_infinity``; all larger magnitudes but the next are then NaNs.
    """

    name: str
    exponent_bits: int
    trailing_bits: int
    nans: Nans = Nans.IEEE
    has_infinity: bool = True
    exponent_bias: int | None = None
    is_signed: bool = True
    has_zero: bool = True
    only_saturates: bool = False
    greatest: int | None = None

    def __post_init__(self) -> None:
        if self.exponent_bias is None:
            object.__setattr__(self, "exponent_bias", self._usual_bias)
        is_ieee = self.has_infinity and self.is_signed
        if self.nans is Nans.IEEE and self.greatest is None and not is_ieee:
            raise ValueError(f"{self.name}: the NaNs of IEEE 754 need infinities and a sign")
        if self.nans in (Nans.NEGATIVE_ZERO, Nans.NONE) and not self.is_signed:
            raise ValueError(f"{self.name}: an unsigned format has no -0 in place of a NaN")
        if not self.has_zero and (self.is_signed or self.trailing_bits):
            raise ValueError(f"{self.name}: only an unsigned format of precision 1 may lack a zero")

    @property
    def _usual_bias(self) -> int:
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def key(self) -> str:
        """The widths of the fields, ``e8m7``, and what differs from IEEE 754: ``e4m3fn``.

        Formats with equal keys have the same encodings, whatever their names.
        """
        further = [
            "infinity" if self.has_infinity and self.nans is not Nans.IEEE else "",
            "" if self.is_signed else "unsigned",
            "" if self.has_zero else "nonzero",
            "" if self.bias == self._usual_bias else f"bias{self.bias}",
            "" if self.greatest is None else f"greatest{self.greatest}",
        ]
        fields = f"e{self.exponent_bits}m{self.trailing_bits}{self.nans.value}"
        return "-".join([fields, *filter(None, further)])

    @property
    def width(self) -> int:
        """The number of bits of an encoding, including the sign."""
        return int(self.is_signed) + self.exponent_bits + self.trailing_bits

    @property
    def precision(self) -> int:
        """The number of significant bits of a normal number, called p in the standard."""
        return self.trailing_bits + 1

    @property
    def bias(self) -> int:
        """The difference between a biased exponent and the exponent."""
        assert self.exponent_bias is not None
        return self.exponent_bias

    @property
    def emax(self) -> int:
        """The largest exponent of a finite number."""
        return (self.max_finite >> self.trailing_bits) - self.bias

    @property
    def emin(self) -> int:
        """The exponent of the smallest normal number."""
        return int(self.has_zero) - self.bias

    @property
    def sign_mask(self) -> int:
        """The sign bit, in place; 0 in unsigned formats."""
        return 1 << (self.width - 1) if self.is_signed else 0

    @property
    def magnitude_mask(self) -> int:
        """All bits except the sign."""
        return (1 << (self.exponent_bits + self.trailing_bits)) - 1

    @property
    def implicit_bit(self) -> int:
        """The leading significand bit of normal numbers, which encodings omit."""
        return 1 << self.trailing_bits

    @property
    def trailing_mask(self) -> int:
        """The trailing significand field, in place."""
        return self.implicit_bit - 1

    @property
    def exponent_limit(self) -> int:
        """The largest biased exponent: a field of ones."""
        return (1 << self.exponent_bits) - 1

    @property
    def infinity(self) -> int:
        """The encoding of +infinity, next to the largest number; what is there if it has none."""
        return self.max_finite + 1

    @property
    def least_normal(self) -> int:
        """The encoding of the smallest normal number."""
        return self.implicit_bit if self.has_zero else 0

    @property
    def max_finite(self) -> int:
        """The encoding of the largest finite number."""
        if self.greatest is not None:
            return self.greatest
        if self.nans is Nans.IEEE:
            return (self.exponent_limit << self.trailing_bits) - 1
        return self.magnitude_mask - self.has_infinity - (self.nans is Nans.ALL_ONES)

    @property
    def max_number(self) -> int:
        """The largest magnitude that is not a NaN."""
        return self.infinity if self.has_infinity else self.max_finite

    @property
    def quiet_bit(self) -> int:
        """The bit that distinguishes a quiet NaN from a signalling one (clause 6.2.1)."""
        return self.implicit_bit >> 1 or 1

    @property
    def has_nan(self) -> bool:
        """Whether there are NaNs."""
        return self.nans is not Nans.NONE

    @property
    def has_single_nan(self) -> bool:
        """Whether all NaNs are equal: they have no payload, and none is signalling."""
        return self.nans is not Nans.IEEE or self.greatest is not None

    @property
    def has_negative_zero(self) -> bool:
        """Whether there is a -0."""
        return self.is_signed and self.nans is not Nans.NEGATIVE_ZERO

    @property
    def default_nan(self) -> int:
        """The encoding that an invalid operation returns; it is -0 in a format without NaN."""
        if self.greatest is not None or self.nans is Nans.ALL_ONES:
            return self.magnitude_mask
        return self.infinity | self.quiet_bit if self.nans is Nans.IEEE else self.sign_mask

    @property
    def zero(self) -> int:
        """The encoding of +0."""
        return 0

    @property
    def one(self) -> int:
        """The encoding of 1."""
        return self.bias << self.trailing_bits

    def is_nan(self, encodings: Any) -> Any:
        """Return whether an encoding is a NaN; where, of an array of encodings."""
        if self.nans is Nans.NEGATIVE_ZERO:
            return encodings == self.sign_mask
        if self.nans is Nans.NONE:
            return encodings != encodings
        return (encodings & self.magnitude_mask) > self.max_number

    def is_infinite(self, encodings: Any) -> Any:
        """Return whether an encoding is an infinity; where, of an array of encodings."""
        if not self.has_infinity:
            return encodings != encodings
        return (encodings & self.magnitude_mask) == self.infinity

    def is_finite(self, encodings: Any) -> Any:
        """Return whether an encoding is a finite number; where, of an array of encodings."""
        within = (encodings & self.magnitude_mask) <= self.max_finite
        return within & (encodings != self.sign_mask) if self.has_nan_at_minus_zero else within

    @property
    def has_nan_at_minus_zero(self) -> bool:
        """Whether the encoding that would be -0 is the NaN, so that its magnitude is that of 0."""
        return self.nans is Nans.NEGATIVE_ZERO

    @property
    def usual_overflow(self) -> str:
        """The choice of what overflow gives, unless another one is made."""
        return "saturate" if self.only_saturates else "infinite"

    @property
    def is_sign_magnitude(self) -> bool:
        """Whether routines compute on the encodings as they are.

        They can if a sign bit is followed by a magnitude in which zeros, numbers, infinities and
        NaNs follow each other in this order. Otherwise they compute on those of ``working``.
        """
        is_usual = self.nans in (Nans.IEEE, Nans.ALL_ONES) and self.is_signed
        return self.greatest is not None or (
            is_usual and (self.nans is Nans.IEEE) == self.has_infinity
        )

    @cached_property
    def working(self) -> Format:
        """The format in which routines compute: this one if they can, else one that has more.

        It has the same numbers with the same biased exponents, and room above them for NaNs. The
        magnitude of its encodings is that of this format's; one more if this format has no zero.
        """
        if self.is_sign_magnitude:
            return self
        shift = int(not self.has_zero)
        return Format(
            self.name,
            self.exponent_bits + 1,
            self.trailing_bits,
            has_infinity=self.has_infinity,
            exponent_bias=self.bias + shift,
            greatest=self.max_finite + shift,
        )

    def contains(self, other: Format) -> bool:
        """Return whether the format has every number of another one, infinities included."""
        return (
            other.precision <= self.precision
            and other.emax <= self.emax
            and other.emin - other.trailing_bits >= self.emin - self.trailing_bits
            and self.has_infinity >= other.has_infinity
            and self.is_signed >= other.is_signed
            and self.has_zero >= other.has_zero
            and self.has_nan >= other.has_nan
            and self.has_negative_zero >= other.has_negative_zero
        )

    def format_bits(self, bits: int) -> str:
        """Return an encoding as text: hexadecimal, then sign, exponent and trailing field."""
        binary = f"{bits:0{self.width}b}"
        split = self.width - self.trailing_bits
        sign = int(self.is_signed)
        fields = " ".join(filter(None, (binary[:sign], binary[sign:split], binary[split:])))
        return f"{bits:#0{2 + -(-self.width // 4)}x}   {fields}"

    @cached_property
    def storage_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The narrowest numpy unsigned integer that holds an encoding."""
        bits = next(b for b in (8, 16, 32, 64) if b >= self.width)
        return np.dtype(f"uint{bits}")


_KEY: Final = re.compile(
    r"e(\d{1,9})m(\d{1,9})(fnuz|fn|f|)(-infinity)?(-unsigned)?(-nonzero)?(?:-bias(\d{1,9}))?",
    re.ASCII,
)


def format_of_key(key: str) -> Format:
    """Return a format with this key.

    Raises:
        ValueError: The text is not a key.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"{key!r} is not the key of a format, such as e8m7 or e4m3fn")
    exponent_bits, trailing_bits, nans, infinity, unsigned, nonzero, bias = match.groups()
    return Format(
        key,
        int(exponent_bits),
        int(trailing_bits),
        Nans(nans),
        has_infinity=not nans or infinity is not None,
        exponent_bias=None if bias is None else int(bias),
        is_signed=unsigned is None,
        has_zero=nonzero is None,
    )
