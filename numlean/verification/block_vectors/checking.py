"""Vectors of another library against ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any, Final, final

import numpy as np

from numlean.errors import DataError, NumleanError
from numlean.precision.blocks import BlockFormat, QuantizedBlocks, get_block_format
from numlean.precision.blocks.values import values_of_element, values_of_format
from numlean.verification.block_vectors.vector import Vector
from numlean_kernels.blocks.rules import PowerRule

_MAGNITUDE: Final = 0x7FFFFFFF
_NAN_POWER: Final = 0xFF


@final
@dataclass(frozen=True)
class Difference:
    """A code that differs from ours.

    Attributes:
        line: The line of the file.
        what: ``tensor_scale``, ``scale``, or ``element K``.
        ours: Our code.
        theirs: The code in the file.
        explanation: The operands, and the point where rounding turns.
    """

    line: int
    what: str
    ours: int
    theirs: int
    explanation: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: {self.what} is {self.theirs:02x}, ours {self.ours:02x};"
            f" {self.explanation}"
        )


def check_vectors(vectors: Sequence[Vector], name: str) -> Iterator[Difference]:
    """Yield the first difference of each vector from ours.

    The elements of a block whose scale is NaN are not compared: whatever they are, the block is NaN
    (OCP MX 1.0).

    Raises:
        DataError: A vector has an unknown format or rule, or a wrong number of elements.
    """
    numbered = list(enumerate(vectors, 1))
    for _, group in groupby(numbered, lambda each: _shared(each[1])):
        members = list(group)
        first, vector = members[0]
        try:
            f = _format_of(vector)
            quantized = _quantized(f, [each for _, each in members])
        except DataError:
            raise
        except NumleanError as error:
            raise DataError(f"{name}, line {first}: {error}") from None
        for row, (line, each) in enumerate(members):
            difference = _difference(f, quantized, row, line, each)
            if difference is not None:
                yield difference


def _shared(vector: Vector) -> tuple[Any, ...]:
    """Return what vectors that are quantised together have in common."""
    return vector.format, vector.rule, vector.preset, vector.tensor_amax, len(vector.input)


def _format_of(vector: Vector) -> BlockFormat:
    f = get_block_format(
        vector.format, scale_rule=vector.rule, preset=vector.preset, device="python"
    )
    if f.size != len(vector.input):
        raise NumleanError(f"{f.name} has blocks of {f.size} numbers, got {len(vector.input)}")
    needs_amax = not isinstance(f.rule, PowerRule)
    if needs_amax != (vector.tensor_amax is not None):
        needed = "needs" if needs_amax else "has no"
        raise NumleanError(f"{f.name} {needed} tensor_amax, the tensor's greatest magnitude")
    return f


def _quantized(f: BlockFormat, vectors: list[Vector]) -> QuantizedBlocks:
    """Return the blocks by our rules; a last one has the tensor's greatest magnitude."""
    x = np.array([vector.input for vector in vectors], np.uint32)
    amax = vectors[0].tensor_amax
    if amax is not None:
        further = np.zeros((1, x.shape[1]), np.uint32)
        further[0, 0] = amax & _MAGNITUDE
        x = np.concatenate([x, further])
    return f.quantize(x.view(np.float32))


def _difference(
    f: BlockFormat, ours: QuantizedBlocks, row: int, line: int, theirs: Vector
) -> Difference | None:
    scale, whole = int(ours.scales[row, 0]), int(ours.tensor_scale)
    if whole != theirs.tensor_scale and not _are_nans(whole, theirs.tensor_scale):
        text = f"the tensor's greatest magnitude is {_real_text(theirs.tensor_amax or 0)}"
        return Difference(line, "tensor_scale", whole, theirs.tensor_scale, text)
    if scale != theirs.scale:
        amax = max(x & _MAGNITUDE for x in theirs.input)
        text = f"the block's greatest magnitude is {_real_text(amax)}"
        return Difference(line, "scale", scale, theirs.scale, text)
    if scale == _nan_scale(f):
        return None
    pairs = zip(ours.elements[row].tolist(), theirs.elements, theirs.input, strict=True)
    for k, (own, other, x) in enumerate(pairs):
        if own != other:
            text = _explained(f, x, scale, whole)
            return Difference(line, f"element {k}", own, other, text)
    return None


def _nan_scale(f: BlockFormat) -> int:
    return _NAN_POWER if isinstance(f.rule, PowerRule) else f.rule.scale.default_nan


def _are_nans(a: int, b: int) -> bool:
    return min(a & _MAGNITUDE, b & _MAGNITUDE) > 0x7F800000


def _explained(f: BlockFormat, x: int, scale: int, whole: int) -> str:
    """Return the operands of an element, the exact quotient, and the nearest boundary."""
    number = np.uint32(x).view(np.float32)
    operands = f"the number is {_real_text(x)}, the scale {scale:02x}"
    if not np.isfinite(number):
        return operands
    factor = Fraction(float(_scale_value(f, scale))) * Fraction(float(_float(whole)))
    if not factor:
        return f"{operands}, which is 0"
    quotient = Fraction(float(number)) / factor
    magnitudes = _magnitudes(f)
    middles = [(a + b) / 2 for a, b in pairwise(magnitudes)]
    boundary = min(middles, key=lambda middle: abs(middle - abs(quotient)))
    k = middles.index(boundary)
    side = "at" if abs(quotient) == boundary else "above" if abs(quotient) > boundary else "below"
    return (
        f"{operands}; the exact quotient {_fraction_text(quotient)} is {side} the boundary"
        f" {float(boundary)!r} between {float(magnitudes[k])!r} and {float(magnitudes[k + 1])!r}"
    )


def _magnitudes(f: BlockFormat) -> list[Fraction]:
    values = values_of_element(f.rule.element)
    return sorted({Fraction(float(v)) for v in values if np.isfinite(v) and v >= 0})


def _scale_value(f: BlockFormat, code: int) -> Any:
    if isinstance(f.rule, PowerRule):
        return np.ldexp(1.0, code - 127)
    return values_of_format(f.rule.scale)[code]


def _float(encoding: int) -> Any:
    return np.uint32(encoding).view(np.float32)


def _real_text(encoding: int) -> str:
    return f"{encoding:08x} ({float(_float(encoding))!r})"


def _fraction_text(value: Fraction) -> str:
    exact = float(value)
    return repr(exact) if Fraction(exact) == value else f"{value.numerator}/{value.denominator}"
