"""Write test vectors of a block format, or check those of another library against ours.

A vector is a block of binary32 numbers with the codes of its scales and elements, as a line of
JSON. The file ends with the number of lines and the SHA-256 digest of their bytes. Vectors hold
boundaries and ties, both ends of the range, subnormal numbers, zeros, infinities, NaNs and random
blocks; they are the same on every machine.

With --check, exit status 1 if a code differs from ours. The elements of a block whose scale is NaN
are not compared.
"""

from __future__ import annotations

import argparse
from typing import Final

from numlean.cli import exit_status
from numlean.cli.options import check_writable
from numlean.cli.options.limits import add_limit_option
from numlean.errors import NumleanError

_SHOWN: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "format",
        nargs="?",
        metavar="FORMAT",
        help="block format, such as mxfp8_e4m3, nvfp4 or block:e4m3/e8m0,size=16",
    )
    parser.add_argument("--rule", metavar="R", help="scale rule: floor, ceil, even or rceil")
    parser.add_argument("--preset", metavar="P", help="library whose rules apply otherwise")
    parser.add_argument("--out", "-o", metavar="FILE", help="file to write (default: print)")
    parser.add_argument("--check", metavar="FILE", help="vectors to check; takes no FORMAT")
    add_limit_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write or check vectors."""
    if arguments.check is not None:
        given = [name for name in ("format", "rule", "preset", "out") if getattr(arguments, name)]
        if given:
            raise NumleanError(f"--check FILE says all of the format; leave {given[0]} out")
        return _check(arguments.check)
    if arguments.format is None:
        raise NumleanError("give a FORMAT to write its vectors, or --check FILE")
    return _write(arguments)


def _write(arguments: argparse.Namespace) -> int:
    from numlean.files.atomic import write
    from numlean.precision.blocks import get_block_format
    from numlean.verification.block_vectors import make_vectors, vectors_text

    # Some thousand numbers take less time in the interpreter than to compile a kernel.
    f = get_block_format(
        arguments.format, scale_rule=arguments.rule, preset=arguments.preset, device="python"
    )
    if arguments.out is not None:
        check_writable("--out", arguments.out)
    text = vectors_text(make_vectors(f))
    if arguments.out is None:
        print(text, end="")
    else:
        write(arguments.out, text.encode())
    return 0


def _check(path: str) -> int:
    from numlean.data.input_file import read_input, shown_path
    from numlean.verification.block_vectors import check_vectors, read_vectors

    vectors = read_vectors(read_input(path, pipes=True), shown_path(path))
    count = 0
    for difference in check_vectors(vectors, shown_path(path)):
        count += 1
        if count <= _SHOWN:
            print(difference)
    print(f"{len(vectors):,} vectors, {count:,} different")
    return exit_status.DIFFERENCE if count else 0
