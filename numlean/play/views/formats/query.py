"""The address of the view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from numlean.play.views.parameters import SAFE, checked_parameters

PATH: Final = "/formats"
_DEFAULTS: Final = {
    "format": "e4m3",
    "beside": "float32,binary16,bfloat16,e4m3,e5m2,posit:8,posit:16,takum:16",
    "value": "0.1",
    "source": "float32",
    "target": "",
    "rounding": "",
    "overflow": "",
}
_NAMES: Final = {
    "format": "f",
    "beside": "beside",
    "value": "v",
    "source": "from",
    "target": "to",
    "rounding": "round",
    "overflow": "overflow",
}


@dataclass(frozen=True)
class FormatsQuery:
    """What the view shows.

    Attributes:
        format: The dtype of the format.
        beside: Formats whose precision is drawn beside it.
        value: The number that is converted, an expression.
        source: The dtype from which it is converted.
        target: The dtype to which it is converted; empty for ``format``.
        rounding: The rounding of the conversion; empty for that of the dtype.
        overflow: The overflow of the conversion; empty for that of the dtype.
    """

    format: str
    beside: str
    value: str
    source: str
    target: str
    rounding: str
    overflow: str

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Return the query of an address.

        Raises:
            NumleanError: A parameter is too long.
        """
        parameters = checked_parameters(parameters)
        return cls(
            **{field: parameters.get(name) or _DEFAULTS[field] for field, name in _NAMES.items()}
        )

    def address(self, **changes: Any) -> str:
        """Return the path and query, with other fields if they are given."""
        changed = replace(self, **changes)
        values = {field: getattr(changed, field) for field in _NAMES}
        shown = {
            _NAMES[field]: value
            for field, value in values.items()
            if field == "format" or value != _DEFAULTS[field]
        }
        return f"{PATH}?{urlencode(shown, safe=SAFE)}"
