"""Operations in each dtype, beside SoftFloat's."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.errors import UnknownNameError

DTYPES: Final = "float32,ieee32exec,mp:24"
"""Those measured unless others are asked for."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each operation and dtype; return 0."""
    from numlean.benchmarks.operations import ELEMENTS, OPERATIONS, USUAL, contestants
    from numlean.benchmarks.timing import best_seconds

    asked, flags = arguments.operation, arguments.flags
    operations = tuple(asked or USUAL) if asked != ["all"] else OPERATIONS
    for operation in operations:
        if operation not in OPERATIONS:
            raise UnknownNameError("operation", operation, ("all", *OPERATIONS))
    print(f"arrays of {ELEMENTS} elements; square matrices, a term counting as two operations")
    width = max(len("SoftFloat binary32"), *(len(f"{dtype}, flags") for dtype in dtypes))
    print(f"  {'':<17} {'':<{width}} {'ns each':>10} {'Gop/s':>9} {'x SoftFloat':>12}")
    for operation in operations:
        field = {one.name: one for one in contestants(operation, dtypes, flags=flags)}
        best = best_seconds({name: one.run for name, one in field.items()}, arguments.rounds)
        each = {name: best[name] / one.count for name, one in field.items()}
        softfloat = {one.format: each[name] for name, one in field.items() if one.is_softfloat}
        for name, one in field.items():
            ratio = f"{softfloat[one.format] / each[name]:12.1f}" if one.format in softfloat else ""
            speed = f"{each[name] * 1e9:10.3f} {1e-9 / each[name]:9.4f} {ratio}".rstrip()
            print(f"  {operation:<17} {name:<{width}} {speed}", flush=True)
    return 0
