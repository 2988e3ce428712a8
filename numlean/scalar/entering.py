"""Constants of programs, which enter a Scalar with a rounding that is never random.

Literals, data, initial parameters and hyperparameters are the same numbers in every step and under
every seed. So where a Scalar rounds at random, they are rounded to nearest, ties to even. What a
program asks to be converted, by ``from_float`` or a cast, is rounded as the Scalar rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.rounding_names import STOCHASTIC

_NEAREST = "ties_to_even"


@dataclass(frozen=True)
class _ToNearest:
    """``from_float`` of a Scalar that rounds at random, to nearest."""

    scalar: Scalar

    def __call__(self, values: ArrayLike) -> Storage:
        return self.scalar.from_float(values, rounding=_NEAREST)


def entering(scalar: Scalar) -> Callable[[ArrayLike], Storage]:
    """Return the function by which constants enter a Scalar; it equals that of an equal Scalar."""
    is_random = getattr(scalar, "rounding", None) == STOCHASTIC  # indices have none
    return _ToNearest(scalar) if is_random else scalar.from_float


def enter(scalar: Scalar, values: ArrayLike) -> Storage:
    """Return constants of a program as numbers of a Scalar, each rounded once."""
    return entering(scalar)(values)
