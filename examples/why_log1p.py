"""Why is there a function log1p, if log(1 + x) is the same?

Near zero, 1 + x keeps only the leading bits of x, and the logarithm passes the loss on: the tables
show errors of both, and the operation that makes them great. ``--dtype`` names the arithmetic that
stands beside binary32 and binary64, ``--device`` and ``--fast-kernels`` how it computes.
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean import ops

POINTS = [f"1e-{k}" for k in range(1, 13)]
"""Texts: each arithmetic rounds the decimal itself, once."""


def naive(x: nl.Tensor) -> nl.Tensor:
    """The formula."""
    return ops.log(1 + x)


def kept(x: nl.Tensor) -> nl.Tensor:
    """The function."""
    return ops.log1p(x)


def repaired(x: nl.Tensor) -> nl.Tensor:
    """The formula, with the lost bits made up for: W. Kahan's log(u) * x / (u - 1)."""
    u = 1 + x
    is_one = ops.where(u, "eq", 1, 1)
    # Where u is 1, so is x to all bits the sum has; nothing is chosen by a Python if.
    return ops.log(u) * x / (u - 1 + is_one) + is_one * x


def main(argv: list[str]) -> None:
    """Print a table for each way, and the errors at each point."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    others = [name for name in ("float32", "float64") if name != config.scalar.name]
    found = {
        f.__name__: nl.compare_function(f, POINTS, [config.scalar, *others])
        for f in (naive, kept, repaired)
    }
    print(f"\n{found['naive']}\n\nerrors in {config.scalar.name}, in ulp")
    print("x         " + "".join(f"{name:>14}" for name in found))
    for k, point in enumerate(POINTS):
        errors = (comparison.results[0].ulps[k] for comparison in found.values())
        print(f"{point:<10}" + "".join(f"{error:14.4g}" for error in errors))


if __name__ == "__main__":
    main(sys.argv[1:])
