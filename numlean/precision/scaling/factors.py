"""The factors that undo the scales of a contraction's operands, in its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final, Literal, TypeAlias, final

from numlean.errors import NumleanError
from numlean.precision.accumulation import Accumulation, AddsBlocks, Exact, Ordered
from numlean.precision.scaling.exact_factors import check_exact, times
from numlean.precision.scaling.operand import Operand, ScaledOperand
from numlean.precision.scaling.quantized import Quantized, turned_rows
from numlean.precision.widening import widens
from numlean.scalar.protocol import Numbers, Scalar, Storage

Side: TypeAlias = Literal["left", "right"]
"""An operand of a product."""

_GREATEST_PRODUCT: Final = 127**2

MOST_TERMS: Final = (2**31 - 1) // _GREATEST_PRODUCT
"""The most products of integers from -127 to 127 whose sum never leaves 32 bits."""


def scalar_of_sums(left: Operand, right: Operand, accumulate: Accumulation) -> Scalar | None:
    """Return the Scalar of sums from which the scales of the operands are removed.

    It is that of the accumulation or, if this is exact or lacks numbers of the scales, that of the
    scales. Where nothing is scaled, it is that of the accumulation. Exact sums have none if nothing
    is scaled, or if scales differ between blocks: then these are factors of the terms.

    Raises:
        NumleanError: The scales of the operands, or those and the accumulation, do not fit.
    """
    scaled = [each for each in (left, right) if isinstance(each, ScaledOperand)]
    if not scaled:
        return accumulate.result
    scales = scaled[0].scales
    if scaled[-1].scales != scales:
        raise NumleanError(
            f"the scales of both operands are in one dtype, not {scales.name} and"
            f" {scaled[-1].scales.name}"
        )
    if len({each.scaling.shared is None for each in scaled}) > 1:
        raise NumleanError(
            "the scales of both operands, or of neither, are by the rules of a block format"
        )
    _check_transforms(scaled)
    is_blocked = any(each.scaling.granularity.terms for each in scaled)
    result = accumulate.result
    if result is None:
        if not is_blocked:
            return scales
        for operand in (left, right):
            check_exact(operand)
        return None
    for each in scaled:
        _check_blocks(each, accumulate)
    # The scales of a block format are exact factors, whatever the sums lack.
    if widens(scales, result) or scaled[0].scaling.shared is not None:
        return result
    if is_blocked or not widens(result, scales):
        raise NumleanError(
            f"{accumulate} adds up in {result.name}, which lacks numbers of scales in"
            f" {scales.name}; accumulate in {scales.name}"
        )
    return scales


def _check_transforms(scaled: Sequence[ScaledOperand]) -> None:
    transforms = [
        None if (shared := each.scaling.shared) is None else shared.hadamard for each in scaled
    ]
    if transforms[0] != transforms[-1] or (len(scaled) == 1 and transforms[0] is not None):
        raise NumleanError(
            "both operands of a product go through the same Hadamard transform, or neither does;"
            f" got {' and '.join(str(each.scaling) for each in scaled)}"
        )


def _check_blocks(operand: ScaledOperand, accumulate: Accumulation) -> None:
    terms, scales = operand.scaling.granularity.terms, operand.scales.name
    if terms is None or (isinstance(accumulate, AddsBlocks) and accumulate.has_blocks_of(terms)):
        return
    raise NumleanError(
        f"scales by {operand.scaling} differ between blocks of {terms} terms, and {accumulate} does"
        f" not add up such blocks; accumulate by ordered({scales})"
    )


@final
@dataclass(frozen=True)
class Factors:
    """The factors of the sums of a contraction, of which an operand at least is scaled.

    Attributes:
        left: The left operand; None if it is not scaled.
        right: The right operand, as rows; None if it is not scaled.
        first: The operand whose factor multiplies the sums first, if codes are integers.
    """

    left: Quantized | None
    right: Quantized | None
    first: Side = "left"

    def at(self, k: int) -> list[Storage]:
        """Return the factors, in turn, of sums over the block that contains k.

        They broadcast to (n, m). With two scaled operands, there is one, the rounded product of
        both inverses; with integers, there are two.
        """
        left = [] if self.left is None else [self.left.inverses_at(k)]
        right = [] if self.right is None else [turned_rows(self.right.inverses_at(k))]
        if not (left and right):
            return left + right
        if self.has_integers:
            return left + right if self.first == "left" else right + left
        return [self.scales.mul(left[0], right[0])]

    @property
    def whole(self) -> list[Numbers]:
        """The factors of all codes of an operand, for operands that have one."""
        sides = (self.left, self.right)
        return [each.whole for each in sides if each is not None and each.whole is not None]

    @property
    def has_integers(self) -> bool:
        """Whether the codes of an operand are integers."""
        return any(each is not None and each.is_integer for each in (self.left, self.right))

    @property
    def are_integers(self) -> bool:
        """Whether the codes of both operands are integers."""
        return all(each is not None and each.is_integer for each in (self.left, self.right))

    def check_terms(self, count: int) -> None:
        """Check that no sum of as many products of integers leaves 32 bits.

        Raises:
            NumleanError: One might.
        """
        if self.are_integers and count > MOST_TERMS:
            raise NumleanError(
                f"a sum of {count} products of int8 codes may leave 32 bits; the most is"
                f" {MOST_TERMS} terms"
            )

    @property
    def scales(self) -> Scalar:
        """The Scalar of the factors."""
        scaled = self.right if self.left is None else self.left
        assert scaled is not None
        return scaled.scales


def scaled_sums(
    accumulate: Accumulation, a: Numbers, b: Numbers, factors: Factors, result: Scalar
) -> Storage:
    """Return the sums of products of codes, times the factors, in a Scalar.

    If scales differ between blocks of k, the sum of each block is multiplied before it is added.
    """
    factors.check_terms(a.storage.shape[-1])
    sides = factors.left, factors.right
    blocks = [each.terms for each in sides if each is not None and each.terms]
    if isinstance(accumulate, AddsBlocks) and blocks:
        terms = gcd(*blocks)
        sums = accumulate.scaled_sums(a, b, terms, lambda k, x: _times(result, x, factors, k))
        return _times_whole(result, sums, factors)
    if factors.are_integers and isinstance(accumulate, Exact):
        return _times(result, _integer_sums(accumulate, a, b, result), factors, 0)
    return _times(result, accumulate.product(a, b, None, result), factors, 0)


def _integer_sums(accumulate: Exact, a: Numbers, b: Numbers, result: Scalar) -> Storage:
    """Return the exact sums of products of integers, rounded once; a sum of 0 is +0.

    Sums that no rounding touches are added in the result's Scalar, which is faster.
    """
    format = result.format
    if format is not None and a.storage.shape[-1] * _GREATEST_PRODUCT <= 2**format.precision:
        return Ordered(result).product(a, b, None, result)
    return result.add(accumulate.product(a, b, None, result), result.from_float(0.0))


def _times(result: Scalar, sums: Storage, factors: Factors, k: int) -> Storage:
    """Return sums times the factors at k, each product rounded once, to the Scalar of the sums.

    Scales of block formats are binary64 numbers, in which the product of two is exact.
    """
    for each in factors.at(k):
        sums = times(result, sums, Numbers(factors.scales, each))
    return sums


def _times_whole(result: Scalar, sums: Storage, factors: Factors) -> Storage:
    """Return finished sums times the scales of both tensors, whose product is rounded before."""
    if not factors.whole:
        return sums
    (scalar, product), *others = factors.whole
    for each in others:
        product = scalar.mul(product, each.storage)
    return times(result, sums, Numbers(scalar, product))
