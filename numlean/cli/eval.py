"""Evaluate an expression in one or several arithmetics; show the result from all sides.

For example: numlean eval "0.1 + 0.2" --dtype ieee32exec --dtype float64. Flags are shown where the
dtype keeps them, and the error is that against the value at 4,096 bits.
"""

from __future__ import annotations

import argparse

from numlean.inspection.expression import evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "expression", help='such as "0.1 + 0.2", "fma(3, 1/3, -1)", "bits(0x3f800001) > 1"'
    )
    parser.add_argument(
        "--dtype", action="append", metavar="D", help="repeatable (default: ieee32exec)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate in each dtype and print one block each."""
    for dtype in arguments.dtype or ["ieee32exec"]:
        result = evaluate(arguments.expression, dtype)
        print(f"{dtype}\n  {'value':<12} {result}" if isinstance(result, bool) else result)
    return 0
