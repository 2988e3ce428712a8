"""How much does the order of a sum matter, and what does fused multiply-add change?

Sums a thousand reciprocals in binary32, or in the format that ``--dtype`` names, in two orders,
against the exact value; then asks by how much the rounded square of a number misses its square,
with the product rounded and with it fused.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from math import frexp

import numpy as np

import numlean as nl


def main(argv: list[str]) -> None:
    """Print each result with its encoding and its error in units of the last place."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    s = config.scalar
    x = s.from_float(1.0 / np.arange(1, 1001))
    terms = [Fraction(float(v)) for v in s.to_float(x)]
    show(s, "sum, left to right", s.sum(x), sum(terms))
    show(s, "sum, balanced tree", s.sum(x, reduction="pairwise"), sum(terms))

    root = x[2:3]
    square = s.mul(root, root)
    row = np.stack([s.from_float([1.0]), root], axis=1)
    column = np.stack([s.neg(square), root])
    missing = terms[2] ** 2 - Fraction(s.to_float(square).item())
    show(s, "x*x - round(x*x)", s.matmul(row, column), missing)
    show(s, "the same, fused", s.matmul(row, column, contraction="fma"), missing)


def show(s: nl.Scalar, what: str, z: np.ndarray, exact: Fraction) -> None:
    """Print one result beside the exact value."""
    value, bits = s.to_float(z).item(), s.to_bits(z).item()
    assert s.format is not None  # or to_bits would have refused
    ulp = Fraction(2) ** (frexp(exact)[1] - s.format.precision)
    error = float((Fraction(value) - exact) / ulp)
    print(f"{what:<22} {value:<16.9g}{bits:#010x}  {error:+8.3f} ulp")


if __name__ == "__main__":
    main(sys.argv[1:])
