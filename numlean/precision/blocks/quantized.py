"""Numbers in a block format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

if TYPE_CHECKING:
    from numlean.precision.blocks.block_format import BlockFormat

Array = np.ndarray[Any, Any]


@final
@dataclass(frozen=True, eq=False)
class QuantizedBlocks:
    """Numbers in a block format, as codes.

    Attributes:
        format: The format and the rules by which they came into it.
        elements: The codes of elements, one uint8 each, in the shape of the numbers.
        scales: The codes of the blocks' scales, of uint8; a quantised axis has one entry a block.
        tensor_scale: The binary32 encoding of the factor of all numbers, of uint32; that of 1 for
            formats whose only scales are those of blocks.
        axis: The axis along which blocks lie, or both axes of square blocks.
    """

    format: BlockFormat
    elements: Array
    scales: Array
    tensor_scale: np.uint32
    axis: int | tuple[int, int]

    def dequantize(self) -> Array:
        """Return the exact values as binary64, in the shape of the numbers; NaN in a NaN block."""
        return self.format.dequantize(self.elements, self.scales, self.tensor_scale, self.axis)

    def describe(self) -> str:
        """Return every rule that applied, a line each."""
        return self.format.describe()
