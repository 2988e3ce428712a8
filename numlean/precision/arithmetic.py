"""The arithmetics in which a layer computes, which layers ask for their products and sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property, reduce
from typing import Final, TypeAlias, final

from numlean.autograd.indices import INDEX
from numlean.autograd.primitives import bmm, cast, matmul, reshape, take
from numlean.autograd.rows import Rows
from numlean.autograd.tensor import Tensor
from numlean.errors import MixedScalarError
from numlean.precision.delayed_scales import LayerScales, StepScales
from numlean.precision.layer_product import LayerPrecision, product
from numlean.precision.scaling.factors import Side
from numlean.precision.scaling.operand import ScaledOperand
from numlean.precision.widening import widens
from numlean.scalar.identity import name_both
from numlean.scalar.product_scope import in_product
from numlean.scalar.protocol import Numbers, Scalar

Shape: TypeAlias = tuple[int, ...]


class Use(Enum):
    """What a layer does with a parameter."""

    WEIGHT = "weight"
    """An operand of products."""
    BIAS = "bias"
    """Added to the sum of a product."""
    OWN = "own"
    """Anything else."""


class Arithmetic(ABC):
    """The arithmetics of one layer."""

    @abstractmethod
    def copy_of(self, parameter: Tensor, use: Use) -> Tensor:
        """Return the copy of a parameter that the layer computes with."""

    @abstractmethod
    def product(
        self,
        left: Tensor,
        right: Tensor,
        bias: Tensor | None = None,
        *,
        weight: Side | None,
        name: str | None = None,
    ) -> Tensor:
        """Return the product of two matrices, or of batches of them, plus a bias.

        Args:
            left: Numbers of shape (n, k) or (batch, n, k).
            right: Numbers of shape (k, m) or (batch, k, m).
            bias: Numbers that broadcast to the product's shape, or None.
            weight: The operand that is the layer's weight; None if neither is.
            name: The name of the product, one of the layer's ``products``. A layer that makes a
                single one may leave it out.
        """

    @abstractmethod
    def product_of_parts(
        self, weight: Tensor, x: Tensor, places: Tensor, shape: Shape, bias: Tensor | None = None
    ) -> Tensor:
        """Return the product of a weight and parts of x, which may overlap, plus a bias.

        Args:
            weight: Numbers of shape (n, k) or (batch, n, k).
            x: Numbers of any shape.
            places: The indices of the parts in x, -1 for +0.
            shape: The shape of the parts as an operand: (k, m) or (batch, k, m).
            bias: Numbers that broadcast to the product's shape, or None.
        """

    @abstractmethod
    def reduced(self, x: Tensor) -> Tensor:
        """Return the same numbers in the arithmetic of norms, softmax, losses, sums and means."""

    @abstractmethod
    def joined(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return two operands of an operation in one arithmetic, the wider of theirs."""

    def compared(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and targets in the arithmetic of losses; labels stay as they are."""
        prediction = self.reduced(output)
        if target.scalar is INDEX:
            return prediction, target
        return self.joined(prediction, target)

    def with_scales(self, scales: LayerScales) -> Arithmetic:
        """Return the arithmetic with the delayed scales of a step, if it has any; else self."""
        return self

    @property
    def sums_exactly(self) -> bool:
        """Whether the gradients of weights are exact sums, rounded once."""
        return False

    def with_rows(self, rows: Rows) -> Arithmetic:
        """Return the arithmetic of a shard, if it needs rows of the others; else self."""
        return self

    @property
    def units(self) -> list[str]:
        """The full names of the matrix units that compute products."""
        return []


@final
@dataclass(frozen=True)
class UniformArithmetic(Arithmetic):
    """One arithmetic for everything: that of the tensors."""

    def copy_of(self, parameter: Tensor, use: Use) -> Tensor:
        """Return the parameter."""
        return parameter

    def product(
        self,
        left: Tensor,
        right: Tensor,
        bias: Tensor | None = None,
        *,
        weight: Side | None,
        name: str | None = None,
    ) -> Tensor:
        """Return the product, rounded, plus the bias."""
        operands = (left, right) if bias is None else (left, right, bias)
        with in_product(None, *(Numbers(x.scalar, x.data) for x in operands)) as whole:
            z = matmul(left, right) if left.ndim == 2 else bmm(left, right)
            z = z if bias is None else z + bias
            whole.result = Numbers(z.scalar, z.data)
        return z

    def product_of_parts(
        self, weight: Tensor, x: Tensor, places: Tensor, shape: Shape, bias: Tensor | None = None
    ) -> Tensor:
        """Return the product; cotangents of parts are rounded, and added where they overlap."""
        return self.product(weight, _reshaped(take(x, places), shape), bias, weight="left")

    def reduced(self, x: Tensor) -> Tensor:
        """Return x."""
        return x

    def joined(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both as they are."""
        return x, y


@final
@dataclass(frozen=True)
class MixedArithmetic(Arithmetic):
    """Several arithmetics.

    Attributes:
        weights: The Scalar of weights.
        activations: The Scalar of biases; outputs of products are in that of the contraction.
        reductions: The Scalar of norms, softmax, losses, sums, means and other parameters.
        products: The arithmetics of products.
        scales: The delayed scales of the products in a step; None outside of a step.
        rows: The rows of the other shards of the batch, if the gradients of weights are exact sums
            over all of them; None without other shards.
    """

    weights: Scalar
    activations: Scalar
    reductions: Scalar
    products: LayerPrecision
    scales: LayerScales | None = field(default=None, compare=False, repr=False)
    rows: Rows | None = field(default=None, compare=False, repr=False)

    def with_scales(self, scales: LayerScales) -> Arithmetic:
        """Return the arithmetic with the scales of a step, if products have delayed ones."""
        return replace(self, scales=scales) if self.products.is_delayed else self

    @property
    def sums_exactly(self) -> bool:
        """Whether the gradients of weights are exact sums, rounded once."""
        return self.products.weight_gradient.result is None

    def with_rows(self, rows: Rows) -> Arithmetic:
        """Return the arithmetic of a shard, if gradients of weights are exact sums; else self."""
        return replace(self, rows=rows) if self.sums_exactly else self

    @property
    def units(self) -> list[str]:
        """The full names of the matrix units that compute products."""
        rules = self.products.forward, self.products.input_gradient, self.products.weight_gradient
        return [name for rule in rules if (name := rule.unit_name) is not None]

    def copy_of(self, parameter: Tensor, use: Use) -> Tensor:
        """Return a weight, a bias or another parameter in its Scalar."""
        match use:
            case Use.WEIGHT:
                return cast(parameter, self.weights)
            case Use.BIAS:
                return cast(parameter, self.activations)
            case Use.OWN:
                return cast(parameter, self.reductions)

    def product(
        self,
        left: Tensor,
        right: Tensor,
        bias: Tensor | None = None,
        *,
        weight: Side | None,
        name: str | None = None,
    ) -> Tensor:
        """Return the product by ``numlean.precision.product``; operands are widened exactly."""
        widest = self._common([x.scalar for x in (left, right, bias) if x is not None])
        a, b = cast(left, widest), cast(right, widest)
        added = None if bias is None else cast(bias, widest)
        scales = None if self.scales is None else self.scales.product(name, weight)
        return product(a, b, added, self.products, weight=weight, scales=scales, rows=self.rows)

    def product_of_parts(
        self, weight: Tensor, x: Tensor, places: Tensor, shape: Shape, bias: Tensor | None = None
    ) -> Tensor:
        """Return the product; the cotangent of x, a sum of those of its parts, is rounded once.

        Those of parts are the sums of ``input_gradient``, in their own Scalar; exact ones are
        rounded to ``reductions``. They are added there. Only the cotangent of scaled inputs that
        are wider than it is the sum of rounded parts.
        """
        rule, operand = self.products.input_gradient, self.products.forward.left
        if not isinstance(operand, ScaledOperand) and not widens(x.scalar, operand):
            x = cast(x, operand)
        sums = self._sums_of_parts
        if not (widens(x.scalar, rule.output) and widens(rule.output, sums)):
            parts = _reshaped(take(x, places), shape)
            return self.product(weight, parts, bias, weight="left")
        parts = _reshaped(take(cast(x, sums), places), shape)
        return self._unrounded.product(weight, parts, bias, weight="left")

    @property
    def _sums_of_parts(self) -> Scalar:
        """The Scalar in which cotangents of parts are added."""
        own = self.products.input_gradient.result
        return self.reductions if own is None else own

    @cached_property
    def _unrounded(self) -> MixedArithmetic:
        """The same with cotangents of inputs that are not rounded before they are added."""
        rule = replace(self.products.input_gradient, output=self._sums_of_parts)
        return replace(self, products=replace(self.products, input_gradient=rule))

    def _common(self, scalars: Sequence[Scalar]) -> Scalar:
        """Return the widest of the Scalars of a product's operands, or that of reductions.

        Operands are rounded to others anyway. So a layer can take the activations of one with
        another policy, such as binary16 numbers beside bfloat16 weights.

        Raises:
            MixedScalarError: Neither has all numbers of the others.
        """
        try:
            return reduce(wider, scalars)
        except MixedScalarError:
            if all(widens(each, self.reductions) for each in scalars):
                return self.reductions
            raise

    def reduced(self, x: Tensor) -> Tensor:
        """Return x in the wider Scalar of its own and that of reductions."""
        return cast(x, wider(self.reductions, x.scalar))

    def joined(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both in the wider of their Scalars."""
        widest = wider(x.scalar, y.scalar)
        return cast(x, widest), cast(y, widest)


def _reshaped(x: Tensor, shape: Shape) -> Tensor:
    return x if x.shape == shape else reshape(x, shape)


def wider(a: Scalar, b: Scalar) -> Scalar:
    """Return that of two Scalars that has all numbers of the other one; the first of equals.

    Raises:
        MixedScalarError: Neither has.
    """
    if widens(b, a):
        return a
    if widens(a, b):
        return b
    raise MixedScalarError(
        f"neither of two Scalars has all numbers of the other: {name_both(a, b)}; cast one with"
        " nl.cast(x, dtype)"
    )


@final
@dataclass(frozen=True)
class LayerArithmetics:
    """The arithmetics of all layers of a model.

    Attributes:
        common: That of all layers without an exception.
        exceptions: Others, by the position of the layer: the index at each level, outermost first.
            They also count for the layers inside.
        scales: The delayed scales of a step; None if there are none, and outside of a step.
        rows: The rows of the other shards of the batch; None outside of a shard.
    """

    common: Arithmetic = field(default_factory=UniformArithmetic)
    exceptions: Mapping[tuple[int, ...], Arithmetic] = field(default_factory=dict, hash=False)
    scales: StepScales | None = field(default=None, compare=False, repr=False)
    rows: Rows | None = field(default=None, compare=False, repr=False)

    @property
    def sums_exactly(self) -> bool:
        """Whether the gradients of the weights of some layer are exact sums, rounded once."""
        return any(each.sums_exactly for each in (self.common, *self.exceptions.values()))

    def at(self, path: tuple[int, ...]) -> Arithmetic:
        """Return the arithmetic of the layer at a position."""
        found = self._without_scales(path)
        found = found if self.rows is None else found.with_rows(self.rows)
        return found if self.scales is None else found.with_scales(self.scales.layer(path))

    def _without_scales(self, path: tuple[int, ...]) -> Arithmetic:
        if self.exceptions:
            for length in range(len(path), 0, -1):
                if path[:length] in self.exceptions:
                    return self.exceptions[path[:length]]
        return self.common

    def of_parameter(self, name: str) -> Arithmetic:
        """Return the arithmetic of the layer of a parameter, by its full name such as 0.weight."""
        path = []
        for part in name.split("."):
            if not part.isdecimal():
                break
            path.append(int(part))
        return self.at(tuple(path))


UNIFORM: Final = LayerArithmetics()
"""One arithmetic in all layers."""
