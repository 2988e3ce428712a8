"""The delayed scales of a run: the tensors of products that have one, and a step that uses them.

The scales are state of the run, next to its parameters and buffers, and not of its layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias, final

from numlean.autograd.primitives import maximum
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.precision.layer_product import LayerPrecision, Role, product_rule, roles_of
from numlean.precision.scaling.delayed import DelayedState
from numlean.precision.scaling.factors import Side
from numlean.precision.scaling.observation import observe_cotangent, observed_amax
from numlean.precision.scaling.operand import Operand, ScaledOperand

PREFIX: Final = "delayed_scaling."
"""The beginning of the names of delayed scales among the numbers of a run."""

Observed: TypeAlias = tuple[str, Role]
"""A product's full name, and a tensor of it."""

_PARTS: Final = ("scale", "history")


@final
@dataclass(frozen=True)
class DelayedTensor:
    """A tensor of a product with its own delayed scale.

    Attributes:
        product: The product: the position of its layer and its own name, such as ``0.weight``.
        role: What the tensor is in the product.
        operand: How it is scaled.
        number: The number of the operand, from 0, of those that differ between contractions.
    """

    product: str
    role: Role
    operand: ScaledOperand
    number: int = 0

    @property
    def name(self) -> str:
        """The name of the state, such as ``delayed_scaling.0.weight.input``."""
        number = f".{self.number}" if self.number else ""
        return f"{PREFIX}{self.product}.{self.role}{number}"

    @property
    def initial(self) -> DelayedState:
        """The state before the first step."""
        return DelayedState.initial(self.operand.scales, self.operand.scaling)


@final
@dataclass(frozen=True)
class DelayedScales:
    """The delayed scales of a run.

    Attributes:
        tensors: The tensors that have one.
        products: The names of all products, by the layer's position.
    """

    tensors: tuple[DelayedTensor, ...] = ()
    products: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @classmethod
    def of(
        cls, products: Iterable[tuple[tuple[int, ...], str, bool, LayerPrecision]]
    ) -> DelayedScales:
        """Return the scales of products.

        Args:
            products: The position of each product's layer, its own name, whether an operand is a
                weight, and its arithmetics.
        """
        tensors, names = list[DelayedTensor](), dict[str, tuple[str, ...]]()
        for path, name, has_weight, precision in products:
            layer = _dotted(path)
            names[layer] = (*names.get(layer, ()), name)
            tensors += _tensors(_product_name(layer, name), has_weight, precision)
        return cls(tuple(tensors), names)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers of all states, each scale before its history."""
        return tuple(f"{each.name}.{part}" for each in self.tensors for part in _PARTS)

    @property
    def initial(self) -> list[Tensor]:
        """The numbers of all states before the first step."""
        states = (each.initial for each in self.tensors)
        return [getattr(state, part) for state in states for part in _PARTS]

    def step(self, values: Sequence[Tensor], *, is_observing: bool) -> StepScales | None:
        """Return the scales of a step with the numbers of all states; None if there are none.

        Args:
            values: The numbers, in the order of ``names``.
            is_observing: Whether the step determines the scales of the next one.
        """
        return StepScales(self, values, is_observing=is_observing) if self.tensors else None


@final
class StepScales:
    """The delayed scales of all products in one step, and the magnitudes that it observes.

    Attributes:
        scales: The scales of the run.
        is_observing: Whether the step determines the scales of the next one.
    """

    def __init__(
        self, scales: DelayedScales, values: Sequence[Tensor], *, is_observing: bool
    ) -> None:
        self.scales = scales
        self.is_observing = is_observing
        pairs = zip(values[::2], values[1::2], strict=True)
        states = (DelayedState(*pair) for pair in pairs)
        self._states = list(zip(scales.tensors, states, strict=True))
        self._amaxes: dict[Observed, Tensor] = {}

    def layer(self, path: tuple[int, ...]) -> LayerScales:
        """Return the scales of the layer at a position."""
        return LayerScales(self, _dotted(path))

    def has(self, product: str, role: Role) -> bool:
        """Return whether a tensor of a product has a delayed scale."""
        return any((each.product, each.role) == (product, role) for each, _ in self._states)

    def scale(self, product: str, role: Role, operand: ScaledOperand) -> Tensor:
        """Return the scale of a tensor of a product as an operand, of shape ()."""
        wanted = product, role, operand
        for each, state in self._states:
            if (each.product, each.role, each.operand) == wanted:
                return state.scale
        raise NumleanError(
            f"the product {product} has no delayed scale for its {role}: a product of a weight has"
            " the name of the weight, and the layer's property products names all others"
        )

    def has_observed(self, product: str, role: Role) -> bool:
        """Return whether the step has used a tensor of a product already."""
        return (product, role) in self._amaxes

    def observe(self, product: str, role: Role, amax: Tensor) -> None:
        """Take note of the greatest magnitude in a use of a tensor, of shape ()."""
        before = self._amaxes.get((product, role))
        self._amaxes[product, role] = amax if before is None else maximum(before, amax)

    @property
    def amaxes(self) -> dict[Observed, Tensor]:
        """The greatest magnitudes of all uses so far, of shape ()."""
        return {key: amax.detach() for key, amax in self._amaxes.items()}

    def observe_all(self, amaxes: Mapping[Observed, Tensor]) -> None:
        """Take note of the greatest magnitudes that another object for the same step observed."""
        for (product, role), amax in amaxes.items():
            self.observe(product, role, amax)

    @property
    def following(self) -> list[Tensor]:
        """The numbers of all states for the next step; unused tensors keep theirs."""
        found: list[Tensor] = []
        for each, state in self._states:
            amax = self._amaxes.get((each.product, each.role))
            if amax is not None:
                state = state.observed(amax).updated(each.operand)
            found += [state.scale, state.history]
        return found


@final
@dataclass(frozen=True)
class LayerScales:
    """The delayed scales of a layer's products in one step.

    Attributes:
        step: The scales of all products.
        layer: The position of the layer, with dots.
    """

    step: StepScales
    layer: str

    def product(self, name: str | None, weight: Side | None) -> ScalesOfProduct:
        """Return the scales of a product; a single product needs no name.

        Raises:
            NumleanError: The layer does not list the product.
        """
        known = self.step.scales.products.get(self.layer, ())
        if name is None and len(known) == 1:
            (name,) = known
        if name is None or name not in known:
            what = "a product without a name" if name is None else f"a product {name!r}"
            raise NumleanError(
                f"delayed scales need the names of all products: the layer {self.layer or '(root)'}"
                f" makes {what}, and its property products lists {', '.join(known) or 'none'};"
                " a layer that calls others must declare them as its children"
            )
        return ScalesOfProduct(self.step, _product_name(self.layer, name), weight)


@final
@dataclass(frozen=True)
class ScalesOfProduct:
    """The delayed scales of a product in one step.

    Attributes:
        step: The scales of all products.
        product: The product's full name.
        weight: The operand that is the weight; None if neither is.
    """

    step: StepScales
    product: str
    weight: Side | None

    def bound(self, role: Role, operand: Operand) -> Operand:
        """Return an operand with the value of its scale, if that is delayed."""
        if not (isinstance(operand, ScaledOperand) and operand.scaling.is_delayed):
            return operand
        return operand.with_scale(self.step.scale(self.product, role, operand))

    def observe(self, left: Tensor, right: Tensor) -> None:
        """Observe the operands of the product, a weight once a step."""
        for role, x in zip(roles_of(self.weight), (left, right), strict=True):
            is_seen = role == "weight" and self.step.has_observed(self.product, role)
            if self._is_observed(role) and not is_seen:
                self.step.observe(self.product, role, observed_amax(x))

    def observing_gradient(self, z: Tensor) -> Tensor:
        """Return the product's result, whose cotangent a backward sweep observes."""
        if not self._is_observed("gradient"):
            return z
        step, product = self.step, self.product
        return observe_cotangent(z, lambda amax: step.observe(product, "gradient", amax))

    def _is_observed(self, role: Role) -> bool:
        return self.step.is_observing and self.step.has(self.product, role)


def _tensors(product: str, has_weight: bool, precision: LayerPrecision) -> list[DelayedTensor]:
    """Return the tensors of a product that have a delayed scale."""
    found: dict[Role, list[ScaledOperand]] = {}

    def collect(role: Role, operand: Operand) -> Operand:
        if isinstance(operand, ScaledOperand) and operand.scaling.is_delayed:
            known = found.setdefault(role, [])
            if operand not in known:
                known.append(operand)
        return operand

    product_rule(precision, "right" if has_weight else None, collect)
    return [
        DelayedTensor(product, role, operand, number)
        for role, operands in found.items()
        for number, operand in enumerate(operands)
    ]


def _dotted(path: tuple[int, ...]) -> str:
    return ".".join(map(str, path))


def _product_name(layer: str, name: str) -> str:
    return f"{layer}.{name}" if layer else name
