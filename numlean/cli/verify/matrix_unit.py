"""Compare matrix units with exact rationals, and with recorded results of chips.

Without --against, random dot products are compared with a reference in exact rationals, which
shares only the numbers of a unit's rule with it: groups, bits and floors. They have subnormal
numbers, infinities, NaNs, cancellations, overflow, ties, zeros of both signs, and terms at each end
of an alignment, and up to three groups. Units with scales (B200:e4m3:mxf8f6f4) have random scales
too. Exit status 1 on a mismatch.

FILE.npz has operands a and b of shape (n, k) and results of shape (n,), perhaps also accumulators c
of shape (n,); or matrices a (n, k) and b (k, m) with results and c of shape (n, m). The results are
d_fp32, d_fp16 or d_fp64, by the unit's output, or d. Integers as wide as an encoding of an array's
format are its encodings. Wider ones are encodings of the numbers in binary16, binary32 or binary64,
and floats are the numbers; the format must have them, but c is rounded to nearest even. Names may
be capitals, and axes of length 1 are ignored in c and in results.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Final

from numlean.cli import exit_status
from numlean.cli.options.executors import add_executor_options, check_jobs, chosen_executor
from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.text_table import RowFormat, align_rows

if TYPE_CHECKING:
    from numlean.precision.matrix_units import MatrixUnit
    from numlean.verification.matrix_units import Mismatch, Outcome

_MOST: Final = 10**12
_USUAL: Final = 10_000
_FROM_ZERO: Final = "zero"
_FROM_FILE: Final = "file"
_EITHER: Final = "auto"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "units",
        nargs="*",
        metavar="NAME",
        help="matrix units, as A100:fp16 or H100:e4m3:mma->fp16 (default: all; one with --against)",
    )
    parser.add_argument(
        "--random",
        type=int,
        metavar="N",
        help=f"random dot products to compare (default: {_USUAL}; 0 with --against)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of them (default: %(default)s)"
    )
    parser.add_argument(
        "--against", metavar="FILE", help="recorded results to compare with, a .npz file"
    )
    parser.add_argument(
        "--c",
        choices=(_EITHER, _FROM_FILE, _FROM_ZERO),
        help="accumulators: those of FILE, zero, or auto: zero if results fit only those of zero"
        " (default: auto)",
    )
    parser.add_argument(
        "--device",
        choices=("python", "cpu", "cuda"),
        default="cpu",
        help="device that the units compute on (default: %(default)s)",
    )
    add_executor_options(parser, jobs=1)


def run(arguments: argparse.Namespace) -> int:
    """Compare, and print a line for each unit and comparison, with the first mismatches."""
    from numlean.precision.matrix_units import get_matrix_unit, matrix_units

    random = arguments.random
    if random is None:
        random = 0 if arguments.against else _USUAL
    least = 0 if arguments.against else 1
    limits = (
        ("random", random, least, _MOST),
        ("seed", arguments.seed, 0, _MOST),
    )
    check_jobs(arguments)
    for name, value, lowest, most in limits:
        if not lowest <= value <= most:
            raise NumleanError(f"--{name} must be between {lowest} and {most:,}, got {value}")
    if arguments.against and not arguments.units:
        raise NumleanError("--against needs the NAME of the unit that FILE is from")
    if arguments.c is not None and not arguments.against:
        raise NumleanError("--c is for --against FILE")
    units = [get_matrix_unit(name) for name in arguments.units or matrix_units()]
    if arguments.against and any(unit.unit.scales for unit in units):
        raise NumleanError("--against takes no units with scales; FILE has no scales")
    rows, different = RowFormat("<<>>>", (max(len(unit.name) for unit in units), 24, 11, 22, 9)), 0
    for unit in units:
        if arguments.against:
            different += _against_file(unit, arguments, rows)
        if random:
            different += _against_reference(unit, random, arguments, rows)
    return exit_status.DIFFERENCE if different else 0


def _against_reference(
    unit: MatrixUnit, count: int, arguments: argparse.Namespace, rows: RowFormat
) -> int:
    from numlean.verification.matrix_units import Outcome, batches_of, compare_random

    started, found = time.perf_counter(), Outcome()
    with (
        chosen_executor(arguments) as executor,
        progress(unit.name, batches_of(count)) as advance,
    ):
        batches = compare_random(
            unit.name, count, arguments.seed, device=arguments.device, executor=executor
        )
        for outcome in batches:
            found += outcome
            advance(f"{found.cases:,} dot products")
    _report(unit, "exact rationals", found, started, rows)
    return found.mismatches


def _against_file(unit: MatrixUnit, arguments: argparse.Namespace, rows: RowFormat) -> int:
    from numlean.verification.matrix_units import compare_recorded, read_recording

    started, choice = time.perf_counter(), arguments.c or _EITHER
    recording = read_recording(arguments.against, unit.unit, unit.output)
    where = recording.name
    if not recording.has_c:
        where += ", no c"
    elif choice == _FROM_ZERO:
        recording, where = recording.from_zero(), f"{where}, c = 0"
    found = compare_recorded(unit, recording, device=arguments.device)
    if found.mismatches and recording.has_c and choice == _EITHER:
        from_zero = compare_recorded(unit, recording.from_zero(), device=arguments.device)
        if not from_zero.mismatches:
            count = f"{found.mismatches:,} of {found.cases:,}"
            print(f"{unit.name}: with the file's c, {count} results differ; with c = 0, none does")
            found, where = from_zero, f"{where}, c = 0"
    _report(unit, where, found, started, rows)
    return found.mismatches


def _report(
    unit: MatrixUnit, reference: str, found: Outcome, started: float, rows: RowFormat
) -> None:
    mismatches = f"{found.mismatches:,} mismatch{'' if found.mismatches == 1 else 'es'}"
    seconds = f"{time.perf_counter() - started:.1f} s"
    cells = (unit.name, reference, f"{found.cases:,}", mismatches, seconds)
    print(rows.line(cells), flush=True)
    if found.nans:
        print(f"  {found.nans:,} of them are NaNs of other bits")
    for mismatch in found.shown:
        print("\n".join(_lines_of(unit, mismatch)))


def _lines_of(unit: MatrixUnit, found: Mismatch) -> list[str]:
    """Return the lines of a mismatch, all in hexadecimal."""
    output = unit.unit.output
    digits = {"a": unit.unit.left.format.width, "b": unit.unit.right.format.width}
    operands = [
        (name, " ".join(f"{x:0{-(-digits[name] // 4)}x}" for x in codes))
        for name, codes in (("a", found.a), ("b", found.b))
    ]
    operands += [
        (f"scales of {name}", " ".join(f"{x:02x}" for x in codes))
        for name, codes in zip("ab", found.scales, strict=False)
    ]
    results = (("c", found.c), ("expected", found.expected), ("actual", found.actual))
    lines = [*operands, *((name, output.format_bits(code)) for name, code in results)]
    title = f"  {unit.name}: dot product {found.place} differs"
    return [title, *align_rows(lines, indent="    ")]
