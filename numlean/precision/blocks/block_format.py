"""A block format with every rule by which numbers come into it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision.blocks.encodings import BINARY32_DTYPE, binary32_encodings
from numlean.precision.blocks.quantized import QuantizedBlocks
from numlean.precision.blocks.shapes import Blocks
from numlean.precision.blocks.values import values_of_element, values_of_format
from numlean.scalar.kernel_scalar.blocks import quantize
from numlean.scalar.kernel_scalar.random_words import random_words
from numlean.scalar.noise import NoiseStream
from numlean.scalar.registry import get_scalar
from numlean.text_table import TextTable
from numlean_kernels.blocks.rules import (
    BlockRule,
    PowerRule,
    Quantizer,
    ScaleRule,
    TwoLevelRule,
)
from numlean_kernels.formats import Format, named

Array = np.ndarray[Any, Any]

ONE: Final = np.uint32(0x3F800000)
E8M0: Final = next(each.format for each in named.NAMED if each.name == "e8m0")

_EXPONENTS: Final = {
    ScaleRule.FLOOR: "2**(floor(log2(amax)) - emax)",
    ScaleRule.CEIL: "2**(ceil(log2(amax)) - emax)",
    ScaleRule.EVEN: "2**(floor(log2(r)) - emax), r being amax rounded to the bits of an element",
    ScaleRule.RCEIL: "the least power of two for which no element exceeds the greatest one",
}

_QUANTIZERS: Final = {
    Quantizer.EXACT: (
        "S = RN(gamax / (G * H)), 1 if that is 0, infinite or NaN",
        "amax / (G * S), exact, rounded once, at most H",
        "x / (s * S), exact, rounded once",
    ),
    Quantizer.TRANSFORMER_ENGINE: (
        "S = RN(1 / E), E = min(RN(G * H / gamax), greatest); E = 1 if that or gamax is 0",
        "RN(amax * RN(E * RN(1 / G))), rounded, at most H",
        "RN(x * f), rounded; f = min(RN(1 / RN(s * S)), greatest)",
    ),
    Quantizer.TORCHAO: (
        "S = RN(gamax / (G * H)), 1 if gamax is 0",
        "RN(RN(amax / G) / S), from the least normal scale to H, rounded",
        "RN(x * RN(RN(1 / S) / s)), rounded",
    ),
    Quantizer.UNIVERSAL: (
        "S = RN(gamax / (G * H)), 1 if gamax is 0",
        "RN(RN(amax / S) / G), rounded, at least the least positive scale unless amax is 0",
        "RN(RN(x / S) * RN(1 / s)), rounded",
    ),
    Quantizer.TRITON: (
        "1: there is no scale of the tensor",
        "RN(amax / G), at most H, rounded",
        "RN(x * RN(1 / s)), rounded",
    ),
    Quantizer.MICROXCALING: (
        "S = RN(gamax / (G * H)), 1 if that is 0, infinite or NaN",
        "amax / (G * S), exact, rounded once, at most H; amax = 0 counts as 2**-126, and an"
        " infinity or a NaN makes s NaN",
        "x / (s * S), exact, rounded once",
    ),
}


@checked
@final
@dataclass(frozen=True)
class BlockFormat:
    """A format whose numbers are elements times a scale that a block of them shares.

    Attributes:
        name: The name, with the options that are no scale rule and no preset.
        rule: The elements, the size of a block, and every rule of the conversion.
        preset: The library whose rules they are, where no option says otherwise.
        device: The device on which numbers are converted.
        seed: The seed of a stochastic rounding.
    """

    name: str
    rule: BlockRule
    preset: str
    device: str = "cpu"
    seed: int = 0

    def _repr_html_(self) -> str:
        """Return the properties as a table for notebooks."""
        rows = (
            ("elements", self.element),
            ("scales", self.scale),
            ("elements of a block", str(self.size)),
            ("rules of", self.preset),
            ("device", self.device),
        )
        return TextTable((), rows, title=self.name).to_html(row_headers=True)

    @property
    def element(self) -> str:
        """The name of the elements' format."""
        return self.rule.element.format.name

    @property
    def scale(self) -> str:
        """The name of the scales' format."""
        return self.scale_format.name

    @property
    def scale_format(self) -> Format:
        """The format of the scales of blocks."""
        return E8M0 if isinstance(self.rule, PowerRule) else self.rule.scale

    @property
    def size(self) -> int:
        """The number of elements of a block, along each axis of square ones."""
        return self.rule.size

    def quantize(self, x: Tensor | ArrayLike, axis: int | tuple[int, int] = -1) -> QuantizedBlocks:
        """Return numbers in the format.

        Numbers are taken as binary32: those of narrower formats exactly, others rounded to nearest.
        A length that the block does not divide gives a shorter last block, as if it were padded
        with zeros. A stochastic rounding draws a word for each number from the seed and the place
        of the number.

        Args:
            x: Tensor or array of any shape with at least one axis.
            axis: The axis along which blocks lie, or two axes for square blocks.

        Raises:
            ShapeError: There is no such axis.
            NumleanError: The axes are the same, or the array holds no real numbers.
        """
        numbers = binary32_encodings(x, "quantize")
        if not numbers.ndim:
            raise ShapeError("quantize takes an array with at least one axis, got a single number")
        blocks = Blocks.of(numbers.shape, axis, self.size)
        scalar: Any = get_scalar(BINARY32_DTYPE, self.device)
        words = None
        if self.rule.elements.is_stochastic:
            words = blocks.rows(random_words(scalar.target, NoiseStream(self.seed), numbers.shape))
        rule = replace(self.rule, size=blocks.numbers)
        codes = quantize(scalar, blocks.rows(numbers), rule, random_bits=words)
        return QuantizedBlocks(
            self,
            blocks.array(np.asarray(codes.elements)),
            blocks.scales(np.asarray(codes.scales)),
            np.asarray(codes.tensor_scale).view(np.uint32)[0],
            axis,
        )

    def dequantize(
        self,
        elements: ArrayLike,
        scales: ArrayLike,
        tensor_scale: int | np.integer[Any] = ONE,
        axis: int | tuple[int, int] = -1,
    ) -> Array:
        """Return the values of codes as binary64, exactly; NaN in a block whose scale is NaN.

        Args:
            elements: The codes of elements.
            scales: The codes of scales; a quantised axis has one entry a block.
            tensor_scale: The binary32 encoding of the factor of all numbers.
            axis: The axis along which blocks lie, or two axes of square blocks.

        Raises:
            ShapeError: The shapes do not match.
            NumleanError: A code is none of the format's, or the tensor's scale is no encoding.
        """
        if not 0 <= int(tensor_scale) < 1 << 32:
            raise NumleanError(
                f"tensor_scale is a binary32 encoding, from 0 to 2**32 - 1, got {tensor_scale}"
            )
        codes, of_blocks = np.asarray(elements), np.asarray(scales)
        blocks = self.blocks_of(codes.shape, of_blocks.shape, axis)
        values = _looked_up("element", codes, values_of_element(self.rule.element))
        factors = self.factors(of_blocks)
        whole = np.float64(np.uint32(tensor_scale).view(np.float32))
        with np.errstate(all="ignore"):
            return np.asarray(values * (blocks.each(factors) * whole))

    def blocks_of(
        self, elements: tuple[int, ...], scales: tuple[int, ...], axis: int | tuple[int, int]
    ) -> Blocks:
        """Return the blocks of elements of a shape.

        Raises:
            ShapeError: Scales of such blocks have another shape, or there is no such axis.
        """
        blocks = Blocks.of(elements, axis, self.size)
        if scales != blocks.counts:
            raise ShapeError(
                f"elements of shape {elements} have scales of shape {blocks.counts} along axis"
                f" {axis}, not {scales}"
            )
        return blocks

    def factors(self, scales: ArrayLike) -> Array:
        """Return the values of the codes of scales as binary64, exactly; NaN for a NaN.

        Raises:
            NumleanError: A code is none of the format's.
        """
        return _looked_up("scale", np.asarray(scales), values_of_format(self.scale_format))

    def describe(self) -> str:
        """Return every rule that applies, a line each."""
        own = self.rule
        lines = [
            f"{self.name}: {self.element} elements, blocks of {self.size}, {self.scale} scales",
            f"preset: {self.preset}",
            *(_power_lines(own) if isinstance(own, PowerRule) else _two_level_lines(own)),
            f"rounding of elements: {own.elements.key}, at most the greatest element",
            "input: binary32; narrower formats exactly, others rounded to nearest",
            "last block: shorter, as if padded with zeros",
        ]
        return "\n".join(lines)


def _power_lines(rule: PowerRule) -> list[str]:
    scale, emax = rule.scale, rule.element.format.emax
    text = {254: "2**127", 255: "NaN"}
    zero = "2**-127" if not scale.zero_as else "as for amax = 2**-126"
    nan = "is skipped in amax" if scale.skips_nan else "makes the scale NaN"
    lines = [
        f"scale rule: {scale.rule.value}: {_EXPONENTS[scale.rule]}; emax = {emax}",
        f"scale of an infinite amax: {text[scale.infinite]}",
        f"a NaN: {nan}",
        f"scale of a block of zeros: {zero}",
        f"scale below 2**-127: 2**-127; above 2**127: {text[scale.beyond]}",
    ]
    if scale.rule is ScaleRule.EVEN:
        carry = text[scale.infinite] if scale.carry_is_infinite else "2**(128 - emax)"
        lines.append(f"scale if amax is rounded to 2**128: {carry}")
    lines.append("element: x / scale, exact, rounded once")
    return lines


def _two_level_lines(rule: TwoLevelRule) -> list[str]:
    tensor, scale, element = _QUANTIZERS[rule.quantizer]
    return [
        "G and H: the greatest element and scale; gamax and amax: the greatest magnitudes of the"
        " tensor and of a block; RN: rounding to binary32, ties to even",
        f"scale of the tensor: {tensor}",
        f"scale s of a block: {scale}; rounding {rule.scales.key}",
        f"element: {element}",
    ]


def _looked_up(what: str, codes: Array, values: Array) -> Array:
    """Return the values of codes.

    Raises:
        NumleanError: A code is none.
    """
    check_codes(what, codes, values.size)
    return np.asarray(values[codes])


def check_codes(what: str, codes: Array, count: int) -> None:
    """Check that an array has codes from 0 to ``count`` - 1.

    Raises:
        NumleanError: One is not.
    """
    if codes.dtype.kind not in "iu":
        raise NumleanError(f"codes of {what}s are integers, got an array of {codes.dtype}")
    if codes.size and (int(codes.min()) < 0 or int(codes.max()) >= count):
        raise NumleanError(
            f"codes of {what}s are from 0 to {count - 1}, got {codes.min()} to {codes.max()}"
        )
