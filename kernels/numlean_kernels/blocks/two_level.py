"""The loops of formats with a scale for each block and one for the tensor (NVFP4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.blocks.quantizers import has_zero_blocks, skips_nan
from numlean_kernels.blocks.rules import TwoLevelRule
from numlean_kernels.formats import BINARY32
from numlean_kernels.protocol import Loop, Routine, Table

TENSOR: Final = "scale of a tensor"
SCALE: Final = "scale of a block"
VALUE: Final = "value of a scale"
FACTOR: Final = "factor of a block"
SCALED: Final = "over scales"
ROUNDED: Final = "element"
REAL: Final = "binary32 number"
NEAREST: Final = "nearest element"
USUAL: Final = "usual factor"
GREATER: Final = "greater magnitude"
GREATER_NUMBER: Final = "greater magnitude of numbers"
GREATER_OF_TENSOR: Final = "greater magnitude of a tensor"


PART: Final = 1 << 12
"""The numbers of a tensor whose greatest magnitude a cell of ``greatest_of_parts`` finds."""


@cache
def greatest_of_parts(rule: TwoLevelRule) -> Loop:
    """Return the loop that finds the greatest magnitude of each part of a tensor.

    Its arrays are binary32 encodings x (n,), and encodings (parts,). A part has ``PART`` numbers.
    """

    def make(table: Table) -> Callable[..., None]:
        greater = table[GREATER_OF_TENSOR]
        size = np.uint64(PART)

        def kernel(start: int, stop: int, x: Any, parts: Any) -> None:
            n = np.uint64(x.shape[0])
            for o in range(start, stop):
                first = o * size
                amax = np.int32(0)
                for k in range(first, min(first + size, n)):
                    amax = greater(amax, x[k])
                parts[o] = amax

        return kernel

    return Loop("greatest magnitudes of parts", rank=1, make=make)


@cache
def tensor_scale(rule: TwoLevelRule) -> Loop:
    """Return the loop that finds the scale of a tensor.

    Its arrays are the binary32 encodings of the greatest magnitudes of parts (n,), that of all
    (1,), and the scale S as a binary32 number (1,). The domain is one cell.
    """

    def make(table: Table) -> Callable[..., None]:
        tensor, real, greater = table[TENSOR], table[REAL], table[GREATER_OF_TENSOR]

        def kernel(start: int, stop: int, parts: Any, gamax: Any, whole: Any) -> None:
            for o in range(start, stop):
                amax = np.int32(0)
                for k in range(parts.shape[0]):
                    amax = greater(amax, parts[k])
                gamax[o] = amax
                whole[o] = tensor(real(amax))

        return kernel

    return Loop("scale of a tensor", rank=1, make=make, outputs=2)


@cache
def quantize_two_levels(rule: TwoLevelRule, *, fast: bool = True) -> Loop:
    """Return the loop that brings binary32 encodings into a format.

    Its arrays are encodings x (rows, n), the encoding of the tensor's greatest magnitude (1,), its
    scale S as a binary32 number (1,), the words ``random_bits`` of x's shape, which only a
    stochastic rounding reads, and the codes of elements (rows, n) and scales (rows, blocks); the
    last block of a row may be shorter. The domain is the blocks of all rows, in C order.

    Args:
        rule: The format and its rules.
        fast: Whether blocks of usual numbers are rounded by vector instructions, to the same bits.
    """

    def make(table: Table) -> Callable[..., None]:
        return _make(table, rule, table.get(NEAREST) if fast else None)

    name = f"quantize {rule.size} by {rule.quantizer.value}{'' if fast else ' plain'}"
    return Loop(name, rank=1, make=make, outputs=2)


def _make(table: Table, rule: TwoLevelRule, fast: Routine | None) -> Callable[..., None]:
    scale_of, value, factor_of = table[SCALE], table[VALUE], table[FACTOR]
    scaled, rounded, real = table[SCALED], table[ROUNDED], table[REAL]
    greater, greater_number = table[GREATER], table[GREATER_NUMBER]
    nearest: Any = fast
    usual: Any = table[USUAL] if fast else None
    # numba removes the branches that constants exclude.
    is_fast, is_stochastic = fast is not None, rule.elements.is_stochastic
    skips, has_zeros = skips_nan(rule.quantizer), has_zero_blocks(rule.quantizer)
    nan_scale, nan_element = rule.scale.default_nan, rule.element.nan
    sign, infinity = rule.element.format.width - 1, BINARY32.infinity
    # Unsigned, so that numba checks for no negative indices.
    size, one, zero = np.uint64(rule.size), np.uint64(1), np.uint64(0)

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
        blocks, n = np.uint64(scales.shape[1]), np.uint64(x.shape[1])
        most, factor_of_all = real(gamax[0]), whole[0]
        i, b = start // blocks, start % blocks
        for _ in range(start, stop):
            first = b * size
            end = min(first + size, n)
            amax = np.int32(0)
            for k in range(first, end):
                amax = greater(amax, x[i, k])
            is_finite = amax < infinity
            if skips and not is_finite:
                amax = np.int32(0)
                for k in range(first, end):
                    amax = greater_number(amax, x[i, k])
            scale = scale_of(real(amax), most, factor_of_all)
            scales[i, b] = scale
            if scale == nan_scale:
                for k in range(first, end):
                    elements[i, k] = nan_element
            elif has_zeros and scale == 0:
                for k in range(first, end):
                    elements[i, k] = (x[i, k] >> 31) << sign
            else:
                factor = factor_of(value(scale), most, factor_of_all)
                if is_fast and is_finite and usual(factor, factor_of_all):
                    for k in range(first, end):
                        elements[i, k] = nearest(x[i, k], factor, factor_of_all)
                else:
                    for k in range(first, end):
                        y = scaled(real(x[i, k]), factor, factor_of_all)
                        if is_stochastic:
                            elements[i, k] = rounded(y, random_bits[i, k])
                        else:
                            elements[i, k] = rounded(y)
            b += one
            if b == blocks:
                i, b = i + one, zero

    return quantize
