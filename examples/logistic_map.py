"""When do five arithmetics diverge on the same chaotic map?

With r = 3.875, one step of x -> r x (1 - x) increases a difference by more than half, so one more
bit of precision delays the divergence by about 1.5 steps. The table shows for each arithmetic the
first step at which its number is not the correctly rounded reference value, and the first at which
its error exceeds 0.1. ``--dtype`` chooses one of the five arithmetics, ``--device`` and
``--fast-kernels`` how it computes.
"""

from __future__ import annotations

import sys

import numpy as np

import numlean as nl
from numlean import ops

STEPS = 120
OTHERS = ("bfloat16", "binary16", "float64", "mp:100")


def trajectory(x: nl.Tensor) -> nl.Tensor:
    """Return the number after each step."""
    r = ops.constant(x, "3.875")  # exact in all five
    visited = []
    for _ in range(STEPS):
        x = (r * x) * (1 - x)
        visited.append(x)
    return ops.stack(visited)


def main(argv: list[str]) -> None:
    """Compute the trajectory in each arithmetic and print where they diverge."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    dtypes = [config.scalar, *(name for name in OTHERS if name != config.scalar.name)]
    found = nl.compare_function(trajectory, 0.5, dtypes)
    print(f"\n{found.truth}: {found.truth_bits} bits are certain after {STEPS} steps")
    print(f"{'dtype':<12}{'not correctly rounded':>24}{'error above 0.1':>18}")
    for result in found.results:
        values = found.exact.astype(np.float64)
        error = np.abs(result.relative * values)
        steps = [first(~result.is_correctly_rounded), first(error > 0.1)]
        print(f"{result.dtype:<12}{steps[0]:>24}{steps[1]:>18}")
    print()
    for divergence in found.divergences:
        print(divergence.summary())
    print(f"\n{found.divergences[0].block()}")


def first(holds: np.ndarray) -> str:
    """Return the first step, counted from 1, at which a condition holds."""
    return f"step {int(holds.argmax()) + 1}" if holds.any() else "never"


if __name__ == "__main__":
    main(sys.argv[1:])
