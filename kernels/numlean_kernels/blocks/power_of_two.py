"""The loop of formats whose scales are powers of two (OCP MX 1.0)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.blocks.elements import NEAREST as NEAREST_ROUNDINGS
from numlean_kernels.blocks.elements import least_simple_scale
from numlean_kernels.blocks.exponents import NAN_SCALE
from numlean_kernels.blocks.rules import PowerRule
from numlean_kernels.formats import BINARY32
from numlean_kernels.protocol import Loop, Table

SCALE: Final = "scale of a block"
SCALED: Final = "over a power of two"
ROUNDED: Final = "element"
NEAREST: Final = "nearest element"
OVER: Final = "magnitude over a power of two"
GREATER: Final = "greater magnitude"
GREATER_NUMBER: Final = "greater magnitude of numbers"


@cache
def quantize_powers(rule: PowerRule, *, fast: bool = True) -> Loop:
    """Return the loop that brings binary32 encodings into a format.

    Its arrays are encodings x (rows, n), the words ``random_bits`` of x's shape, which only a
    stochastic rounding reads, and the codes of elements (rows, n) and scales (rows, blocks); the
    last block of a row may be shorter. The domain is the blocks of all rows, in C order.

    Args:
        rule: The format and its rules.
        fast: Whether blocks of usual numbers are rounded by vector instructions, to the same bits.
    """
    is_fast = fast and rule.elements.rounding in NEAREST_ROUNDINGS

    def make(table: Table) -> Callable[..., None]:
        return _make(table, rule, is_fast)

    name = f"quantize {rule.size}{'' if fast else ' plain'}"
    return Loop(name, rank=1, make=make, outputs=2)


def _make(table: Table, rule: PowerRule, is_fast: bool) -> Callable[..., None]:
    scale_of, scaled, rounded = table[SCALE], table[SCALED], table[ROUNDED]
    greater, greater_number = table[GREATER], table[GREATER_NUMBER]
    nearest: Any = table[NEAREST] if is_fast else None
    over: Any = table[OVER] if is_fast else None
    # numba removes the branches that constants exclude.
    is_stochastic, skips_nan = rule.elements.is_stochastic, rule.scale.skips_nan
    # Unsigned, so that numba checks for no negative indices.
    size, one, zero = np.uint64(rule.size), np.uint64(1), np.uint64(0)
    nan_scale, nan_element = NAN_SCALE, rule.element.nan
    infinity, least_simple = BINARY32.infinity, least_simple_scale(rule.element)

    def quantize(
        start: int, stop: int, x: Any, random_bits: Any, elements: Any, scales: Any
    ) -> None:
        blocks, n = np.uint64(scales.shape[1]), np.uint64(x.shape[1])
        i, b = start // blocks, start % blocks
        for _ in range(start, stop):
            first = b * size
            end = min(first + size, n)
            amax = np.int32(0)
            for k in range(first, end):
                amax = greater(amax, x[i, k])
            is_finite = amax < infinity
            if skips_nan and not is_finite:
                amax = np.int32(0)
                for k in range(first, end):
                    amax = greater_number(amax, x[i, k])
            scale = scale_of(amax)
            scales[i, b] = scale
            if scale == nan_scale:
                for k in range(first, end):
                    elements[i, k] = nan_element
            elif is_fast and is_finite and scale >= least_simple:
                for k in range(first, end):
                    elements[i, k] = nearest(x[i, k], over(x[i, k], scale))
            else:
                for k in range(first, end):
                    y = scaled(x[i, k], scale)
                    if is_stochastic:
                        elements[i, k] = rounded(y, random_bits[i, k])
                    else:
                        elements[i, k] = rounded(y)
            b += one
            if b == blocks:
                i, b = i + one, zero

    return quantize
