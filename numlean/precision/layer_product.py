"""Products of layers, whose operands, sums and gradients are in stated arithmetics.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal, Protocol, TypeAlias, final

import numpy as np

from numlean.arguments import checked
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives import cast, concat, reshape, slice_, transpose
from numlean.autograd.primitives.reductions import unbroadcast
from numlean.autograd.rows import Rows
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.precision.accumulation import Accumulation, ChangeScalar
from numlean.precision.contraction import Contraction, contract, turned
from numlean.precision.scaling.factors import Side
from numlean.precision.scaling.operand import Operand, ScaledOperand, scaled_like, taken_from
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like

Role: TypeAlias = Literal["input", "weight", "gradient", "left", "right"]
"""What a tensor is in a product: an input, the weight or the cotangent of the result. Without a
weight, the operands are left and right."""

Bind: TypeAlias = Callable[[Role, Operand], Operand]
"""Returns an operand with the value of its scale in a step, if that follows from earlier steps."""


class ScalesInStep(Protocol):
    """The scales of one product in a step that follow from earlier steps."""

    def bound(self, role: Role, operand: Operand) -> Operand:
        """Return an operand with the value of its scale."""

    def observe(self, left: Tensor, right: Tensor) -> None:
        """Observe the operands of the product."""

    def observing_gradient(self, z: Tensor) -> Tensor:
        """Return the product's result, whose cotangent is observed."""


def roles_of(weight: Side | None) -> tuple[Role, Role]:
    """Return what the left and the right operand are."""
    if weight is None:
        return "left", "right"
    return ("weight", "input") if weight == "left" else ("input", "weight")


@checked
@final
@dataclass(frozen=True)
class LayerPrecision:
    """The arithmetics of the products of a layer.

    In a product without a weight, both operands are scaled as inputs in ``forward``, in
    ``input_gradient`` too.

    Attributes:
        forward: The product of inputs and weights, in this order of the operands.
        input_gradient: The product of cotangents and weights.
        weight_gradient: The product of inputs and cotangents.
        reductions: The Scalar that sums the gradient of the bias.

    Raises:
        NumleanError: A transpose is that of a copy whose codes cannot be formed again.
    """

    forward: Contraction
    input_gradient: Contraction
    weight_gradient: Contraction
    reductions: Scalar

    def __post_init__(self) -> None:
        product_rule(self, "right")  # refuses transposes of copies that cannot be formed

    @classmethod
    def of(cls, operands: Scalar, accumulate: Accumulation) -> LayerPrecision:
        """Return the same contraction for all three products."""
        one = Contraction.of(operands, accumulate)
        result = accumulate.result
        return cls(one, one, one, operands if result is None else result)

    @cached_property
    def _rules(self) -> dict[Side | None, ProductRule]:
        return {}

    def rule(self, weight: Side | None) -> ProductRule:
        """Return the contractions of a product whose scales do not follow from earlier steps.

        They are made once for each operand that can be the weight.
        """
        if weight not in self._rules:
            self._rules[weight] = product_rule(self, weight)
        return self._rules[weight]

    @property
    def is_delayed(self) -> bool:
        """Whether an operand has a delayed scale, which is state of a run."""
        operands = (
            operand
            for each in (self.forward, self.input_gradient, self.weight_gradient)
            for operand in (each.left, each.right)
        )
        return any(isinstance(x, ScaledOperand) and x.scaling.is_delayed for x in operands)

    def with_scalars(self, change: ChangeScalar) -> LayerPrecision:
        """Return the same in other Scalars."""
        return LayerPrecision(
            self.forward.with_scalars(change),
            self.input_gradient.with_scalars(change),
            self.weight_gradient.with_scalars(change),
            change(self.reductions),
        )


@final
@dataclass(frozen=True)
class ProductRule:
    """The contractions of one product.

    Attributes:
        forward: The product of both operands.
        left: The gradient of the left operand, the product of g and the right operand.
        right: The gradient of the right operand, the product of the left operand and g.
        reductions: The Scalar that sums the gradient of the bias.
        weight: The operand that is the weight; None if neither is.
        rows: The rows of the other shards of the batch, if the gradient of the weight is one exact
            sum over all of them; None if it is that of a shard.
    """

    forward: Contraction
    left: Contraction
    right: Contraction
    reductions: Scalar
    weight: Side | None = None
    rows: Rows | None = None

    def with_scalars(self, change: ChangeScalar) -> ProductRule:
        """Return the same in other Scalars."""
        return replace(
            self,
            forward=self.forward.with_scalars(change),
            left=self.left.with_scalars(change),
            right=self.right.with_scalars(change),
            reductions=change(self.reductions),
        )


def product_rule(
    precision: LayerPrecision, weight: Side | None, bind: Bind | None = None
) -> ProductRule:
    """Return the contractions of a product.

    Args:
        precision: The arithmetics.
        weight: The operand that is the weight; None if neither is.
        bind: Gives operands the values of their scales.
    """
    forward, by_input = precision.forward, precision.input_gradient
    by_weight, reductions = precision.weight_gradient, precision.reductions
    if weight is None:
        # Where a weight would be, there is another input.
        forward = _with_right(forward, forward.left, ("left", "right"))
        by_left = _with_right(by_input, forward.left, ("gradient", "right"))
        by_right = replace(by_left, sides=("gradient", "left"))
        forward = _bound(forward, "left", "right", bind)
        by_left = _bound(by_left, "gradient", "right", bind)
        by_right = _bound(by_right, "gradient", "left", bind)
        by_right = _copied(by_right, by_left.left, forward.left)
        by_left = _copied(by_left, None, forward.right)
        return ProductRule(forward, by_left, by_right.swapped, reductions)
    forward = _bound(forward, "input", "weight", bind)
    by_input = _bound(by_input, "gradient", "weight", bind)
    by_weight = _bound(by_weight, "input", "gradient", bind)
    by_weight = _copied(by_weight, forward.left, by_input.left)
    by_input = _copied(by_input, None, forward.right)
    if weight == "right":
        return ProductRule(forward, by_input, by_weight, reductions, weight)
    swapped = forward.swapped, by_weight.swapped, by_input.swapped
    return ProductRule(*swapped, reductions, weight)


def _with_right(contraction: Contraction, model: Operand, sides: tuple[Role, Role]) -> Contraction:
    """Return a contraction whose right operand is scaled as another one."""
    return replace(contraction, right=scaled_like(contraction.right, model), sides=sides)


def _bound(contraction: Contraction, left: Role, right: Role, bind: Bind | None) -> Contraction:
    if bind is None:
        return contraction
    operands = bind(left, contraction.left), bind(right, contraction.right)
    return replace(contraction, left=operands[0], right=operands[1])


def _copied(contraction: Contraction, left: Operand | None, right: Operand) -> Contraction:
    """Return a gradient whose operands are transposes of those that earlier products had."""
    own = contraction.left if left is None else taken_from(contraction.left, left)
    other = taken_from(contraction.right, right)
    if own is contraction.left and other is contraction.right:
        return contraction
    return replace(contraction, left=own, right=other)


@checked
def product(
    left: Tensor,
    right: Tensor,
    bias: Tensor | None,
    precision: LayerPrecision,
    *,
    weight: Side | None,
    scales: ScalesInStep | None = None,
    rows: Rows | None = None,
) -> Tensor:
    """Return the product of matrices (n, k) and (k, m), or of batches (i, n, k) and (i, k, m).

    The bias is widened exactly and added to a sum after its last product, before the sum is
    rounded to the output of ``forward``. Gradients are in the Scalar of the operands: for the
    weight by ``weight_gradient``, for another operand by ``input_gradient``, each with k
    ascending; for the bias, the sum of g in C order in ``reductions``.

    Args:
        left: The left operand.
        right: The right operand, in the same Scalar.
        bias: Numbers that broadcast to the product's shape, in the same Scalar, or None.
        precision: The arithmetics.
        weight: The operand that is the weight; None if neither is.
        scales: The values of delayed scales, if operands have any.
        rows: The rows of the other shards of a batch, over all of which the gradient of the weight
            is then summed; None if it is summed over the operands.

    Raises:
        ShapeError: The shapes do not match.
        MixedScalarError: The tensors are of several Scalars.
    """
    if scales is None:
        rule = precision.rule(weight)
    else:
        rule = product_rule(precision, weight, scales.bound)
    if left.scalar.recorder is not None:
        rule = rule.with_scalars(partial(recorded_like, left.scalar))
    if rows is not None:
        rule = replace(rule, rows=rows)
    operands = (left, right) if bias is None else (left, right, bias)
    z = (_product if bias is None else _product_with_bias)(*operands, rule=rule)
    if scales is None:
        return z
    scales.observe(left, right)
    return scales.observing_gradient(z)


@checked
def linear(x: Tensor, weight: Tensor, bias: Tensor | None, precision: LayerPrecision) -> Tensor:
    """Return x W^T + b along the last axis of x, by ``product``.

    Args:
        x: Inputs of shape (..., in).
        weight: The weights, of shape (out, in), in the same Scalar.
        bias: The biases, of shape (out,), in the same Scalar, or None.
        precision: The arithmetics.

    Raises:
        ShapeError: The shapes do not match.
        MixedScalarError: The tensors are of several Scalars.
    """
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear takes x (..., in) and W (out, in); got {x.shape}, {weight.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear takes W (out, in) and b (out,); got {weight.shape}, {bias.shape}")
    rows = x if x.ndim == 2 else reshape(x, (-1, x.shape[-1]))
    z = product(rows, transpose(weight), bias, precision, weight="right")
    return z if x.ndim == 2 else reshape(z, (*x.shape[:-1], weight.shape[0]))


def _storage(scalar: Scalar, a: Storage, b: Storage, *bias: Storage, rule: ProductRule) -> Storage:
    return rule.forward.product(scalar, a, b, *bias)


def _output(scalar: Scalar, *, rule: ProductRule) -> Scalar:
    return rule.forward.output


def _by_left(
    g: Tensor, z: Tensor, a: Tensor, b: Tensor, *bias: Tensor, rule: ProductRule
) -> Tensor:
    one, other = cast(g, a.scalar), turned(b)
    if rule.rows is not None and rule.weight == "left" and g.ndim == 2:
        return _over_all_shards(one, other, rule.left, rule.rows)
    return cast(contract(one, other, rule.left), a.scalar)


def _by_right(
    g: Tensor, z: Tensor, a: Tensor, b: Tensor, *bias: Tensor, rule: ProductRule
) -> Tensor:
    one, other = turned(a), cast(g, a.scalar)
    if rule.rows is not None and rule.weight == "right" and g.ndim == 2:
        return _over_all_shards(one, other, rule.right, rule.rows)
    return cast(contract(one, other, rule.right), b.scalar)


def _over_all_shards(left: Tensor, right: Tensor, rule: Contraction, rows: Rows) -> Tensor:
    """Return the product of matrices whose inner axis goes over the samples of all shards.

    The first shard returns it; the others return -0, which changes no number it is added to.
    """
    width, scalar = left.shape[0], left.scalar
    whole = rows.whole(concat([turned(left), right], 1))
    if not rows.is_first:
        return Tensor.of(scalar, np.full((width, right.shape[1]), -0.0))
    one, other = slice_(whole, _columns(0, width)), slice_(whole, _columns(width, None))
    return cast(contract(turned(one), other, rule), scalar)


def _columns(start: int, stop: int | None) -> tuple[slice, slice]:
    return slice(None), slice(start, stop)


def _by_bias(
    g: Tensor, z: Tensor, a: Tensor, b: Tensor, bias: Tensor, *, rule: ProductRule
) -> Tensor:
    return cast(unbroadcast(cast(g, rule.reductions), bias), bias.scalar)


_product: Primitive = Primitive("product", _storage, (_by_left, _by_right), result=_output)
_product_with_bias: Primitive = Primitive(
    "product", _storage, (_by_left, _by_right, _by_bias), result=_output
)
