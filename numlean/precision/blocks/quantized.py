"""Numbers in a block format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.precision.blocks.encodings import binary32_encodings
from numlean.precision.blocks.measured_tensor import MeasuredTensor
from numlean.precision.blocks.shapes import Blocks
from numlean.precision.blocks.statistics import BlockStatistics
from numlean.precision.blocks.values import greatest_element

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

    def statistics(self, x: Tensor | ArrayLike) -> BlockStatistics:
        """Return what the format did to the numbers: shares, scales, and errors by block.

        Errors are those against the binary32 numbers that ``BlockFormat.quantize`` made of x.

        Args:
            x: The numbers that were quantised.

        Raises:
            ShapeError: They have another shape.
            NumleanError: They are no real numbers.
        """
        numbers = binary32_encodings(x, "statistics").view(np.float32)
        if numbers.shape != self.elements.shape:
            raise ShapeError(
                f"statistics takes the numbers that were quantised, of shape"
                f" {self.elements.shape}, got shape {numbers.shape}"
            )
        blocks = Blocks.of(numbers.shape, self.axis, self.format.size)
        greatest, unit = greatest_element(self.format.rule.element)
        found = MeasuredTensor(
            numbers=blocks.matrices(numbers.astype(np.float64)),
            values=blocks.matrices(self.dequantize()),
            scales=blocks.matrices(self.format.factors(self.scales)),
            whole=float(self.tensor_scale.view(np.float32)),
            rows=self.format.size if blocks.is_square else 1,
            terms=self.format.size,
            greatest=greatest,
            unit=unit,
        ).statistics()
        worst = (replace(each, place=blocks.place(each.place)) for each in found.worst)
        return replace(found, worst=tuple(worst))
