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
from numlean.precision.blocks.block_format import ONE
from numlean.precision.blocks.values import values_of_element, values_of_format
from numlean.verification.block_vectors.making import check_direction
from numlean.verification.block_vectors.vector import Vector
from numlean_kernels.blocks.rules import PowerRule

_MAGNITUDE: Final = 0x7FFFFFFF
_INFINITY: Final = 0x7F800000
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
        line, vector = members[0]
        try:
            f = _format_of(vector)
            for line, each in members:  # noqa: B007 (named by an error)
                _check_amax(each.tensor_amax, each.input)
            quantized = _quantized(f, [each for _, each in members])
        except DataError:
            raise
        except NumleanError as error:
            raise DataError(f"{name}, line {line}: {error}") from None
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
    check_direction(f)
    if f.size != len(vector.input):
        raise NumleanError(f"{f.name} has blocks of {f.size} numbers, got {len(vector.input)}")
    needs_amax = not isinstance(f.rule, PowerRule)
    if needs_amax != (vector.tensor_amax is not None):
        needed = "needs" if needs_amax else "has no"
        raise NumleanError(f"{f.name} {needed} tensor_amax, the tensor's greatest magnitude")
    return f


def _check_amax(amax: int | None, block: Sequence[int]) -> None:
    """Check that a tensor's greatest magnitude, if there is one, is not below those of a block.

    Raises:
        NumleanError: It is negative, or a number of the block exceeds it.
    """
    if amax is None:
        return
    own = max((x & _MAGNITUDE for x in block if x & _MAGNITUDE <= _INFINITY), default=0)
    if amax > _MAGNITUDE or own > amax:
        raise NumleanError(
            f"tensor_amax is {_real_text(amax)}, but a block has the magnitude {_real_text(own)};"
            " it is the greatest magnitude of the tensor"
        )


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
        text = "a format whose only scales are those of blocks has that of 1"
        if theirs.tensor_amax is not None:
            text = f"the tensor's greatest magnitude is {_real_text(theirs.tensor_amax)}"
        return Difference(line, "tensor_scale", whole, theirs.tensor_scale, text)
    if scale != theirs.scale:
        text = _explained_scale(f, theirs.input, whole)
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
    return min(a & _MAGNITUDE, b & _MAGNITUDE) > _INFINITY


def _explained_scale(f: BlockFormat, block: Sequence[int], whole: int) -> str:
    """Return the operands of a block's scale, the exact quotient, and the boundary next to it."""
    amax = max(x & _MAGNITUDE for x in block)
    text = f"the block's greatest magnitude is {_real_text(amax)}"
    magnitudes = _magnitudes(values_of_element(f.rule.element))
    factor = magnitudes[-1] * _fraction(_float(whole))
    if amax >= _INFINITY or not factor:
        return text
    quotient = _fraction(_float(amax)) / factor
    if isinstance(f.rule, PowerRule):
        return (
            f"{text}; over the greatest element it is exactly {_fraction_text(quotient)}, and the"
            f" rule is {f.rule.scale.rule.value}"
        )
    side = _at_boundary(quotient, _magnitudes(values_of_format(f.rule.scale)))
    over = f"{float(magnitudes[-1])!r} times the tensor's scale {_real_text(whole)}"
    return f"{text}; the exact quotient over {over} {side}"


def _explained(f: BlockFormat, x: int, scale: int, whole: int) -> str:
    """Return the operands of an element, the exact quotient, and the nearest boundary."""
    number = _float(x)
    operands = f"the number is {_real_text(x)}, the scale {scale:02x}"
    if whole != int(ONE):
        operands += f", the tensor's scale {_real_text(whole)}"
    if not np.isfinite(number) or not np.isfinite(_float(whole)):
        return operands
    factor = _fraction(_scale_value(f, scale)) * _fraction(_float(whole))
    if not factor:
        return f"{operands}, and their product is 0"
    side = _at_boundary(_fraction(number) / factor, _magnitudes(values_of_element(f.rule.element)))
    return f"{operands}; the exact quotient {side}"


def _at_boundary(quotient: Fraction, magnitudes: list[Fraction]) -> str:
    """Return a quotient, and where it lies from the nearest middle of two magnitudes."""
    middles = [(a + b) / 2 for a, b in pairwise(magnitudes)]
    boundary = min(middles, key=lambda middle: abs(middle - abs(quotient)))
    k = middles.index(boundary)
    side = "at" if abs(quotient) == boundary else "above" if abs(quotient) > boundary else "below"
    return (
        f"{_fraction_text(quotient)} is {side} the boundary {float(boundary)!r} between"
        f" {float(magnitudes[k])!r} and {float(magnitudes[k + 1])!r}"
    )


def _magnitudes(values: Any) -> list[Fraction]:
    """Return the finite magnitudes among values, in ascending order."""
    return sorted({_fraction(v) for v in values if np.isfinite(v) and v >= 0})


def _fraction(value: Any) -> Fraction:
    return Fraction(float(value))


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
