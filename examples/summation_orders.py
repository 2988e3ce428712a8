"""In which order should numbers be added?

This script sums the same reciprocals from left to right, in a balanced tree, in ascending order and
by Kahan's algorithm, and computes a dot product with rounded and with fused products. It compares
the results in the arithmetic of ``--dtype``, in bfloat16 and in binary64 with the exact values.
``--device`` and ``--fast-kernels`` choose how the first arithmetic computes.
"""

from __future__ import annotations

import sys

import numpy as np

import numlean as nl
from numlean import ops

COUNT = 200


def left_to_right(x: nl.Tensor) -> nl.Tensor:
    """Add each number to a sum that starts at +0."""
    return ops.sum(x)


def pairwise(x: nl.Tensor) -> nl.Tensor:
    """Add the sums of two halves, each computed in the same way."""
    return ops.sum(x, reduction="pairwise")


def ascending(x: nl.Tensor) -> nl.Tensor:
    """Add the smallest numbers first; the input is in descending order."""
    return ops.sum(x[::-1])


def kahan(x: nl.Tensor) -> nl.Tensor:
    """Add the lost bits back: W. Kahan, "Further remarks on reducing truncation errors", 1965."""
    total = lost = ops.constant(x, 0)
    for term in x:
        y = term - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total


def dot(x: nl.Tensor) -> nl.Tensor:
    """Add squares that are rounded first."""
    return ops.matmul(x.reshape(1, -1), x.reshape(-1, 1))


def fused_dot(x: nl.Tensor) -> nl.Tensor:
    """Add squares without rounding them first."""
    return ops.matmul(x.reshape(1, -1), x.reshape(-1, 1), contraction="fma")


ORDERS = (left_to_right, pairwise, ascending, kahan, dot, fused_dot)


def main(argv: list[str]) -> None:
    """Print the error of each order in units in the last place."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    others = [name for name in ("bfloat16", "float64") if name != config.scalar.name]
    dtypes = [config.scalar, *map(nl.get_scalar, others)]
    x = 1.0 / np.arange(1, COUNT + 1)
    print(f"\n{'order':<16}" + "".join(f"{'error in ' + s.name:>22}" for s in dtypes))
    for f in ORDERS:
        # Round the reciprocals first, so that the exact value is the sum of the rounded ones.
        found = [nl.compare_function(f, x, [s], inputs_in=s).results[0] for s in dtypes]
        print(f"{f.__name__:<16}" + "".join(f"{r.ulps.item():+18.3f} ulp" for r in found))
    print(f"\n{nl.compare_function(kahan, x, dtypes[:2], inputs_in='bfloat16')}")


if __name__ == "__main__":
    main(sys.argv[1:])
