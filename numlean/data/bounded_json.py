"""JSON in files, parsed only if its values fit into the limit for the memory that a file takes."""

from __future__ import annotations

from typing import Any

from numlean.data.size_limit import check_size
from numlean.json_lines import memory_of_json, parse_json


def check_values(content: bytes, name: str) -> None:
    """Check the memory that the values of a JSON text, or of lines of such, would take.

    Raises:
        DataError: It exceeds the limit, which the message names with the option that raises it.
    """
    check_size(f"the values of the {name}", memory_of_json(content))


def parse_bounded(content: bytes, name: str) -> Any:
    """Return the data of a JSON text, as ``parse_json`` does, if its values fit into the limit.

    Raises:
        NumleanError: They do not, or the text is refused.
    """
    check_values(content, name)
    return parse_json(content, name)
