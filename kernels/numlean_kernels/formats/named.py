"""The formats that have a name: one block of data each, from which everything about them follows.

The dtypes, their other names, their entries in the registry and the tables of the documentation are
all made from ``NAMED``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean_kernels.formats.format import Format, Nans

BINARY32: Final = Format("binary32", exponent_bits=8, trailing_bits=23)
BINARY64: Final = Format("binary64", exponent_bits=11, trailing_bits=52)


@dataclass(frozen=True)
class NamedFormat:
    """A format with its dtype.

    Attributes:
        format: The format.
        summary: One line for people.
        aliases: Other names of the dtype, in lower case.
        dtype: The name of the dtype, if it is not that of the format.
    """

    format: Format
    summary: str
    aliases: tuple[str, ...] = ()
    dtype: str = ""

    @property
    def name(self) -> str:
        """The name of the dtype."""
        return self.dtype or self.format.name


NAMED: Final[tuple[NamedFormat, ...]] = (
    NamedFormat(BINARY64, "IEEE double precision", ("binary64",), dtype="binary64exec"),
    NamedFormat(
        Format("binary16", exponent_bits=5, trailing_bits=10),
        "IEEE half precision, e5m10",
        ("float16", "fp16", "f16", "half"),
    ),
    NamedFormat(
        Format("bfloat16", exponent_bits=8, trailing_bits=7),
        "the upper half of binary32, e8m7",
        ("bf16", "brainfloat16"),
    ),
    NamedFormat(
        Format("tf32", exponent_bits=8, trailing_bits=10),
        "the 19 bits of TF32, e8m10",
        ("tensorfloat32", "tensorfloat-32"),
    ),
    NamedFormat(
        Format("e5m2", exponent_bits=5, trailing_bits=2),
        "OCP 8-bit format with infinities",
        ("fp8_e5m2", "float8_e5m2", "f8e5m2", "f8_e5m2"),
    ),
    NamedFormat(
        Format("e4m3", exponent_bits=4, trailing_bits=3, nans=Nans.ALL_ONES, has_infinity=False),
        "OCP 8-bit format without infinities, up to 448",
        (
            *("fp8_e4m3", "fp8_e4m3fn", "float8_e4m3fn", "e4m3fn"),
            *("f8e4m3", "f8e4m3fn", "f8_e4m3", "f8_e4m3fn"),
        ),
    ),
    NamedFormat(
        Format(
            "e5m2fnuz",
            exponent_bits=5,
            trailing_bits=2,
            nans=Nans.NEGATIVE_ZERO,
            has_infinity=False,
            exponent_bias=16,
        ),
        "8-bit format with one zero, one NaN and no infinity, up to 57344",
        ("fp8_e5m2fnuz", "float8_e5m2fnuz", "f8e5m2fnuz"),
    ),
    NamedFormat(
        Format(
            "e4m3fnuz",
            exponent_bits=4,
            trailing_bits=3,
            nans=Nans.NEGATIVE_ZERO,
            has_infinity=False,
            exponent_bias=8,
        ),
        "8-bit format with one zero, one NaN and no infinity, up to 240",
        ("fp8_e4m3fnuz", "float8_e4m3fnuz", "f8e4m3fnuz"),
    ),
    NamedFormat(
        Format(
            "e4m3b11fnuz",
            exponent_bits=4,
            trailing_bits=3,
            nans=Nans.NEGATIVE_ZERO,
            has_infinity=False,
            exponent_bias=11,
        ),
        "as e4m3fnuz, with the bias 11, up to 30",
        ("float8_e4m3b11fnuz", "f8e4m3b11fnuz", "fp8_e4m3b11fnuz"),
    ),
    NamedFormat(
        Format("e4m3ieee", exponent_bits=4, trailing_bits=3),
        "8-bit format with infinities and NaNs as in IEEE 754, up to 240",
        ("float8_e4m3",),
    ),
    NamedFormat(
        Format("e3m4", exponent_bits=3, trailing_bits=4),
        "8-bit format with infinities and NaNs as in IEEE 754, up to 15.5",
        ("fp8_e3m4", "float8_e3m4", "f8e3m4"),
    ),
    NamedFormat(
        Format("e3m2", exponent_bits=3, trailing_bits=2, nans=Nans.NONE, has_infinity=False),
        "OCP 6-bit format of finite numbers, up to 28",
        ("fp6_e3m2", "float6_e3m2fn", "f6e3m2fn", "e3m2fn"),
    ),
    NamedFormat(
        Format("e2m3", exponent_bits=2, trailing_bits=3, nans=Nans.NONE, has_infinity=False),
        "OCP 6-bit format of finite numbers, up to 7.5",
        ("fp6_e2m3", "float6_e2m3fn", "f6e2m3fn", "e2m3fn"),
    ),
    NamedFormat(
        Format("e2m1", exponent_bits=2, trailing_bits=1, nans=Nans.NONE, has_infinity=False),
        "OCP 4-bit format of finite numbers, up to 6",
        ("fp4", "fp4_e2m1", "float4_e2m1fn", "f4e2m1fn", "e2m1fn"),
    ),
    NamedFormat(
        Format(
            "e8m0",
            exponent_bits=8,
            trailing_bits=0,
            nans=Nans.ALL_ONES,
            has_infinity=False,
            is_signed=False,
            has_zero=False,
        ),
        "OCP 8-bit scale: powers of two, without sign, zero or infinity",
        ("ue8m0", "float8_e8m0fnu", "f8e8m0fnu", "e8m0fnu"),
    ),
)
"""All named formats but binary32, whose dtypes are float32 and ieee32exec."""

_BY_NAME: Final = {each.format.name: each.format for each in NAMED}

BINARY16: Final = _BY_NAME["binary16"]
BFLOAT16: Final = _BY_NAME["bfloat16"]
TF32: Final = _BY_NAME["tf32"]
E5M2: Final = _BY_NAME["e5m2"]
E4M3: Final = _BY_NAME["e4m3"]
