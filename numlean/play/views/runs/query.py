"""The address of the view."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from numlean.play.runs.measured import ERRORS, FIGURES
from numlean.play.views.parameters import SAFE, checked_parameters

PATH: Final = "/runs"

ORDERS: Final = ("program", "greatest", "name")

_NAMES: Final = {
    "id": "",
    "show": "",
    "dtype": "",
    "error": ERRORS[0],
    "unit": FIGURES[0],
    "phase": "",
    "layer": "",
    "sort": ORDERS[0],
    "first": "",
    "last": "",
    "page": "1",
    "row": "",
    "step": "",
}
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class RunsQuery:
    """What the view shows.

    Attributes:
        id: The run that is shown; empty for the list.
        show: The runs whose losses are drawn above the list, separated by commas.
        dtype: The dtype of a comparison's map.
        error: Against what: one of ``ERRORS``.
        unit: One of ``FIGURES``.
        phase: The role: operations of this phase alone; empty for all.
        layer: Operations whose layer or name contains this text.
        sort: The order of rows.
        first: The first step that is shown.
        last: The last step that is shown.
        page: The page of rows, from 1.
        row: The operation whose histogram is shown, by its number.
        step: The step of the histogram; empty for all.
    """

    id: str
    show: str
    dtype: str
    error: str
    unit: str
    phase: str
    layer: str
    sort: str
    first: str
    last: str
    page: str
    row: str
    step: str

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Return the query of an address.

        Raises:
            NumleanError: A parameter is too long.
        """
        given = checked_parameters(parameters)
        values = {name: given.get(name) or default for name, default in _NAMES.items()}
        for name, choices in (("error", ERRORS), ("unit", FIGURES), ("sort", ORDERS)):
            if values[name] not in choices:
                values[name] = _NAMES[name]
        return cls(**values)

    def address(self, **changes: Any) -> str:
        """Return the path and query, with other fields if they are given."""
        changed = replace(self, **{name: str(value) for name, value in changes.items()})
        shown = {
            name: value
            for name, default in _NAMES.items()
            if (value := getattr(changed, name)) != default
        }
        return f"{PATH}?{urlencode(shown, safe=SAFE)}" if shown else PATH


def number(text: str) -> int | None:
    """Return the number of a parameter; None for another text."""
    return int(text) if _NUMBER.fullmatch(text) else None
