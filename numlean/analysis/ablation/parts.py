"""The parts of a policy that are changed one at a time: roles, products, accumulations, scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from numlean.precision.policy import CONTRACTIONS, ROLES, Policy

OPTIMIZER: Final = "optimizer"
ACCUMULATE: Final = "accumulate"
SCALING: Final = "scaling"
LOSS_SCALING: Final = "loss_scaling"

_OF_LAYERS: Final = ("weights", "activations", "reductions")
"""The roles that count in the exception for a layer."""

_RESULTS: Final = {"activations": "forward.output", "gradients": "input_gradient.output"}
"""The products' outputs that belong to a role as long as they have its dtype."""


@final
@dataclass(frozen=True)
class Part:
    """A part of a policy.

    Attributes:
        name: The name.
        fields: The fields of the policy that belong to it.
    """

    name: str
    fields: tuple[str, ...]

    @property
    def is_scaling(self) -> bool:
        """Whether it is scales, which have no dtype to change."""
        return self.name in (SCALING, LOSS_SCALING)


def fields_of(policy: Policy, states: Sequence[str]) -> dict[str, str]:
    """Return every field of a policy by its name, also those of the optimizer's state."""
    own = policy.to_fields()
    return {**{f"{OPTIMIZER}.{name}": own[OPTIMIZER] for name in states}, **own}


def parts_of(policy: Policy, states: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of a policy.

    Args:
        policy: The policy.
        states: The names of the optimizer's state.
    """
    own = policy.to_fields()
    for role in ROLES:
        yield Part(role, (role, *_outputs(own, role), *_states(own, role)))
        if role == OPTIMIZER:
            yield from (Part(f"{role}.{name}", (f"{role}.{name}",)) for name in states)
    sums = tuple(f"{product}.{ACCUMULATE}" for product in CONTRACTIONS)
    yield from (Part(name, (name,)) for name in sums)
    yield Part(ACCUMULATE, sums)
    for product in CONTRACTIONS:
        yield Part(product, tuple(name for name in own if name.startswith(f"{product}.")))
    scales = [name for name in own if "." in name and name.endswith("scaling")]
    if scales:
        yield Part(SCALING, tuple(scales))
    yield Part(LOSS_SCALING, (LOSS_SCALING,))


def is_of_layers(field: str) -> bool:
    """Return whether a field counts in the exception for a layer."""
    return field in _OF_LAYERS or field.partition(".")[0] in CONTRACTIONS


def _outputs(own: Mapping[str, str], role: str) -> tuple[str, ...]:
    output = _RESULTS.get(role, "")
    return (output,) if own.get(output) == own[role] else ()


def _states(own: Mapping[str, str], role: str) -> tuple[str, ...]:
    if role != OPTIMIZER:
        return ()
    return tuple(name for name in own if name.startswith(f"{OPTIMIZER}."))
