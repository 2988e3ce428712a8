"""Precision policies: the number formats of a run by role, as texts, without Scalars or devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.accumulation_text import canonical_accumulation, unit_named
from numlean.precision.loss_scaling import canonical_loss_scaling
from numlean.precision.matrix_units.choice import UnitChoice
from numlean.precision.scaling.scaling_text import scaling_named
from numlean.scalar.registry import resolve_known
from numlean.text_table import TextTable
from numlean_kernels.formats import NAMED

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

ELEMENT: Final = "element"
"""The name that stands for the dtypes of all operands, those of cotangents included."""

SCALING: Final = "scaling"
"""The name that stands for the scaling of all operands of a product."""


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
        input_scaling: The scales of inputs, as ``scaling_named`` takes them; None or ``none`` for
            no scales. The gradient of inputs has no inputs as operands.
        weight_scaling: The scales of weights. The gradient of weights has no weights as operands.
        gradient_scaling: The scales of cotangents.
    """

    operands: str
    accumulate: str
    output: str | None = None
    gradient_operands: str | None = None
    input_scaling: str | None = None
    weight_scaling: str | None = None
    gradient_scaling: str | None = None


_PARTS: Final = tuple(part.name for part in fields(ContractionRule))

SCALINGS: Final = ("input_scaling", "weight_scaling", "gradient_scaling")
"""The parts of a product's rule for which ``scaling`` stands."""

_ABSENT: Final[Mapping[str, Mapping[str, str]]] = {
    "forward": dict.fromkeys(("gradient_operands", "gradient_scaling"), "cotangents"),
    "input_gradient": {"input_scaling": "inputs"},
    "weight_gradient": {"weight_scaling": "weights"},
}
"""The parts that a product lacks, and the operands that it does not have."""


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
        self._check_parts()
        for layer, policy in self.exceptions.items():
            if policy.exceptions:
                raise PolicyError(f"the exception for the layer {layer!r} has exceptions itself")

    def _check_parts(self) -> None:
        for name, absent in _ABSENT.items():
            for part, operand in absent.items():
                if getattr(getattr(self, name), part) is not None:
                    having = " or ".join(_products_with(part))
                    raise PolicyError(
                        f"policy field {name}.{part}: this product has no {operand}; set it for"
                        f" {having}"
                    )

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
        """Return one of the three products' rules, with what other fields determine.

        Roles give dtypes to results. In the gradients of fp8 operands, ``unit(H100)`` promotes its
        accumulator every 128 terms, as TransformerEngine does.
        """
        rule: ContractionRule = getattr(self, name)
        output = rule.output or getattr(self, _RESULTS[name])
        if name == "forward":
            return replace(rule, output=output)
        cotangents = rule.gradient_operands or rule.operands
        sums = _in_gradient(rule.accumulate, cotangents, rule.operands)
        return replace(rule, output=output, gradient_operands=cotangents, accumulate=sums)

    @property
    def units(self) -> dict[str, UnitChoice]:
        """The matrix units of products by field, such as ``forward.accumulate``.

        A field of an exception is named ``except.LAYER.forward.accumulate``.
        """
        found = {}
        for prefix, policy in {"": self, **_excepted(self.exceptions)}.items():
            for name in CONTRACTIONS:
                unit = unit_named(policy.contraction(name).accumulate)
                if unit is not None:
                    found[f"{prefix}{name}.accumulate"] = unit
        return found

    def _repr_html_(self) -> str:
        """Return the fields as a table for notebooks."""
        rows = tuple(self.to_fields(with_none=True).items())
        return TextTable((), rows, title="Policy").to_html(row_headers=True)

    def to_fields(self, *, with_none: bool = False) -> dict[str, str]:
        """Return every field by its name, such as ``forward.accumulate``; exceptions are not one.

        ``with_fields`` of any policy without exceptions and scales gives this policy again.

        Args:
            with_none: Whether to name scales that are not there too, as ``none``.
        """
        listed = {role: getattr(self, role) for role in ROLES}
        listed |= {f"optimizer.{name}": text for name, text in self.states.items()}
        for name in CONTRACTIONS:
            rule = self.contraction(name)
            for part in _parts_of(name):
                text = getattr(rule, part) or (NO_SCALING if with_none else None)
                if text is not None:
                    listed[f"{name}.{part}"] = text
        return {**listed, "loss_scaling": self.loss_scaling}

    def with_fields(self, changes: Mapping[str, str]) -> Policy:
        """Return the policy with other fields, by name.

        A part of a product alone, such as ``accumulate``, sets it in all products that have it;
        ``scaling`` sets the scales of all operands, of one product or of all, and ``element`` the
        dtypes of all operands, those of cotangents included. Of a product's
        output, a role's dtype may take the place later: where ``output`` is not given.

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
        if head in CONTRACTIONS and part in (*_PARTS, SCALING):
            return self._with_parts((head,), part, text)
        if name == ELEMENT:
            return self.with_fields({"operands": text, "gradient_operands": text})
        if name in (*_PARTS, SCALING):
            return self._with_parts(_products_with(name), name, text)
        raise UnknownNameError("policy field", name, tuple(field_names()))

    def _with_parts(self, products: tuple[str, ...], part: str, text: str) -> Policy:
        rules: dict[str, Any] = {}
        for product in products:
            changed = [each for each in _parts_of(product) if each in SCALINGS]
            changes: dict[str, Any] = dict.fromkeys(changed if part == SCALING else [part], text)
            rules[product] = replace(getattr(self, product), **changes)
        return replace(self, **rules)

    def with_exceptions(self, exceptions: Mapping[str, Policy]) -> Policy:
        """Return the policy with other exceptions for layers, in place of its own."""
        return replace(self, exceptions=exceptions)

    def __reduce__(self) -> tuple[object, ...]:
        return Policy, tuple(getattr(self, each.name) for each in fields(self))


def _excepted(exceptions: Mapping[str, Policy]) -> dict[str, Policy]:
    return {f"except.{layer}.": policy for layer, policy in exceptions.items()}


_FORMATS: Final = {each.name: each.format for each in NAMED}

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
    yield from (*_PARTS, SCALING, ELEMENT)
    for name in CONTRACTIONS:
        yield from (f"{name}.{part}" for part in (*_parts_of(name), SCALING))
    yield "loss_scaling"


def _parts_of(product: str) -> tuple[str, ...]:
    return tuple(part for part in _PARTS if part not in _ABSENT[product])


def _products_with(part: str) -> tuple[str, ...]:
    return tuple(name for name in CONTRACTIONS if part not in _ABSENT[name])


def _canonical(name: str, rule: ContractionRule) -> ContractionRule:
    """Return a rule with its texts in their own spelling."""
    changed: dict[str, Any] = {
        part: _dtype(f"{name}.{part}", getattr(rule, part))
        for part in ("operands", "output", "gradient_operands")
        if getattr(rule, part) is not None
    }
    for part in SCALINGS:
        text = getattr(rule, part)
        if text is not None and text.strip() == NO_SCALING:
            changed[part] = None
        elif text is not None:
            changed[part] = _spelled(f"{name}.{part}", lambda each: str(scaling_named(each)), text)
    accumulate = _spelled(f"{name}.accumulate", canonical_accumulation, rule.accumulate)
    return replace(rule, accumulate=accumulate, **changed)


def _in_gradient(accumulate: str, *dtypes: str) -> str:
    """Return the text of an accumulation in a gradient with operands of two dtypes."""
    unit = unit_named(accumulate)
    if unit is None:
        return accumulate
    formats = (_FORMATS.get(resolve_known(dtype).name) for dtype in dtypes)
    return f"unit({unit.in_gradients(*formats)})"


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
