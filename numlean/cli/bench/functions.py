"""Elementary functions in each dtype, beside the C library's and others'."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.errors import UnknownNameError

DTYPES: Final = "float32,ieee32exec"
"""Those measured unless others are asked for."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each function and whoever has it; return 0."""
    from numlean.benchmarks.functions import C_LIBRARY, USUAL, contestants
    from numlean.benchmarks.operations import ELEMENTS
    from numlean.benchmarks.timing import best_seconds
    from numlean.scalar.elementary import ARITIES

    asked = arguments.operation
    names = tuple(asked or USUAL) if asked != ["all"] else tuple(ARITIES)
    for name in names:
        if name not in ARITIES:
            raise UnknownNameError("function", name, ("all", *ARITIES))
    print(f"arrays of {ELEMENTS} elements")
    width = max(len(C_LIBRARY), *map(len, dtypes))
    print(f"  {'':<10} {'':<{width}} {'ns each':>10} {'x C library':>12}")
    for name in names:
        field = {one.name: one for one in contestants(name, dtypes)}
        best = best_seconds({key: one.run for key, one in field.items()}, arguments.rounds)
        each = {key: best[key] / one.count for key, one in field.items()}
        for key, time in each.items():
            ratio = f"{time / each[C_LIBRARY]:12.2f}" if C_LIBRARY in each else ""
            print(f"  {name:<10} {key:<{width}} {time * 1e9:10.2f} {ratio}".rstrip(), flush=True)
    return 0
