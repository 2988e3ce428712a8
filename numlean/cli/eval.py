"""Evaluate an expression in one or several number formats; show every detail of the result.

For example: numlean eval "0.1 + 0.2" --dtype ieee32exec --dtype float64. Flags are shown if the
dtype records them. The error is measured against the value at 4,096 bits.
"""

from __future__ import annotations

import argparse

from numlean.inspection.expression import evaluate
from numlean.text_table import align_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "expression",
        metavar="EXPRESSION",
        help='expression such as "0.1 + 0.2", "fma(3, 1/3, -1)", "bits(0x3f800001) > 1"',
    )
    parser.add_argument(
        "--dtype",
        action="append",
        metavar="D",
        help="number format (repeatable; default: ieee32exec)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate in each dtype and print one block each."""
    for dtype in arguments.dtype or ["ieee32exec"]:
        result = evaluate(arguments.expression, dtype)
        if isinstance(result, bool):
            print("\n".join([dtype, *align_rows([("value", str(result))], indent="  ")]))
        else:
            print(result)
    return 0
