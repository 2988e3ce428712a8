"""The loops of formats with a scale for each block and one for the tensor (NVFP4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.blocks.quantizers import has_zero_blocks
from numlean_kernels.blocks.rules import TwoLevelRule
from numlean_kernels.protocol import Loop, Table

TENSOR: Final = "scale of a tensor"
SCALE: Final = "scale of a block"
VALUE: Final = "value of a scale"
FACTOR: Final = "factor of a block"
SCALED: Final = "over scales"
ROUNDED: Final = "element"
REAL: Final = "binary32 number"
GREATER: Final = "greater magnitude"


@cache
def tensor_scale(rule: TwoLevelRule) -> Loop:
    """Return the loop that finds the scale of a tensor.

    Its arrays are binary32 encodings x (n,), that of their greatest magnitude (1,), and the scale S
    as a binary32 number (1,). The domain is one cell.
    """

    def make(table: Table) -> Callable[..., None]:
        tensor, real, greater = table[TENSOR], table[REAL], table[GREATER]

        def kernel(start: int, stop: int, x: Any, gamax: Any, whole: Any) -> None:
            for o in range(start, stop):
                amax = np.int32(0)
                for k in range(x.shape[0]):
                    amax = greater(amax, x[k])
                gamax[o] = amax
                whole[o] = tensor(real(amax))

        return kernel

    return Loop("scale of a tensor", rank=1, make=make, outputs=2)


@cache
def quantize_two_levels(rule: TwoLevelRule) -> Loop:
    """Return the loop that brings binary32 encodings into a format.

    Its arrays are encodings x (rows, n), the encoding of the tensor's greatest magnitude (1,), its
    scale S as a binary32 number (1,), the words ``random_bits`` of x's shape, which only a
    stochastic rounding reads, and the codes of elements (rows, n) and scales (rows, blocks); the
    last block of a row may be shorter. The domain is the blocks of all rows, in C order.
    """

    def make(table: Table) -> Callable[..., None]:
        return _make(table, rule)

    return Loop(f"quantize {rule.size} by {rule.quantizer.value}", rank=1, make=make, outputs=2)


def _make(table: Table, rule: TwoLevelRule) -> Callable[..., None]:
    scale_of, value, factor_of = table[SCALE], table[VALUE], table[FACTOR]
    scaled, rounded, real, greater = table[SCALED], table[ROUNDED], table[REAL], table[GREATER]
    # numba removes the branches that constants exclude.
    is_stochastic, has_zeros = rule.elements.is_stochastic, has_zero_blocks(rule.quantizer)
    size, nan_scale, nan_element = rule.size, rule.scale.default_nan, rule.element.nan
    sign = rule.element.format.width - 1

    def quantize(
        start: int,
        stop: int,
        x: Any,
        gamax: Any,
        whole: Any,
        random_bits: Any,
        elements: Any,
        scales: Any,
    ) -> None:
        blocks, most, factor_of_all = np.int64(scales.shape[1]), real(gamax[0]), whole[0]
        for o in range(np.int64(start), np.int64(stop)):
            i, b = o // blocks, o % blocks
            block = x[i, b * size : (b + 1) * size]
            codes = elements[i, b * size : (b + 1) * size]
            amax = np.int32(0)
            for k in range(block.shape[0]):
                amax = greater(amax, block[k])
            scale = scale_of(real(amax), most, factor_of_all)
            scales[i, b] = scale
            if scale == nan_scale:
                for k in range(block.shape[0]):
                    codes[k] = nan_element
            elif has_zeros and scale == 0:
                for k in range(block.shape[0]):
                    codes[k] = (block[k] >> 31) << sign
            else:
                factor = factor_of(value(scale), most, factor_of_all)
                for k in range(block.shape[0]):
                    y = scaled(real(block[k]), factor, factor_of_all)
                    if is_stochastic:
                        codes[k] = rounded(y, random_bits[i, b * size + k])
                    else:
                        codes[k] = rounded(y)

    return quantize
