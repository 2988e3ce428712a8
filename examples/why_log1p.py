"""Why use log1p(x) instead of log(1 + x)?

Near zero, 1 + x keeps only the leading bits of x, and the logarithm amplifies this error. The
tables show the errors of both and the operation that causes them, in the arithmetic of
``--dtype``, in binary32 and in binary64. ``--device`` and ``--fast-kernels`` choose how the first
computes.
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean import ops

POINTS = [f"1e-{k}" for k in range(1, 13)]
"""Decimal texts, so that each arithmetic rounds them once."""


def naive(x: nl.Tensor) -> nl.Tensor:
    """Evaluate the formula."""
    return ops.log(1 + x)


def log1p(x: nl.Tensor) -> nl.Tensor:
    """Call the function."""
    return ops.log1p(x)


def corrected(x: nl.Tensor) -> nl.Tensor:
    """Correct the formula for the lost bits: W. Kahan's log(u) * x / (u - 1)."""
    u = 1 + x
    is_one = ops.where(u, "eq", 1, 1)
    # Where u is 1, the result is x. No Python if depends on a number.
    return ops.log(u) * x / (u - 1 + is_one) + is_one * x


def main(argv: list[str]) -> None:
    """Print a table of operations, and the errors of all three ways at each point."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    others = [name for name in ("float32", "float64") if name != config.scalar.name]
    found = {
        f.__name__: nl.compare_function(f, POINTS, [config.scalar, *others])
        for f in (naive, log1p, corrected)
    }
    print(f"\n{found['naive']}\n\nerrors in {config.scalar.name}, in ulp")
    print("x         " + "".join(f"{name:>14}" for name in found))
    for k, point in enumerate(POINTS):
        errors = (comparison.results[0].ulps[k] for comparison in found.values())
        print(f"{point:<10}" + "".join(f"{error:14.4g}" for error in errors))


if __name__ == "__main__":
    main(sys.argv[1:])
