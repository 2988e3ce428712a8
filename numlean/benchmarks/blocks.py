"""Conversions of numbers to block formats, and those of other libraries to their elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import numpy as np

from numlean.precision.blocks import get_block_format

_FORMATS: Final = (
    "mxfp8_e4m3",
    "mxfp8_e4m3,preset=transformer_engine",
    "mxfp8_e5m2",
    "mxfp6_e3m2",
    "mxfp4",
    "mxint8",
    "nvfp4",
    "nvfp4,preset=transformer_engine",
)
_CASTS: Final = ("float8_e4m3fn", "float4_e2m1fn")
_ROW: Final = 1 << 12


def conversions(numbers: int) -> Mapping[str, Callable[[], object]]:
    """Return what to time, by name: each converts about as many random binary32 numbers.

    Those of ml_dtypes and gfloat are there if these are installed; they have no scales.
    """
    rng = np.random.default_rng(0)
    rows = max(1, numbers // _ROW)
    x = rng.standard_normal((rows, _ROW)).astype(np.float32)
    timed: dict[str, Callable[[], object]] = {
        name: partial(get_block_format(name).quantize, x) for name in _FORMATS
    }
    if find_spec("ml_dtypes") is not None:
        import ml_dtypes

        for name in _CASTS:
            timed[f"ml_dtypes cast to {name}"] = partial(x.astype, getattr(ml_dtypes, name))
    if find_spec("gfloat") is not None:
        gfloat, formats = import_module("gfloat"), import_module("gfloat.formats")
        format = formats.format_info_ocp_e4m3
        timed["gfloat round_ndarray to ocp_e4m3"] = partial(gfloat.round_ndarray, format, x)
    return timed


def missing() -> list[str]:
    """Return the names of libraries that could be compared, but are not installed."""
    return [name for name in ("ml_dtypes", "gfloat") if find_spec(name) is None]
