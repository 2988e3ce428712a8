"""Hardware arithmetic as Python operators, which numpy and numba execute unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np


def add(a: Any, b: Any) -> Any:
    """Return the sum."""
    return a + b


def sub(a: Any, b: Any) -> Any:
    """Return the difference."""
    return a - b


def mul(a: Any, b: Any) -> Any:
    """Return the product."""
    return a * b


def div(a: Any, b: Any) -> Any:
    """Return the quotient."""
    return a / b


def sqrt(a: Any) -> Any:
    """Return the square root."""
    return np.sqrt(a)
