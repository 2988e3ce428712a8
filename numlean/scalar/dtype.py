"""Dtypes as users write them: ``name[:argument][@option=value,...]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.errors import NumleanError

ALIASES: Final = {"float": "float64", "ieee754exec": "ieee32exec"}
"""TorchLean's spellings."""


@dataclass(frozen=True)
class Dtype:
    """A dtype as the user wrote it, taken apart.

    Attributes:
        text: The canonical spelling: ``mp:200``.
        name: The backend's name: ``mp``.
        argument: What follows the colon, or None.
        options: What follows the at sign, by name.
    """

    text: str
    name: str
    argument: str | None
    options: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Dtype:
        """Take ``name[:argument][@option=value,...]`` apart.

        Raises:
            NumleanError: An option lacks its value or is given twice.
        """
        head, _, tail = text.strip().partition("@")
        name, colon, argument = head.partition(":")
        name = ALIASES.get(name, name)
        options: dict[str, str] = {}
        for item in tail.split(",") if "@" in text else ():
            key, equals, value = item.partition("=")
            if not equals or not key or key in options:
                raise NumleanError(f"dtype {text!r}: options read name=value, each once: {item!r}")
            options[key] = value
        suffix = f"@{','.join(f'{k}={options[k]}' for k in sorted(options))}" if options else ""
        return cls(f"{name}{colon}{argument}{suffix}", name, argument if colon else None, options)


def split_dtype_list(text: str) -> list[str]:
    """The dtypes of a list such as ``float32,e5m2@round=to_odd,nan=x86,mp:24``.

    An item that reads ``option=value`` belongs to the dtype before it.
    """
    dtypes: list[str] = []
    for item in filter(None, text.split(",")):
        if "=" in item and "@" not in item and dtypes:
            dtypes[-1] += f",{item}"
        else:
            dtypes.append(item)
    return dtypes
