"""Conversions of numbers to block formats, and casts of ml_dtypes to their elements' types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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

    Casts are there if ml_dtypes is installed; they have no scales.
    """
    rng = np.random.default_rng(0)
    rows = max(1, numbers // _ROW)
    x = rng.standard_normal((rows, _ROW)).astype(np.float32)
    timed: dict[str, Callable[[], object]] = {
        name: partial(get_block_format(name).quantize, x) for name in _FORMATS
    }
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        return timed
    for name in _CASTS:
        timed[f"ml_dtypes cast to {name}"] = partial(x.astype, getattr(ml_dtypes, name))
    return timed
