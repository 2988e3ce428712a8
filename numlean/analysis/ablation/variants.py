"""The policies of an ablation: each differs from the unchanged one in one part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final, TypeAlias, final

from numlean.analysis.ablation.directions import DEMOTED, PROMOTED, Direction
from numlean.analysis.ablation.parts import (
    LOSS_SCALING,
    SCALING,
    Part,
    fields_of,
    is_of_layers,
    parts_of,
)
from numlean.errors import NumleanError
from numlean.precision.policy import CONTRACTIONS, NO_SCALING, ROLES, Policy

Check: TypeAlias = Callable[[Policy], None]
"""Raises an error for a policy whose fields contradict each other."""

UNCHANGED: Final = "unchanged"
EVERYTHING: Final = "everything"

_VERBS_OF_SCALES: Final = {PROMOTED: "made finer", DEMOTED: "dropped"}

_SHORT: Final = ("operands", "gradient_operands", "accumulate", "output")
"""Names that stand for the fields of several products."""


@final
@dataclass(frozen=True)
class Variant:
    """A policy of an ablation.

    Attributes:
        part: The part that is changed, ``unchanged`` or ``everything``.
        direction: ``promoted``, ``demoted`` or ``unchanged``.
        policy: The policy.
        changes: Each field that differs from the unchanged policy, with both texts.
        accompanying: The fields among them that had to change too, for the policy to be valid.
    """

    part: str
    direction: str
    policy: Policy
    changes: tuple[str, ...] = ()
    accompanying: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the row."""
        if self.direction == UNCHANGED:
            return UNCHANGED
        also = f" (and {', '.join(self.accompanying)})" if self.accompanying else ""
        return f"{self.part} {self.verb}{also}"

    @property
    def verb(self) -> str:
        """What is done to the part."""
        return _VERBS_OF_SCALES[self.direction] if self.is_of_scales else self.direction

    @property
    def is_of_scales(self) -> bool:
        """Whether the part is scales, which are made finer or dropped."""
        return self.part in (SCALING, LOSS_SCALING)


@final
@dataclass(frozen=True)
class Omission:
    """A part that has no row.

    Attributes:
        part: The part.
        direction: ``promoted`` or ``demoted``.
        reason: Why it has none.
        is_impossible: Whether its policy cannot be made valid, rather than being another row's.
    """

    part: str
    direction: str
    reason: str
    is_impossible: bool = False

    def __str__(self) -> str:
        return f"{self.part} {self.direction}: {self.reason}"


@final
class Variants:
    """The rows of an ablation, in order, and the parts without one.

    Attributes:
        rows: The unchanged policy, each part promoted, each part demoted, everything promoted.
        omissions: The parts without a row.
    """

    def __init__(
        self,
        policy: Policy,
        states: Sequence[str],
        directions: Sequence[Direction],
        check: Check,
    ) -> None:
        """Make the policies.

        Args:
            policy: The unchanged policy.
            states: The names of the optimizer's state.
            directions: The promotion, and the demotion if there is one.
            check: Raises an error for a policy that is not valid.

        Raises:
            NumleanError: The unchanged policy is not valid.
        """
        check(policy)
        self._base = policy
        self._states = states
        self._check = check
        self.rows = [Variant(UNCHANGED, UNCHANGED, policy)]
        self.omissions: list[Omission] = []
        self._seen: dict[Policy, Variant] = {policy: self.rows[0]}
        for direction in directions:
            for part in parts_of(policy, states):
                self._add(part, direction)
        self._add_everything(directions[0])

    def _add(self, part: Part, direction: Direction) -> None:
        changed = _changed(self._base, part.fields, direction, self._states)
        if changed == self._base or self._is_only_state(part, changed):
            if not part.is_scaling:
                self._omit(part.name, direction, self._reason(part, direction, changed))
            return
        try:
            policy, accompanying = self._valid(changed, direction)
        except NumleanError as error:
            self._omit(part.name, direction, f"not possible: {error}", is_impossible=True)
            return
        self._keep(part.name, direction, policy, accompanying)

    def _add_everything(self, direction: Direction) -> None:
        fields = self._base.to_fields()
        scales = {name: NO_SCALING for name in fields if name.endswith("scaling")}
        others = [name for name in fields if name not in scales]
        policy = _with(_changed(self._base, others, direction, ()), scales)
        try:
            self._check(policy)
        except NumleanError as error:
            self._omit(EVERYTHING, direction, f"not possible: {error}", is_impossible=True)
            return
        self._keep(EVERYTHING, direction, policy, ())

    def _keep(
        self, name: str, direction: Direction, policy: Policy, accompanying: tuple[str, ...]
    ) -> None:
        same = self._seen.get(policy)
        if same is not None:
            self._omit(name, direction, f"the same policy as {same.name}")
            return
        changes = tuple(_differences(self._base, policy))
        variant = Variant(name, direction.name, policy, changes, accompanying)
        self._seen[policy] = variant
        self.rows.append(variant)

    def _omit(
        self, name: str, direction: Direction, reason: str, *, is_impossible: bool = False
    ) -> None:
        self.omissions.append(Omission(name, direction.name, reason, is_impossible))

    def _is_only_state(self, part: Part, changed: Policy) -> bool:
        """Return whether a part is the whole of the optimizer's state."""
        return len(self._states) == 1 and part.name == f"optimizer.{self._states[0]}"

    def _reason(self, part: Part, direction: Direction, changed: Policy) -> str:
        if changed != self._base:
            return "the whole state of the optimizer, as in the row optimizer"
        if direction.promotes:
            return f"as wide as {direction.dtype} already"
        return f"not wider than {direction.dtype}"

    def _valid(self, policy: Policy, direction: Direction) -> tuple[Policy, tuple[str, ...]]:
        """Return the policy with the fewest further changes that make it valid, and those.

        Raises:
            NumleanError: No change of one or two fields does.
        """
        try:
            self._check(policy)
        except NumleanError as error:
            for repaired, further in self._repairs(policy, replace(direction, is_forced=True)):
                if self._is_valid(repaired):
                    return repaired, further
            raise error
        return policy, ()

    def _repairs(
        self, policy: Policy, direction: Direction
    ) -> Iterator[tuple[Policy, tuple[str, ...]]]:
        """Yield the policies with one more field changed, then those with two."""
        fields = [*ROLES, *(f"{p}.{part}" for p in CONTRACTIONS for part in _SHORT), *_SHORT]
        found = [
            (members, field)
            for field in fields
            if (members := _members(field, policy))
            and _changed(policy, members, direction, ()) != policy
        ]
        for further in (*((each,) for each in found), *combinations(found, 2)):
            members = tuple(name for each, _ in further for name in each)
            names = tuple(field for _, field in further)
            yield _changed(policy, members, direction, ()), names

    def _is_valid(self, policy: Policy) -> bool:
        try:
            self._check(policy)
        except NumleanError:
            return False
        return True


def _members(field: str, policy: Policy) -> tuple[str, ...]:
    """Return the fields that a name stands for, with the scales of operands among them."""
    own = policy.to_fields()
    named = [name for name in own if name == field or name.endswith(f".{field}")]
    products = {name.partition(".")[0] for name in named if name.endswith(".operands")}
    scales = (n for n in own if n.partition(".")[0] in products and n.endswith("scaling"))
    return *named, *scales


def _changed(
    policy: Policy, fields: Sequence[str], direction: Direction, states: Sequence[str]
) -> Policy:
    """Return a policy with some of its fields promoted or demoted, in its exceptions too."""
    own = fields_of(policy, states)
    changes = {
        name: text
        for name in fields
        if name in own and (text := _change(name, fields, own[name], direction)) != own[name]
    }
    changed = policy.with_fields(changes) if changes else policy
    if not policy.exceptions:
        return changed
    inner = [name for name in fields if is_of_layers(name)]
    exceptions = {
        layer: _changed(each, inner, direction, ()) for layer, each in policy.exceptions.items()
    }
    return changed.with_exceptions(exceptions)


def _change(name: str, fields: Sequence[str], text: str, direction: Direction) -> str:
    """Return a changed text; operands lose their scales where they are promoted."""
    product, _, part = name.partition(".")
    if part.endswith("scaling") and f"{product}.operands" in fields:
        return NO_SCALING if direction.promotes else text
    return direction.change(name, text)


def _with(policy: Policy, changes: Mapping[str, str]) -> Policy:
    own = policy.with_fields(changes)
    inner = {name: text for name, text in changes.items() if name != LOSS_SCALING}
    exceptions = {layer: each.with_fields(inner) for layer, each in own.exceptions.items()}
    return own.with_exceptions(exceptions) if exceptions else own


def _differences(base: Policy, policy: Policy) -> Iterator[str]:
    """Yield the fields in which a policy differs from another one, with both texts."""
    yield from _of_fields("", base, policy)
    for layer, each in base.exceptions.items():
        yield from _of_fields(f"except.{layer}.", each, policy.exceptions[layer])


def _of_fields(prefix: str, base: Policy, policy: Policy) -> Iterator[str]:
    before, after = base.to_fields(), policy.to_fields()
    for name in dict.fromkeys((*before, *after)):
        old, new = (each.get(name) or _implied(name, each) for each in (before, after))
        if old != new:
            yield f"{prefix}{name}: {old} \N{RIGHTWARDS ARROW} {new}"


def _implied(name: str, fields: Mapping[str, str]) -> str:
    """Return the text of a field that is not listed."""
    return fields["optimizer"] if name.startswith("optimizer.") else NO_SCALING
