"""Checks of the settings of layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numlean.errors import NumleanError, ShapeError


def check_flags(layer: Any, *names: str) -> None:
    """Check that settings of a layer are True or False.

    Raises:
        NumleanError: One is something else.
    """
    for name in names:
        value = getattr(layer, name)
        if not isinstance(value, bool | np.bool_):
            raise NumleanError(
                f"{type(layer).__name__}: {name} must be True or False, got {value!r}"
            )


def check_integers(layer: Any, *names: str, least: int) -> None:
    """Check that settings of a layer are integers of at least a number.

    Raises:
        ShapeError: One is not.
    """
    for name in names:
        value = getattr(layer, name)
        if not is_integer(value) or value < least:
            raise ShapeError(
                f"{type(layer).__name__}: {name} must be an integer of at least {least}, got"
                f" {value!r}"
            )


def check_token(owner: str, count: int, token: Any) -> int:
    """Return the index of a token, a negative one of which counts from the end.

    Raises:
        ShapeError: It is not one of ``count`` tokens.
    """
    if not is_integer(token) or not -count <= token < count:
        raise ShapeError(
            f"{owner}: padding_idx must be an integer from {-count} to {count - 1}, got {token!r}"
        )
    return int(token) % count


def check_probability(owner: str, name: str, value: Any) -> None:
    """Check that a setting is a number from 0 on and below 1.

    Raises:
        NumleanError: It is not.
    """
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or math.isnan(value) or not 0 <= value < 1:
        raise NumleanError(f"{owner}: {name} must be at least 0 and below 1, got {value!r}")


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer, and neither a boolean nor an array."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
