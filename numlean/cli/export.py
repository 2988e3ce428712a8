"""Write a checkpoint's parameters and buffers as floats for other programs: .npz or .safetensors.

The floats are float32 if float32 contains every number of the dtype, else float64. Numbers that are
not exact then, as in mp:200, are rounded once, to nearest; the output says so.
"""

from __future__ import annotations

import argparse

from numlean.checkpoint import export, load
from numlean.cli.options import check_writable
from numlean.cli.options.limits import add_limit_option
from numlean.display_text import escape_line
from numlean.precision.policy_text import format_policy, policy_from_plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="checkpoint that `train --save` wrote"
    )
    parser.add_argument("out", metavar="OUT", help="output file, .npz or .safetensors")
    add_limit_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export and print a summary."""
    check_writable("OUT", arguments.out)
    checkpoint = load(arguments.checkpoint)
    exported = export(checkpoint, arguments.out)
    exactness = "exact" if exported.is_exact else "each rounded once, to nearest"
    plain, dtype = checkpoint.run.get("policy"), checkpoint.run["dtype"]
    source = dtype if plain is None else f"the policy {format_policy(policy_from_plain(plain))}"
    summary = (
        f"{len(exported.names)} tensors of {source} after {checkpoint.step} steps as"
        f" {exported.dtype}, {exactness}: {arguments.out}"
    )
    print(escape_line(summary))
    return 0
