"""Options that select the arithmetic of a run: a dtype, or a policy of several."""

from __future__ import annotations

import argparse

from numlean.tasks.recipe import DEFAULT_DTYPE


def add_arithmetic_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that trains one run."""
    group = parser.add_argument_group("arithmetic")
    group.add_argument(
        "--dtype",
        metavar="D",
        help=f"number format; `numlean dtypes` lists them (default: {DEFAULT_DTYPE})",
    )
    group.add_argument(
        "--policy",
        metavar="P|FILE",
        help="several formats, in place of --dtype: NAME[,field=value...] or FILE.toml;"
        " `numlean policies` lists the names and fields",
    )
    group.add_argument(
        "--accumulate",
        metavar="A",
        help="sums of products: a number format, or a rule such as 'blocked(float32, 128, float32)'"
        " or 'unit(A100:fp16)' (default: the policy's, or the number format)",
    )
    group.add_argument(
        "--master",
        metavar="D",
        help="number format of the parameters and the optimizer (default: the policy's, or the"
        " number format)",
    )
