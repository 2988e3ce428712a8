"""The loop of formats whose scales are powers of two (OCP MX 1.0)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.blocks.elements import least_simple_scale
from numlean_kernels.blocks.exponents import NAN_SCALE
from numlean_kernels.blocks.rules import PowerRule
from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.protocol import Loop, Table

SCALE: Final = "scale of a block"
SCALED: Final = "over a power of two"
ROUNDED: Final = "element"
NEAREST: Final = "nearest element"
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

    def make(table: Table) -> Callable[..., None]:
        return _make(table, rule, fast and rule.elements.rounding is Rounding.TIES_TO_EVEN)

    name = f"quantize {rule.size}{'' if fast else ' plain'}"
    return Loop(name, rank=1, make=make, outputs=2)


def _make(table: Table, rule: PowerRule, has_nearest: bool) -> Callable[..., None]:
    scale_of, scaled, rounded = table[SCALE], table[SCALED], table[ROUNDED]
    greater, greater_number = table[GREATER], table[GREATER_NUMBER]
    nearest: Any = table[NEAREST] if has_nearest else None
    # numba removes the branches that constants exclude.
    is_stochastic, skips_nan = rule.elements.is_stochastic, rule.scale.skips_nan
    size, nan_scale, nan_element = rule.size, NAN_SCALE, rule.element.nan
    infinity, least_simple = BINARY32.infinity, least_simple_scale(rule.element)

    def quantize(
        start: int, stop: int, x: Any, random_bits: Any, elements: Any, scales: Any
    ) -> None:
        blocks = np.int64(scales.shape[1])
        for o in range(np.int64(start), np.int64(stop)):
            i, b = o // blocks, o % blocks
            block = x[i, b * size : (b + 1) * size]
            codes = elements[i, b * size : (b + 1) * size]
            amax = np.int32(0)
            for k in range(block.shape[0]):
                amax = greater(amax, block[k])
            is_finite = amax < infinity
            if skips_nan and not is_finite:
                amax = np.int32(0)
                for k in range(block.shape[0]):
                    amax = greater_number(amax, block[k])
            scale = scale_of(amax)
            scales[i, b] = scale
            if scale == nan_scale:
                for k in range(block.shape[0]):
                    codes[k] = nan_element
            elif has_nearest and is_finite and scale >= least_simple:
                for k in range(block.shape[0]):
                    codes[k] = nearest(block[k], scale)
            else:
                for k in range(block.shape[0]):
                    y = scaled(block[k], scale)
                    if is_stochastic:
                        codes[k] = rounded(y, random_bits[i, b * size + k])
                    else:
                        codes[k] = rounded(y)

    return quantize
