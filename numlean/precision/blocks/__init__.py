"""Block formats: numbers whose scales are shared by a block, such as MX and NVFP4."""

from numlean.precision.blocks.block_format import BlockFormat
from numlean.precision.blocks.names import block_formats, get_block_format
from numlean.precision.blocks.quantized import QuantizedBlocks
from numlean.precision.blocks.statistics import BlockError, BlockStatistics

__all__ = [
    "BlockError",
    "BlockFormat",
    "BlockStatistics",
    "QuantizedBlocks",
    "block_formats",
    "get_block_format",
]
