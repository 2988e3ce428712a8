"""When do five arithmetics part that follow the same chaotic map?

x -> r x (1 - x) at r = 3.875 lets any difference grow by more than half at each turn, so that a bit
of precision buys a turn and a half. The table shows for each arithmetic the first turn at
which it is not the truth's correctly rounded number, and the first at which it is off by a tenth.
``--dtype`` names one of the five, ``--device`` and ``--fast-kernels`` how it computes.
"""

from __future__ import annotations

import sys

import numpy as np

import numlean as nl
from numlean import ops

TURNS = 120
OTHERS = ("bfloat16", "binary16", "float64", "mp:100")


def trajectory(x: nl.Tensor) -> nl.Tensor:
    """All numbers that the map goes through."""
    r = ops.constant(x, "3.875")  # exact in all five
    visited = []
    for _ in range(TURNS):
        x = (r * x) * (1 - x)
        visited.append(x)
    return ops.stack(visited)


def main(argv: list[str]) -> None:
    """Follow the map in each arithmetic."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    dtypes = [config.scalar, *(name for name in OTHERS if name != config.scalar.name)]
    found = nl.compare_function(trajectory, 0.5, dtypes)
    print(f"\n{found.truth}: {found.truth_bits} bits are certain after {TURNS} turns")
    print(f"{'dtype':<12}{'not rounded right':>20}{'off by a tenth':>18}")
    for result in found.results:
        values = found.exact.astype(np.float64)
        error = np.abs(result.relative * values)
        turns = [first(~result.is_correctly_rounded), first(error > 0.1)]
        print(f"{result.dtype:<12}{turns[0]:>20}{turns[1]:>18}")
    print()
    for parting in found.partings:
        print(parting.summary())
    print(f"\n{found.partings[0].block()}")


def first(holds: np.ndarray) -> str:
    """The first turn, from 1, at which something holds."""
    return f"turn {int(holds.argmax()) + 1}" if holds.any() else "never"


if __name__ == "__main__":
    main(sys.argv[1:])
