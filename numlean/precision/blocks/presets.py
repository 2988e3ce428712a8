"""The rules of libraries by name: what each does where a block format leaves a choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from numlean_kernels.blocks.rules import PowerScale, Quantizer, ScaleRule
from numlean_kernels.formats import BINARY32

NEAREST: Final = "ties_to_even"


@final
@dataclass(frozen=True)
class Preset:
    """The rules of a library.

    Attributes:
        name: The name.
        source: Whose rules they are.
        powers: The scales of formats whose scales are powers of two; None if it has none of them.
        quantizer: The quantizer of formats of two levels; None likewise.
        rounding: The rounding of elements.
    """

    name: str
    source: str
    powers: PowerScale | None = None
    quantizer: Quantizer | None = None
    rounding: str = NEAREST


PRESETS: Final = (
    Preset(
        "ocp",
        "OCP MX 1.0; what it leaves open is a choice of numlean",
        PowerScale(beyond=254),
    ),
    Preset(
        "torchao",
        "torchao",
        PowerScale(carry_is_infinite=True),
        Quantizer.TORCHAO,
    ),
    Preset(
        "transformer_engine",
        "NVIDIA's TransformerEngine",
        PowerScale(ScaleRule.RCEIL, infinite=254, beyond=254, skips_nan=True),
        Quantizer.TRANSFORMER_ENGINE,
    ),
    Preset(
        "microxcaling",
        "Microsoft's microxcaling; formats of two levels by its corner cases, a choice of numlean",
        PowerScale(zero_as=BINARY32.least_normal),
        Quantizer.MICROXCALING,
        rounding="ties_to_away",
    ),
    Preset("universal", "the library universal", quantizer=Quantizer.UNIVERSAL),
    Preset("triton", "triton_kernels, mode ROUND_NEAREST", quantizer=Quantizer.TRITON),
    Preset("exact", "numlean: each quotient is exact and rounded once", quantizer=Quantizer.EXACT),
)
"""All presets, in the order in which they are listed."""
