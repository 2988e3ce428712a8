"""Options: fields of a dataclass that are left out of descriptions while they have their default.

An option that a class gains keeps the names and the files of those that do not use it: a
checkpoint or a certificate from before the option describes the same layer.
"""

from __future__ import annotations

from dataclasses import Field, field, fields
from typing import Any, Final

_OPTION: Final = "numlean.arguments.option"


def option(default: Any, *, kw_only: bool = True) -> Any:
    """Return a dataclass field that names and fingerprints omit while it has its default."""
    return field(default=default, kw_only=kw_only, metadata={_OPTION: True})


def described_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, without options that have their default."""
    each = ((own, getattr(value, own.name)) for own in fields(value))
    return {own.name: v for own, v in each if not (_is_option(own) and v == own.default)}


def given_options(value: Any) -> dict[str, Any]:
    """Return the options of a dataclass that differ from their default, by name."""
    names = {own.name for own in fields(value) if _is_option(own)}
    return {name: v for name, v in described_fields(value).items() if name in names}


def _is_option(own: Field[Any]) -> bool:
    return _OPTION in own.metadata
