"""Write a checkpoint's parameters and buffers as floats for other programs: .npz or .safetensors.

They are of float32 where that holds every number of the dtype, else of float64. What is not exact
then, as mp:200 is not, is rounded once, to nearest, which is said.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="what `train --save` wrote")
    parser.add_argument("out", metavar="OUT", help="a file that ends in .npz or .safetensors")


def run(arguments: argparse.Namespace) -> int:
    """Export and say what was written."""
    from numlean.checkpoint import export, load

    checkpoint = load(arguments.checkpoint)
    exported = export(checkpoint, arguments.out)
    exactness = "exact" if exported.is_exact else "each rounded once, to nearest"
    dtype = checkpoint.run["dtype"]
    print(
        f"{len(exported.names)} tensors of {dtype} after {checkpoint.step} steps as"
        f" {exported.dtype}, {exactness}: {arguments.out}"
    )
    return 0
