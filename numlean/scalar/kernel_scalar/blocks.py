"""Binary32 numbers as elements and scales of a block format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numlean.scalar.kernel_scalar.components import Components
from numlean.scalar.protocol import Storage
from numlean_kernels.blocks.power_of_two import quantize_powers
from numlean_kernels.blocks.quantizers import skips_nan
from numlean_kernels.blocks.rules import BlockRule, PowerRule, TwoLevelRule
from numlean_kernels.blocks.two_level import (
    PART,
    greatest_of_parts,
    quantize_two_levels,
    tensor_scale,
)
from numlean_kernels.formats import BINARY32
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.blocks import power_table, two_level_table


class Quantized(NamedTuple):
    """The codes of a format.

    Attributes:
        elements: The codes of elements (rows, n), of uint8.
        scales: The codes of scales (rows, blocks), of uint8.
        tensor_scale: The scale of the tensor as a binary32 number, of shape (1,).
    """

    elements: Storage
    scales: Storage
    tensor_scale: Storage


def quantize(
    s: Components, x: Storage, rule: BlockRule, *, random_bits: Storage | None = None
) -> Quantized:
    """Return binary32 encodings (rows, n) in a block format; blocks are cut from each row.

    Args:
        s: The Scalar whose target runs the kernels, and records them if it does that.
        x: The encodings, in C order.
        rule: The format and its rules.
        random_bits: A word for each number, which only a stochastic rounding reads.
    """
    target, shared = s.target, s.target.without_recorder
    blocks = -(-x.shape[1] // rule.size)
    elements = target.empty(x.shape, np.uint8)
    scales = target.empty((x.shape[0], blocks), np.uint8)
    words = target.empty((1, 1), np.uint64) if random_bits is None else random_bits
    whole = target.empty(1, np.float32)
    if isinstance(rule, PowerRule):
        whole[...] = 1.0
        launch = kernel_for(target, quantize_powers(rule), power_table(rule, shared))
        launch((scales.size,), x, words, elements, scales)
        return Quantized(elements, scales, whole)
    table, gamax = two_level_table(rule, shared), target.empty(1, np.uint32)
    parts = target.empty(max(1, -(-x.size // PART)), np.uint32)
    kernel_for(target, greatest_of_parts(rule), table)((parts.size,), x.reshape(-1), parts)
    kernel_for(target, tensor_scale(rule), table)((1,), parts, gamax, whole)
    launch = kernel_for(target, quantize_two_levels(rule), table)
    launch((scales.size,), x, gamax, whole, words, elements, scales)
    return Quantized(elements, scales, whole)


def greatest_magnitude(x: Storage, rule: TwoLevelRule) -> int:
    """Return the encoding of the greatest magnitude, as the rule's quantizer counts NaNs."""
    magnitudes = x & np.uint32(BINARY32.magnitude_mask)
    if skips_nan(rule.quantizer):
        magnitudes = np.where(magnitudes <= BINARY32.infinity, magnitudes, np.uint32(0))
    return int(magnitudes.max(initial=0))
