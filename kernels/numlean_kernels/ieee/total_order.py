"""The total order of all encodings (clause 5.10)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.compare import make_order_key
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_total_order(builder: RoutineBuilder) -> Routine:
    """Return ``total_order(a, b)``: whether a precedes or equals b, NaNs and zeros included."""
    word, order_key = builder.word, builder.routine(make_order_key)

    def total_order(a: Any, b: Any) -> Any:
        return order_key(word(a)) <= order_key(word(b))

    return total_order
