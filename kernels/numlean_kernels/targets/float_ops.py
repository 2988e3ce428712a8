"""Hardware arithmetic as Python writes it, which numpy and numba carry out as it stands."""

from __future__ import annotations

from typing import Any

import numpy as np


def add(a: Any, b: Any) -> Any:
    """The sum."""
    return a + b


def sub(a: Any, b: Any) -> Any:
    """The difference."""
    return a - b


def mul(a: Any, b: Any) -> Any:
    """The product."""
    return a * b


def div(a: Any, b: Any) -> Any:
    """The quotient."""
    return a / b


def sqrt(a: Any) -> Any:
    """The square root."""
    return np.sqrt(a)
