"""Policies as texts, as TOML and as plain data for JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from numlean.arguments import checked
from numlean.errors import DocumentError
from numlean.precision import policies
from numlean.precision.policy import (
    CONTRACTIONS,
    SCALING,
    SCALINGS,
    Policy,
    PolicyError,
    field_names,
)
from numlean.scalar.dtype import split_outside_parentheses

_EXCEPT: Final = "except"
_BASE: Final = "base"


@checked
def parse_policy(text: str) -> Policy:
    """Return the policy of a text ``NAME[,field=value…]``, such as ``format_policy`` returns.

    NAME is that of a named policy or ``uniform(DTYPE)``. Commas inside parentheses do not separate
    fields, and an option of a dtype, such as ``seed=3`` of ``bfloat16@round=stochastic,seed=3``,
    belongs to the dtype before it. ``except.LAYER=NAME`` gives the layer another policy; with
    fields of its own it stands in parentheses: ``except.last=(bf16-mixed,reductions=bfloat16)``.

    Raises:
        UnknownNameError: The name or a field is unknown.
        PolicyError: A field has no value, is given twice, or contradicts another one.
    """
    name, *items = _items(text)
    policy, given = policies.get(name), dict[str, str]()
    for item in items:
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value:
            raise PolicyError(f"policy {text!r}: write {key!r} as field=value")
        if key in given:
            raise PolicyError(f"policy {text!r}: the field {key!r} is given twice")
        given[key] = value
    return _with(policy, given)


def _with(policy: Policy, given: Mapping[str, str]) -> Policy:
    excepted = {key: text for key, text in given.items() if key.startswith(f"{_EXCEPT}.")}
    changed = policy.with_fields({k: text for k, text in given.items() if k not in excepted})
    if not excepted:
        return changed
    for key, text in excepted.items():
        if f"{_EXCEPT}." in text:  # before it is parsed: the depth of a text has no limit
            raise PolicyError(f"policy field {key}: an exception cannot have exceptions itself")
    exceptions = {
        key.removeprefix(f"{_EXCEPT}."): parse_policy(_inside(text))
        for key, text in excepted.items()
    }
    return changed.with_exceptions(exceptions)


def _inside(text: str) -> str:
    """Return a text without parentheses around all of it."""
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _items(text: str) -> list[str]:
    """Return the parts of a text between commas that separate fields."""
    items: list[str] = []
    for part in split_outside_parentheses(text, "policy", PolicyError):
        key = part.partition("=")[0].strip()
        if items and not _is_field(key) and "@" in items[-1]:
            items[-1] += f",{part}"
        else:
            items.append(part)
    return [item.strip() for item in items]


def _is_field(key: str) -> bool:
    known = tuple(field_names())
    return key in known or key.startswith((f"{_EXCEPT}.", "optimizer."))


def format_policy(policy: Policy) -> str:
    """Return the shortest text that ``parse_policy`` reads as this policy."""
    own = policy.with_exceptions({})
    candidates = [f"uniform({policy.parameters})", f"uniform({policy.activations})"]
    shared = list(_shared(own))
    texts = [
        _text(name, policies.get(name), own, shared)
        for name in (*candidates, *(each.name for each in policies.named()))
    ]
    text = min(texts, key=len)
    for layer, each in policy.exceptions.items():
        inner = format_policy(each)
        text += f",{_EXCEPT}.{layer}=({inner})" if "," in inner else f",{_EXCEPT}.{layer}={inner}"
    return text


def _text(name: str, base: Policy, policy: Policy, shared: Sequence[tuple[str, str]]) -> str:
    """Return the text of a policy over a base: roles first, since products follow them.

    Args:
        name: The name of the base.
        base: The base.
        policy: The policy.
        shared: The fields of the policy that one name sets in several products or scales.
    """
    want, have = policy.to_fields(with_none=True), base.to_fields(with_none=True)
    changed = list[str]()
    for key, text in [*shared, *want.items()]:
        if all(have.get(each) == text for each in _GROUPS.get(key, (key,)) if each in want):
            continue
        base = base.with_fields({key: text})
        have = base.to_fields(with_none=True)
        changed.append(f"{key}={text}")
    return ",".join([name, *changed])


def _shared(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the fields that one name sets in several products or scales, under that name."""
    fields = policy.to_fields(with_none=True)
    for name, parts in _GROUPS.items():
        text = next(fields[key] for key in parts if key in fields)
        if policy.with_fields({name: text}) == policy:
            yield name, text


_GROUPS: Final = {
    SCALING: [f"{product}.{part}" for product in CONTRACTIONS for part in SCALINGS],
    **{
        part: [f"{product}.{part}" for product in CONTRACTIONS]
        for part in ("operands", "accumulate", *SCALINGS)
    },
    **{
        f"{product}.{SCALING}": [f"{product}.{part}" for part in SCALINGS]
        for product in CONTRACTIONS
    },
}
"""The fields that one name sets."""


def policy_to_plain(policy: Policy) -> dict[str, Any]:
    """Return every field of a policy by its name, and its exceptions, for JSON."""
    plain: dict[str, Any] = dict(policy.to_fields())
    if policy.exceptions:
        exceptions = {layer: each.to_fields() for layer, each in policy.exceptions.items()}
        plain[_EXCEPT] = exceptions
    return plain


def policy_from_plain(plain: object) -> Policy:
    """Return the policy that ``policy_to_plain`` wrote, or a part of it over a base.

    Args:
        plain: Fields by name, in tables or with dots: ``{"forward": {"accumulate": "exact"}}``;
            ``base`` names the policy of the fields that are absent; ``except`` holds the same for
            layers.

    Raises:
        DocumentError: A field is of a wrong type, or neither a base nor all fields are given.
        PolicyError: Fields contradict each other.
        UnknownNameError: A field or the base is unknown.
    """
    if not isinstance(plain, Mapping):
        raise DocumentError(f"policy: expected fields by name, got {plain!r:.80}")
    document = dict(plain)
    exceptions = document.pop(_EXCEPT, {})
    if not isinstance(exceptions, Mapping):
        raise DocumentError(f"policy: {_EXCEPT} holds policies by layer, got {exceptions!r:.80}")
    given = dict(_flat(document, ""))
    policy = _based(given.pop(_BASE, None), given)
    read = {str(layer): policy_from_plain(each) for layer, each in exceptions.items()}
    return policy.with_exceptions(read) if read else policy


def _based(base: str | None, given: Mapping[str, str]) -> Policy:
    if base is not None:
        return parse_policy(base).with_fields(given)
    complete = set(Policy.uniform("float32").to_fields())
    missing = sorted(complete - given.keys())
    if missing:
        raise DocumentError(f"policy: the field {missing[0]!r} is missing, and no base is named")
    # Every field replaces the base's.
    return Policy.uniform(given["parameters"]).with_fields(given)


def _flat(document: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, str):
            yield name, value
        else:
            raise DocumentError(f"policy: {name} must be a text, got {value!r:.80}")


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of all fields of a policy, whatever its name."""
    text = json.dumps(policy_to_plain(policy), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
