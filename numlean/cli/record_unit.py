"""Execute test vectors of matrix units on the tensor cores of an NVIDIA GPU.

VECTOR_FILE is what `numlean compare-units --out` writes, or a numpy archive with the arrays a, b
and c as binary32 encodings, of which --unit names the formats. Every dot product is one chain of
the PTX instruction mma, in ascending k. Before that, products whose sums are exact check the
kernel.

The GPU is reached through PyTorch or CuPy, whichever is installed. The results are compared with
those of the units that the file or --unit names, and --out writes them as an archive that `numlean
verify matrix-unit NAME --against` reads, with the names of the GPU, its driver and the instruction.

--ptx writes the kernel as PTX instead, which needs no GPU.
"""

from __future__ import annotations

import argparse

from numlean.cli.options.limits import add_limit_option
from numlean.cli.text_output import check_can_write, write_text
from numlean.errors import NumleanError
from numlean.files.messages import writing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("vector_file", metavar="VECTOR_FILE", help="test vectors")
    parser.add_argument("--out", metavar="FILE.npz", help="write the results to FILE.npz")
    parser.add_argument(
        "--unit",
        metavar="NAME",
        action="append",
        default=[],
        help="unit to compare with, such as H100:fp16 (repeatable)",
    )
    parser.add_argument(
        "--through", metavar="LIBRARY", help="torch or cupy (default: the first that works)"
    )
    parser.add_argument(
        "--ptx", metavar="FILE.ptx", help="write the kernel instead of executing it"
    )
    add_limit_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record, compare and print."""
    # Imported here because they import numpy.
    from numlean.analysis.matrix_units import read_vectors
    from numlean.files import atomic
    from numlean.precision.matrix_units import get_matrix_unit
    from numlean.verification.tensor_core import find_gpu, instruction_for, kernel_ptx, record

    if arguments.ptx is not None and arguments.out is not None:
        raise NumleanError("--ptx executes nothing, so there is nothing to write to --out")
    if arguments.out is not None and not arguments.out.lower().endswith(".npz"):
        raise NumleanError(f"--out names a numpy archive, FILE.npz, got {arguments.out}")
    units = [get_matrix_unit(name) for name in arguments.unit]
    if arguments.out is not None:
        check_can_write("the results", arguments.out)
    first = units[0] if units else None
    vectors = read_vectors(
        arguments.vector_file,
        operands=first and first.operands,
        output=first and first.output,
    )
    for unit in units:
        vectors = vectors.with_answers(unit)
    if arguments.ptx is not None:
        with writing(f"the kernel {arguments.ptx}"):
            instruction = instruction_for(vectors.operands, vectors.output, None)
            write_text(arguments.ptx, kernel_ptx(instruction))
        print(f"{instruction.opcode}: {arguments.ptx}")
        return 0
    recording = record(vectors, find_gpu(arguments.through))
    print(recording)
    if arguments.out is not None:
        with writing(f"the results {arguments.out}"):
            atomic.write(arguments.out, recording.to_bytes())
    return 0
