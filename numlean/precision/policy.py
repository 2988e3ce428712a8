"""Precision policies: the number formats of a run by role, as texts, without Scalars or devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.accumulation_text import canonical_accumulation
from numlean.precision.loss_scaling import canonical_loss_scaling
from numlean.scalar.registry import resolve_known

ROLES: Final = (
    "parameters",
    "weights",
    "activations",
    "gradients",
    "weight_gradients",
    "optimizer",
    "reductions",
)
"""The roles of tensors."""

CONTRACTIONS: Final = ("forward", "input_gradient", "weight_gradient")
"""The products of a layer."""

STATES: Final = {"m": "first_moment", "v": "second_moment", "buf": "momentum"}
"""The names of an optimizer's state, by short ones."""

NO_SCALING: Final = "none"


class PolicyError(NumleanError):
    """A field of a policy that is unknown or contradicts another one."""


@checked
@final
@dataclass(frozen=True)
class ContractionRule:
    """The formats of one of a layer's products, as texts.

    Attributes:
        operands: The dtype to which inputs and weights are rounded.
        accumulate: The rule of the sums, as ``accumulation_named`` takes it.
        output: The dtype to which a sum is rounded; None for that of the result's role, which is
            ``activations``, ``gradients`` or, as the cotangent of weights, ``weights``.
        gradient_operands: The dtype to which cotangents are rounded; None for ``operands``. The
            forward product has no cotangent.
    """

    operands: str
    accumulate: str
    output: str | None = None
    gradient_operands: str | None = None


_PARTS: Final = tuple(part.name for part in fields(ContractionRule))


@checked
@final
@dataclass(frozen=True, eq=False)
class Policy:
    """The number format of each role of tensor, and the arithmetic of each product.

    Formats are dtypes as ``get_scalar`` takes them. A policy does not depend on a device. Policies
    are equal if all their fields are, with the dtypes that roles give to products filled in.

    Attributes:
        parameters: The master copy that the optimizer updates.
        weights: The copy of weights that layers compute with, cast once a step.
        activations: Outputs of products, biases, and what is saved for the backward sweep.
        gradients: Cotangents of activations. Where it is not ``activations``, it holds the
            cotangents of all tensors in the dtype of ``activations`` except parameters and tensors
            computed from parameters alone; vector-Jacobian products are evaluated in the wider of
            both dtypes, and each result is rounded to ``gradients``.
        weight_gradients: Gradients handed to the optimizer.
        optimizer: The optimizer's state for each parameter. The update itself is computed in the
            widest of this, ``parameters`` and ``weight_gradients``.
        reductions: Norms, softmax, losses, sums and means; also inputs, targets and buffers.
        forward: The product of inputs and weights.
        input_gradient: The product of cotangents and weights.
        weight_gradient: The product of inputs and cotangents.
        states: Other dtypes for parts of the optimizer's state, by name; ``m``, ``v`` and ``buf``
            are short for ``first_moment``, ``second_moment`` and ``momentum``.
        loss_scaling: The factor of the loss, as ``LossScaling.parse`` takes it.
        exceptions: Other policies by layer, such as ``{"0 Linear": policy, "last": policy}``. Of an
            exception, ``weights``, ``activations``, ``reductions`` and the products count.

    Raises:
        PolicyError: A dtype is not a text, a field is empty, or an exception has exceptions.
    """

    parameters: str
    weights: str
    activations: str
    gradients: str
    weight_gradients: str
    optimizer: str
    reductions: str
    forward: ContractionRule
    input_gradient: ContractionRule
    weight_gradient: ContractionRule
    states: Mapping[str, str] = field(default_factory=dict)
    loss_scaling: str = NO_SCALING
    exceptions: Mapping[str, Policy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ROLES:
            object.__setattr__(self, role, _dtype(role, getattr(self, role)))
        for name in CONTRACTIONS:
            object.__setattr__(self, name, _canonical(name, getattr(self, name)))
        named = {STATES.get(key, key): text for key, text in self.states.items()}
        states = {key: _dtype(f"optimizer.{key}", text) for key, text in sorted(named.items())}
        object.__setattr__(self, "states", states)
        scaling = _spelled("loss_scaling", canonical_loss_scaling, self.loss_scaling)
        object.__setattr__(self, "loss_scaling", scaling)
        object.__setattr__(self, "exceptions", dict(self.exceptions))
        if self.forward.gradient_operands is not None:
            raise PolicyError(
                "policy field forward.gradient_operands: the forward product has no cotangents;"
                " set it for input_gradient or weight_gradient"
            )
        for layer, policy in self.exceptions.items():
            if policy.exceptions:
                raise PolicyError(f"the exception for the layer {layer!r} has exceptions itself")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Policy):
            return NotImplemented
        own, others = ((each.to_fields(), each.exceptions) for each in (self, other))
        return own == others

    def __hash__(self) -> int:
        return hash((*self.to_fields().items(), *self.exceptions))

    @classmethod
    def uniform(cls, dtype: str) -> Policy:
        """Return the policy of a run in one dtype."""
        dtype = _dtype("parameters", dtype)
        rule = ContractionRule(dtype, f"ordered({dtype})")
        same: dict[str, Any] = dict.fromkeys(ROLES, dtype) | dict.fromkeys(CONTRACTIONS, rule)
        return cls(**same)

    @property
    def is_uniform(self) -> bool:
        """Whether everything is in one dtype, so that the run is that of ``--dtype``."""
        return self == Policy.uniform(self.parameters)

    def contraction(self, name: str) -> ContractionRule:
        """Return one of the three products' rules, with the dtypes that roles determine."""
        rule: ContractionRule = getattr(self, name)
        output = rule.output or getattr(self, _RESULTS[name])
        if name == "forward":
            return replace(rule, output=output)
        cotangents = rule.gradient_operands or rule.operands
        return replace(rule, output=output, gradient_operands=cotangents)

    def to_fields(self) -> dict[str, str]:
        """Return every field by its name, such as ``forward.accumulate``; exceptions are not one.

        ``with_fields`` of any policy without exceptions gives this policy again.
        """
        listed = {role: getattr(self, role) for role in ROLES}
        listed |= {f"optimizer.{name}": text for name, text in self.states.items()}
        for name in CONTRACTIONS:
            rule = self.contraction(name)
            for part in _PARTS:
                if getattr(rule, part) is not None:
                    listed[f"{name}.{part}"] = getattr(rule, part)
        return {**listed, "loss_scaling": self.loss_scaling}

    def with_fields(self, changes: Mapping[str, str]) -> Policy:
        """Return the policy with other fields, by name.

        A part of a product alone, such as ``accumulate``, sets it in all products that have it. Of
        a product's output, a role's dtype may take the place later: where ``output`` is not given.

        Raises:
            PolicyError: A field is unknown.
        """
        policy = self
        for name, text in changes.items():
            policy = policy._with_field(name, text)
        return policy

    def _with_field(self, name: str, text: str) -> Policy:
        head, _, part = name.partition(".")
        if name in (*ROLES, "loss_scaling"):
            role: dict[str, Any] = {name: text}
            return replace(self, **role)
        if head == "optimizer" and part:
            return replace(self, states={**self.states, STATES.get(part, part): text})
        if head in CONTRACTIONS and part in _PARTS:
            return replace(self, **{head: replace(getattr(self, head), **{part: text})})
        if name in _PARTS:
            having = CONTRACTIONS[1:] if name == "gradient_operands" else CONTRACTIONS
            rules: dict[str, Any] = {
                each: replace(getattr(self, each), **{name: text}) for each in having
            }
            return replace(self, **rules)
        raise UnknownNameError("policy field", name, tuple(field_names()))

    def with_exceptions(self, exceptions: Mapping[str, Policy]) -> Policy:
        """Return the policy with other exceptions for layers, in place of its own."""
        return replace(self, exceptions=exceptions)

    def __reduce__(self) -> tuple[object, ...]:
        return Policy, tuple(getattr(self, each.name) for each in fields(self))


_RESULTS: Final = {
    "forward": "activations",
    "input_gradient": "gradients",
    "weight_gradient": "weights",
}
"""The roles of the products' results."""


def field_names() -> Iterator[str]:
    """Yield the names that ``Policy.with_fields`` takes; ``optimizer.NAME`` stands for several."""
    yield from ROLES
    yield from (f"optimizer.{name}" for name in STATES)
    yield from _PARTS
    for name in CONTRACTIONS:
        parts = _PARTS if name != "forward" else _PARTS[:-1]
        yield from (f"{name}.{part}" for part in parts)
    yield "loss_scaling"


def _canonical(name: str, rule: ContractionRule) -> ContractionRule:
    """Return a rule with its dtypes in their own spelling."""
    changed: dict[str, Any] = {
        part: _dtype(f"{name}.{part}", getattr(rule, part))
        for part in ("operands", "output", "gradient_operands")
        if getattr(rule, part) is not None
    }
    accumulate = _spelled(f"{name}.accumulate", canonical_accumulation, rule.accumulate)
    return replace(rule, accumulate=accumulate, **changed)


def _dtype(name: str, text: str) -> str:
    return _spelled(name, lambda dtype: resolve_known(dtype).text, text)


def _spelled(name: str, spell: Callable[[str], str], text: str) -> str:
    """Return a field's text in its own spelling.

    Raises:
        PolicyError: It is not a text of the field.
    """
    try:
        return spell(text)
    except NumleanError as error:
        raise PolicyError(f"policy field {name}: {error}") from None
