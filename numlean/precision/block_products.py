"""Products of numbers in block formats, by the rules of a contraction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision.accumulation_text import accumulation_named
from numlean.precision.blocks import QuantizedBlocks
from numlean.precision.blocks.block_format import check_codes
from numlean.precision.blocks.names import INT8_DTYPE
from numlean.precision.blocks.values import values_of_element
from numlean.precision.contraction import Contraction
from numlean.precision.scaling.entered_operands import EnteredOperands
from numlean.precision.scaling.operand import ScaledOperand
from numlean.precision.scaling.quantized import WIDE, Quantized, turned_rows
from numlean.precision.scaling.scaling import Granularity, Scaling
from numlean.precision.scaling.shared import Shared
from numlean.scalar.protocol import Numbers, Scalar
from numlean.scalar.registry import get_scalar
from numlean_kernels.blocks.rules import PowerRule

Array = np.ndarray[Any, Any]

_SUMS: Final = "float32"


@checked
def block_matmul(
    a: QuantizedBlocks,
    b: QuantizedBlocks,
    *,
    accumulate: str = f"ordered({_SUMS})",
    output: str = _SUMS,
) -> Tensor:
    """Return the products of matrices (n, k) and (k, m) in block formats, or of batches of them.

    Blocks lie along k: that is the last axis of a and the one before it of b; or they are squares.
    For each block in ascending k, the products of its elements are added up by the rule
    ``accumulate``, and the sum is multiplied by both scales, which is rounded once, and added to
    those before it. Scales of whole tensors multiply the finished sum. ``exact`` adds the exact
    products of all values, and rounds once.

    Args:
        a: The left matrices.
        b: The right matrices, of a format that may be another one.
        accumulate: The rule of the sums, such as ``ordered(float32)``, ``exact`` or ``unit(H100)``.
        output: The dtype to which sums are rounded.

    Raises:
        ShapeError: The shapes do not match.
        NumleanError: Blocks do not lie along k, devices differ, or the rule is of no such product.
    """
    left, right = _Side.of(a, a.elements.ndim - 1, "a"), _Side.of(b, b.elements.ndim - 2, "b")
    if a.elements.ndim not in (2, 3):
        raise ShapeError(
            "block_matmul takes matrices (n, k) and (k, m), or batches of them; got"
            f" {a.elements.shape} and {b.elements.shape}"
        )
    return _product(left, right, accumulate, output)


@checked
def block_dot(
    a: QuantizedBlocks,
    b: QuantizedBlocks,
    *,
    accumulate: str = f"ordered({_SUMS})",
    output: str = _SUMS,
) -> Tensor:
    """Return the dot product of vectors (k,) in block formats, of shape (), as ``block_matmul``.

    Raises:
        ShapeError: They are not vectors of one length.
        NumleanError: Devices differ, or the rule is of no such product.
    """
    shapes = a.elements.shape, b.elements.shape
    if len(shapes[0]) != 1 or shapes[0] != shapes[1]:
        raise ShapeError(
            f"block_dot takes two vectors of one length; got {shapes[0]} and {shapes[1]}"
        )
    left, right = _Side.of_vector(a), _Side.of_vector(b)
    z = _product(left, right, accumulate, output)
    return Tensor(z.scalar, z.data.reshape(()))


@final
@dataclass(frozen=True)
class _Side:
    """An operand as rows along k.

    Attributes:
        blocks: The operand.
        codes: The codes of its elements (..., n, k).
        factors: The values of its scales (..., n, blocks of k), those of squares once for each row.
    """

    blocks: QuantizedBlocks
    codes: Array
    factors: Array

    @classmethod
    def of(cls, blocks: QuantizedBlocks, axis: int, name: str) -> _Side:
        """Return an operand that is contracted along an axis.

        Raises:
            ShapeError: It is no matrix.
            NumleanError: Its blocks do not lie along the axis.
        """
        elements, axes = blocks.elements, blocks.axis
        ndim = elements.ndim
        if ndim < 2:
            raise ShapeError(f"block_matmul takes matrices; {name} has the shape {elements.shape}")
        given = {each % ndim for each in (axes if isinstance(axes, tuple) else (axes,))}
        if given not in ({axis}, {ndim - 2, ndim - 1}):
            raise NumleanError(
                f"the blocks of {name} lie along axis {axes} of {elements.shape}, but k is axis"
                f" {axis}; quantize it with axis={axis - ndim} or axis=(-2, -1)"
            )
        factors = _factors(blocks)
        if len(given) == 2:
            other = 2 * ndim - 3 - axis
            factors = np.repeat(factors, blocks.format.size, other)
            factors = factors.take(range(elements.shape[other]), other)
        if axis == ndim - 2:
            return cls(blocks, turned_rows(elements), turned_rows(factors))
        return cls(blocks, elements, factors)

    @classmethod
    def of_vector(cls, blocks: QuantizedBlocks) -> _Side:
        """Return a vector as a row."""
        return cls(blocks, blocks.elements[np.newaxis], _factors(blocks)[np.newaxis])

    @property
    def elements(self) -> Scalar:
        """The Scalar of the elements."""
        rule = self.blocks.format.rule
        name = INT8_DTYPE if rule.element.is_integer else self.blocks.format.element
        return get_scalar(name, self.blocks.format.device)

    @property
    def operand(self) -> ScaledOperand:
        """The operand of a contraction that has such codes."""
        format = self.blocks.format
        kind: Any = "mx" if isinstance(format.rule, PowerRule) else "nvfp4"
        scaling = Scaling(Granularity(1, format.size), Shared(kind))
        return ScaledOperand(self.elements, scaling, get_scalar(_SUMS, format.device))

    @property
    def quantized(self) -> Quantized:
        """The codes and the factors of the rows."""
        format, scalar, device = self.blocks.format, self.elements, self.blocks.format.device
        check_codes("element", self.codes, values_of_element(format.rule.element).size)
        wide, whole = get_scalar(WIDE, device), None
        if not isinstance(format.rule, PowerRule):
            single = get_scalar(_SUMS, device)
            whole = Numbers(single, single.from_bits(np.array([self.blocks.tensor_scale])))
        codes = scalar.from_bits(np.ascontiguousarray(self.codes))
        factors = wide.from_float(np.ascontiguousarray(self.factors))
        return Quantized(codes, factors, wide, format.size, whole=whole)


def _factors(blocks: QuantizedBlocks) -> Array:
    """Return the values of the scales.

    Raises:
        ShapeError: There are not as many as blocks.
    """
    blocks.format.blocks_of(blocks.elements.shape, blocks.scales.shape, blocks.axis)
    return blocks.format.factors(blocks.scales)


def _product(left: _Side, right: _Side, accumulate: str, output: str) -> Tensor:
    """Return the products of rows and rows."""
    shapes, device = (left.codes.shape, right.codes.shape), left.blocks.format.device
    if shapes[0][:-2] != shapes[1][:-2] or shapes[0][-1] != shapes[1][-1]:
        turned = (*shapes[1][:-2], shapes[1][-1], shapes[1][-2])
        raise ShapeError(f"the shapes {shapes[0]} and {turned} do not match")
    if right.blocks.format.device != device:
        raise NumleanError(
            f"the operands are on the devices {device} and {right.blocks.format.device}; make both"
            " formats with the same device="
        )
    resolve = partial(get_scalar, device=device)
    operands = left.operand, right.operand
    rule = accumulation_named(accumulate, resolve, (left.elements, right.elements))
    contraction = Contraction(*operands, rule, resolve(output))
    rows, columns = left.quantized, right.quantized
    entered = EnteredOperands(
        Numbers(left.elements, rows.codes),
        Numbers(right.elements, turned_rows(columns.codes)),
        rows,
        columns,
    )
    return Tensor(contraction.output, contraction.of_entered(entered, None))
