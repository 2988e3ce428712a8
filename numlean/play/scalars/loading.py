"""The arithmetics of a page, from a text that a person typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from numlean.errors import NumleanError
from numlean.files.suffixes import POLICY_SUFFIX
from numlean.play.workspace import Workspace
from numlean.precision import Policy, policies
from numlean.precision.accumulation_text import accumulation_named
from numlean.precision.policy import CONTRACTIONS, ROLES
from numlean.scalar.code_fields import code_width
from numlean.scalar.dtype import split_dtype_list
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import resolve, scalar_on, scalars
from numlean.training.policy_files import read_policy

MOST_FORMATS: Final = 16
"""The formats that a page shows at most."""

WIDEST: Final = 1024
"""The bits of a number that a page shows at most."""

_POLICY: Final = "policy:"


@dataclass(frozen=True)
class Chosen:
    """A format of a page.

    Attributes:
        dtype: The dtype.
        roles: What it is in the policies that were named: ``bf16-mixed: weights, activations``.
    """

    dtype: str
    roles: tuple[str, ...] = ()


def load(dtype: str) -> Scalar:
    """Return the Scalar of a dtype, whose operations compile nothing.

    Raises:
        NumleanError: The dtype is invalid, or its numbers are too long for a page.
    """
    scalar = scalar_on(dtype, "python")
    precision = precision_of(scalar)
    if precision > WIDEST:
        raise NumleanError(
            f"{scalar.name} has numbers of {precision:,} bits, a page shows at most {WIDEST:,};"
            " use `numlean eval`"
        )
    return scalar


def code_of(scalar: Scalar, x: Storage) -> int | None:
    """Return the encoding or code of a single number; None if it has none."""
    return None if code_width(scalar) is None else int(scalar.to_bits(x.reshape(1))[0])


def chosen_formats(text: str, workspace: Workspace) -> tuple[Chosen, ...]:
    """Return the formats of a list of dtypes and policies, each once.

    Args:
        text: Such as ``float32,e5m2@round=to_odd,nan=x86,policy:bf16-mixed``; ``policy:`` may be
            left out where no dtype has the name.
        workspace: The folder of files of policies.

    Raises:
        NumleanError: The list is empty, too long, or has an unknown name.
    """
    found: dict[str, list[str]] = {}
    for item in split_dtype_list(text):
        name = item.strip()
        policy = _policy(name, workspace)
        if policy is None:
            found.setdefault(resolve(name).text, [])
            continue
        for dtype, roles in _formats_of(policy):
            found.setdefault(dtype, []).append(f"{name.removeprefix(_POLICY)}: {roles}")
    if len(found) > MOST_FORMATS:
        raise NumleanError(f"a page shows at most {MOST_FORMATS} formats, got {len(found)}")
    return tuple(Chosen(dtype, tuple(roles)) for dtype, roles in found.items())


def arithmetic_names(text: str, workspace: Workspace) -> tuple[str, ...]:
    """Return the arithmetics of runs: dtypes by their full names, and policies as ``policy:P``.

    Raises:
        NumleanError: The list is empty, or has an unknown name or a file outside the folder.
    """
    found = dict[str, None]()
    for item in split_dtype_list(text):
        name = item.strip()
        if _policy(name, workspace) is None:
            found[load(name).name] = None
        else:
            found[f"{_POLICY}{name.removeprefix(_POLICY)}"] = None
    return tuple(found)


def _policy(name: str, workspace: Workspace) -> Policy | None:
    text = name.removeprefix(_POLICY)
    if text.lower().endswith(POLICY_SUFFIX):
        return read_policy(str(workspace.file(text)))
    named = {each.name for each in policies.named()}
    is_named = text.partition(",")[0] in named and resolve(text).name not in scalars()
    return read_policy(text) if name.startswith(_POLICY) or is_named else None


def _formats_of(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the dtypes of a policy, and what each is for."""
    uses: dict[str, list[str]] = {}
    for role, dtype in _dtypes(policy):
        roles = uses.setdefault(resolve(dtype).text, [])
        if role not in roles:
            roles.append(role)
    for dtype, roles in uses.items():
        yield dtype, ", ".join(roles)


def _dtypes(policy: Policy) -> Iterator[tuple[str, str]]:
    for role in ROLES:
        yield role.replace("_", " "), getattr(policy, role)
    for name in CONTRACTIONS:
        rule = getattr(policy, name)
        for part in ("operands", "gradient_operands", "output"):
            dtype = getattr(rule, part)
            if dtype is not None:
                yield part.replace("_", " "), dtype
        for dtype in _dtypes_of_sums(rule.accumulate):
            yield "sums", dtype
    for name, dtype in policy.states.items():
        yield name, dtype


def _dtypes_of_sums(accumulate: str) -> tuple[str, ...]:
    """Return the dtypes in which a product's sums are computed; none of exact ones and units."""
    found = list[str]()

    def resolve_and_note(dtype: str) -> Scalar:
        found.append(dtype)
        return load(dtype)

    with suppress(NumleanError):  # a unit's format depends on its operands
        accumulation_named(accumulate, resolve_and_note)
    return tuple(found)
