"""Plain data, as JSON takes it."""

from __future__ import annotations

from math import isfinite
from typing import Any


def finite(value: Any) -> Any:
    """The same, floats that are not finite replaced by None, tuples by lists."""
    match value:
        case float():
            return value if isfinite(value) else None
        case dict():
            return {key: finite(each) for key, each in value.items()}
        case list() | tuple():
            return [finite(each) for each in value]
    return value
