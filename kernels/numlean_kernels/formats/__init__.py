"""Binary floating-point formats as data."""

from numlean_kernels.formats.format import Format, Nans, format_of_key
from numlean_kernels.formats.named import (
    BFLOAT16,
    BINARY16,
    BINARY32,
    BINARY64,
    E4M3,
    E5M2,
    NAMED,
    TF32,
    NamedFormat,
)
from numlean_kernels.formats.parametric import parse_format, parse_p3109

__all__ = [
    "BFLOAT16",
    "BINARY16",
    "BINARY32",
    "BINARY64",
    "E4M3",
    "E5M2",
    "NAMED",
    "TF32",
    "Format",
    "NamedFormat",
    "Nans",
    "format_of_key",
    "parse_format",
    "parse_p3109",
]
