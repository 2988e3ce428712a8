"""Can a result be wrong in several precisions?

This script evaluates S. M. Rump's polynomial ("Algorithms for verified inclusions", 1988, in the
form of E. Loh and G. W. Walster, 2002) at (77617, 33096). The inputs are exact and every operation
is correctly rounded, but the results in binary32, in binary64 and with 100 bits are far from the
exact value, -0.827... ``--dtype`` adds an arithmetic, ``--device`` and ``--fast-kernels`` choose
how it computes.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import numlean as nl

A, B = 77617, 33096
DTYPES = ("float32", "float64", "mp:100", "mp:121", "mp:122", "mp:130")


def rump(a: nl.Tensor, b: nl.Tensor) -> nl.Tensor:
    """Evaluate the polynomial from left to right."""
    a2, b2 = a * a, b * b
    b4 = b2 * b2
    b6 = b4 * b2
    b8 = b4 * b4
    return (333.75 - a2) * b6 + a2 * (11 * a2 * b2 - 121 * b4 - 2) + 5.5 * b8 + a / (2 * b)


def main(argv: list[str]) -> None:
    """Print the result in each arithmetic, and the operation that loses the value."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    dtypes = [config.scalar, *(name for name in DTYPES if name != config.scalar.name)]
    found = nl.compare_function(rump, (A, B), dtypes)
    exact = Fraction(A, 2 * B) - 2  # the large terms cancel to -2
    print(f"\nexactly {exact} = {float(exact)}")
    for result in found.results:
        error = result.worst_relative
        print(f"{result.dtype:<12} {result.result.item():<24} relative error {error:8.2e}")
    wrong = found["float64"] if config.scalar.name != "float64" else found.results[0]
    assert wrong.largest_growth is not None
    print(f"\n{wrong.dtype} loses the value at {wrong.largest_growth.where}")
    print(f"\n{nl.compare_function(rump, (A, B), [config.scalar, 'mp:130'])}")


if __name__ == "__main__":
    main(sys.argv[1:])
