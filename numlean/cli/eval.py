"""Evaluate an expression in one or several number formats; show every detail of the result.

For example: numlean eval "0.1 + 0.2" --dtype ieee32exec --dtype float64.

Operators: + - * / % (sign of the divisor) ** and one of < <= > >= == !=. Numbers: 0.1, 1e-3,
0x1.8p-3, bits(0x3f800001), inf, nan, snan, nan(0x12), pi, e. Functions: those of the Scalar, such
as fma, sqrt, exp, rem, round_to_integral(x, RZ), and fmod, rint, trunc, floor, ceil, min, max,
nextafter, minimum_number, minimum_magnitude and the other extrema of IEEE 754-2019.

Flags are shown if the dtype records them; those of literals count. The error is the distance from
the exact value of the expression, literals included; it is omitted where that is not known.

--to converts the value to another dtype, by a rounding and an overflow of its own:
numlean eval "464 + 36" --dtype float64 --to e4m3 --round RZ --overflow saturate.
"""

from __future__ import annotations

import argparse
import re
from typing import Final

from numlean.inspection.expression import evaluate
from numlean.scalar.work_limit import DEFAULT_MAX_BITS
from numlean.text_table import align_rows

_SIGNED: Final = re.compile(r"-[^-]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    # An expression may begin with a minus sign; argparse takes only numbers with one by itself.
    parser._negative_number_matcher = _SIGNED
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
    parser.add_argument("--to", metavar="D", help="convert the value to this number format")
    parser.add_argument(
        "--round",
        metavar="MODE",
        help="rounding of that conversion: toward_zero, RU, stochastic (default: the dtype's)",
    )
    parser.add_argument(
        "--overflow",
        metavar="CHOICE",
        help="overflow of that conversion: infinite, saturate, saturate_finite, nan, or wrap for"
        " fixed-point numbers (default: the dtype's)",
    )
    parser.add_argument(
        "--max-bits",
        type=int,
        metavar="N",
        help="limit for the work, as the bits of numbers with short exponents (default:"
        f" {DEFAULT_MAX_BITS})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate in each dtype and print one block each."""
    for dtype in arguments.dtype or ["ieee32exec"]:
        result = evaluate(
            arguments.expression,
            dtype,
            to=arguments.to,
            rounding=arguments.round,
            overflow=arguments.overflow,
            max_bits=arguments.max_bits,
        )
        if isinstance(result, bool):
            print("\n".join([dtype, *align_rows([("value", str(result))], indent="  ")]))
        else:
            print(result)
    return 0
