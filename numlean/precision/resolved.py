"""A policy's dtypes and rules as Scalars of one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Final, TypeAlias, TypeVar, final

from numlean.errors import MixedScalarError, NumleanError
from numlean.precision.accumulation_text import accumulation_named
from numlean.precision.arithmetic import Arithmetic, MixedArithmetic, wider
from numlean.precision.contraction import Contraction
from numlean.precision.cotangents import CotangentScalars
from numlean.precision.layer_product import LayerPrecision
from numlean.precision.policy import CONTRACTIONS, Policy, PolicyError
from numlean.precision.scaling.factors import Side
from numlean.precision.scaling.operand import Operand, ScaledOperand, scalar_of
from numlean.precision.scaling.scaling_text import scaling_named
from numlean.precision.widening import widens
from numlean.scalar.protocol import Scalar

T = TypeVar("T")

Resolve: TypeAlias = Callable[[str], Scalar]
"""Returns the Scalar of a dtype's text."""

SCALES: Final = "float32"
"""The dtype of scales."""

SIDES: Final = {
    "forward": ("input", "weight"),
    "input_gradient": ("gradient", "weight"),
    "weight_gradient": ("input", "gradient"),
}
"""The operands of each product of a layer, the left one first."""


@final
@dataclass(frozen=True)
class RunScalars:
    """The Scalars of a run outside its layers.

    Attributes:
        data: Of inputs, targets, buffers and losses.
        parameters: Of the parameters that the optimizer updates.
        gradients: Of the cotangents of activations.
        activations: Of the activations that have such cotangents.
        weight_gradients: Of the gradients handed to the optimizer.
        update: In which the optimizer computes.
        state: Of the optimizer's state for each parameter.
        states: Of parts of that state, by name, in place of ``state``.
    """

    data: Scalar
    parameters: Scalar
    gradients: Scalar
    activations: Scalar
    weight_gradients: Scalar
    update: Scalar
    state: Scalar
    states: Mapping[str, Scalar] = field(default_factory=dict, hash=False)

    @classmethod
    def uniform(cls, scalar: Scalar) -> RunScalars:
        """Return one Scalar for everything."""
        return cls(*(scalar,) * 7)

    @property
    def leaves(self) -> Scalar:
        """The Scalar of the copies of parameters by which a step differentiates.

        It is that of ``weight_gradients``, so that no gradient is rounded to the parameters'
        Scalar, unless it lacks numbers of the parameters.
        """
        has_all = widens(self.parameters, self.weight_gradients)
        return self.weight_gradients if has_all else self.parameters

    @property
    def cotangents(self) -> CotangentScalars | None:
        """The rule of cotangents; None if those of activations are in the activations' Scalar."""
        return CotangentScalars.of(self.activations, self.gradients)


@final
@dataclass(frozen=True)
class ResolvedPolicy:
    """A policy on a device.

    Attributes:
        scalars: The Scalars outside layers.
        common: The arithmetic of layers without an exception.
        exceptions: The arithmetics of layers with one, by the names that the policy gives.
        named: All Scalars, by the texts of their dtypes.
    """

    scalars: RunScalars
    common: Arithmetic
    exceptions: Mapping[str, Arithmetic]
    named: Mapping[str, Scalar]

    @property
    def everything(self) -> tuple[Scalar, ...]:
        """All Scalars, each once."""
        return tuple(dict.fromkeys(self.named.values()))


def resolve_policy(policy: Policy, resolve: Resolve) -> ResolvedPolicy:
    """Return a policy with the Scalars of its dtypes; a dtype's text has one Scalar.

    Raises:
        PolicyError: A dtype or a rule is unknown, or fields contradict each other.
    """
    found: dict[str, Scalar] = {}

    def once(text: str) -> Scalar:
        if text not in found:
            found[text] = resolve(text)
        return found[text]

    scalars = _run_scalars(policy, once)
    common = _arithmetic(policy, once)
    exceptions = {layer: _arithmetic(each, once) for layer, each in policy.exceptions.items()}
    return ResolvedPolicy(scalars, common, exceptions, found)


def _run_scalars(policy: Policy, resolve: Resolve) -> RunScalars:
    def of(name: str, text: str) -> Scalar:
        return _named(f"policy field {name}", lambda: resolve(text))

    states = {name: of(f"optimizer.{name}", text) for name, text in policy.states.items()}
    parameters = of("parameters", policy.parameters)
    gradients = of("weight_gradients", policy.weight_gradients)
    state = of("optimizer", policy.optimizer)
    try:
        widest = reduce(wider, (gradients, state, *states.values(), parameters))
    except MixedScalarError as error:
        raise PolicyError(
            f"policy fields parameters, weight_gradients and optimizer: an update is computed in"
            f" the widest of them, but {error}"
        ) from None
    activations = of("activations", policy.activations)
    cotangents = of("gradients", policy.gradients)
    _check_cotangents(activations, cotangents)
    return RunScalars(
        data=of("reductions", policy.reductions),
        parameters=parameters,
        gradients=cotangents,
        activations=activations,
        weight_gradients=gradients,
        update=widest if widest.is_deterministic else _rounded_to_nearest(widest, resolve),
        state=state,
        states=states,
    )


def _check_cotangents(activations: Scalar, gradients: Scalar) -> None:
    """Check that a backward sweep can compute in the wider of two Scalars.

    Raises:
        PolicyError: Neither has all numbers of the other one.
    """
    try:
        CotangentScalars.of(activations, gradients)
    except MixedScalarError as error:
        raise PolicyError(
            f"policy fields activations and gradients: a cotangent is computed in the wider of"
            f" them, but {error}"
        ) from None


def _rounded_to_nearest(scalar: Scalar, resolve: Resolve) -> Scalar:
    """Return the Scalar of the same format without options."""
    return resolve(scalar.name.partition("@")[0])


def _arithmetic(policy: Policy, resolve: Resolve) -> Arithmetic:
    def of(name: str) -> Scalar:
        return _named(f"policy field {name}", lambda: resolve(getattr(policy, name)))

    forward, by_input, by_weight = (_contraction(policy, name, resolve) for name in CONTRACTIONS)
    reductions = of("reductions")
    products = _named(
        "policy field scaling", lambda: LayerPrecision(forward, by_input, by_weight, reductions)
    )
    _check_weight_gradient(of("weights"), products.weight_gradient.output)
    return MixedArithmetic(of("weights"), of("activations"), reductions, products)


def _check_weight_gradient(weights: Scalar, output: Scalar) -> None:
    """Check that the cotangent of weights, which is in their Scalar, keeps a product's results.

    Raises:
        PolicyError: It would round them again.
    """
    if not widens(output, weights):
        raise PolicyError(
            f"policy field weight_gradient.output: the gradient of weights in {weights.name} is in"
            f" {weights.name}, which lacks numbers of {output.name}; give weights={output.name}"
            f" and operands={weights.name}"
        )


def _contraction(policy: Policy, name: str, resolve: Resolve) -> Contraction:
    rule = policy.contraction(name)
    cotangents = rule.gradient_operands or rule.operands
    inputs = partial(_operand, name, "operands", rule.operands, "input_scaling", rule.input_scaling)
    weights = partial(
        _operand, name, "operands", rule.operands, "weight_scaling", rule.weight_scaling
    )
    gradients = partial(
        _operand, name, "gradient_operands", cotangents, "gradient_scaling", rule.gradient_scaling
    )
    of_sides = {"input": inputs, "weight": weights, "gradient": gradients}
    sides = SIDES[name]
    left, right = (of_sides[side] for side in sides)
    output = rule.output or rule.operands
    to = _named(f"policy field {name}.output", lambda: resolve(output))
    operands = left(resolve), right(resolve)
    scalars = scalar_of(operands[0]), scalar_of(operands[1])
    first: Side = "right" if name == "weight_gradient" else "left"  # a cotangent's factor
    return _named(
        f"policy field {name}.accumulate",
        lambda: Contraction(
            *operands, accumulation_named(rule.accumulate, resolve, scalars), to, name, first, sides
        ),
    )


def _operand(
    product: str, part: str, dtype: str, scaling_part: str, scaling: str | None, resolve: Resolve
) -> Operand:
    scalar = _named(f"policy field {product}.{part}", lambda: resolve(dtype))
    if scaling is None:
        return scalar
    field_name = f"policy field {product}.{scaling_part}"
    return _named(
        field_name, lambda: ScaledOperand(scalar, scaling_named(scaling), resolve(SCALES))
    )


def _named(what: str, make: Callable[[], T]) -> T:
    """Return a value; an error gets the name of the field in front.

    Raises:
        PolicyError: The value cannot be made.
    """
    try:
        return make()
    except PolicyError:
        raise
    except NumleanError as error:
        raise PolicyError(f"{what}: {error}") from None
