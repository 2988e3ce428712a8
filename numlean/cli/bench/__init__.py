"""Measure the speed of several dtypes in one run.

Rounds alternate between the entries of a table, and the best round of each counts.

ops: operations, compared with SoftFloat's functions in a compiled loop if SoftFloat is installed.

functions: elementary functions, compared with those of the C library in a compiled loop, numpy,
MPFR (through gmpy2) and mpmath. Posits, takums, fixed-point and logarithmic numbers have two lines:
as they are used, where results are kept by operand or decided by binary64, and by an enclosure for
each element.

step: a training step of digits.

backends: a training step of a network 64-64-10 on 32 images, and of xor, with each engine, compared
with PyTorch if it is installed.

policies: a compiled step of that network by each named policy with fast kernels, compared with one
in float32, and how much memory 10,000 steps take.

kernels: plain and fast kernels, after a check that they give the same bits (exit status 1 if not),
compared with numpy. The output names the BLAS that multiplies numpy's matrices, on one thread. Of
formats with at most eight bits the fast kernels are lookups in tables of all results.

matrix-units: products of matrices by matrix units, on one core, compared with a plain product in
ieee32exec.

crosscheck: two training runs, one after the other and in lockstep.

blocks: conversions of 16,777,216 numbers to block formats, compared with casts of ml_dtypes if it
is installed.

device: matrix products, sums and training steps on one CPU core and on a GPU, compared with
PyTorch's product on the GPU if it is installed.

limits: what a core can do at most, by loops that do nothing else: its clock, its fma, product, sum,
quotient and root pipes, the latency of a chain of sums, and the bandwidth of caches and memory.

threads: matrix products and compiled training steps by one thread and by several (--threads),
compared with PyTorch's steps if it is installed. All other subjects take one thread unless
--threads says more.

--json prints one JSON object in place of the table, with a description of the machine; --out FILE
writes it into a file beside the table. The reference page describes its fields.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any, Final

from numlean.analysis.lockstep import RunSpec
from numlean.arguments.memory import check_memory
from numlean.cli.bench.report import Report
from numlean.cli.options.threads import add_threads_option
from numlean.cli.streams import PrintedLines
from numlean.cli.text_output import check_can_write, write_text
from numlean.errors import NumleanError, UnavailableError
from numlean.executors.threads import chosen_threads
from numlean.files.messages import writing
from numlean.json_lines import json_line
from numlean.scalar.dtype import split_dtype_list

_MODULES: Final = {
    "ops": "operations",
    "functions": "functions",
    "step": "step",
    "backends": "backends",
    "policies": "policies",
    "kernels": "kernels",
    "matrix-units": "matrix_units",
    "crosscheck": "crosscheck",
    "blocks": "blocks",
    "device": "device",
    "limits": "limits",
    "threads": "threads",
}
_ONLY_FOR: Final = {
    "operation": ("ops", "functions", "kernels"),
    "flags": ("ops",),
    "size": ("kernels", "device", "matrix-units", "threads"),
    "unit": ("matrix-units",),
}

_TRAINING: Final = ("step", "backends", "policies", "crosscheck")
"""The subjects that measure trainings, which may be by a policy."""

_MATRICES: Final = 3
_NUMBER_BYTES: Final = 4
"""A product has two operands, of at least so many bytes a number."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "subject",
        metavar="SUBJECT",
        choices=list(_MODULES),
        help=f"what to measure: {', '.join(_MODULES)}",
    )
    parser.add_argument(
        "--dtypes",
        metavar="A,B,...",
        help="dtypes to measure (default: depends on SUBJECT); for step, backends and crosscheck"
        " also policies, as policy:POLICY",
    )
    parser.add_argument(
        "--operation",
        metavar="NAME",
        action="append",
        help="operation to measure (repeatable), or 'all' (default: the standard set); only for"
        " ops, functions, kernels",
    )
    parser.add_argument(
        "--flags", action="store_true", help="also measure with flags counted; only for ops"
    )
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        action="append",
        help="rows and columns of the matrices; for kernels (repeatable; default: 256 and 512),"
        " matrix-units (repeatable; default: 256), device (default: 4096) and threads (repeatable;"
        " default: 512)",
    )
    parser.add_argument(
        "--unit",
        metavar="NAME",
        action="append",
        help="matrix unit to measure (repeatable; default: A100:fp16 and H100:e4m3:wgmma); only for"
        " matrix-units",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=15,
        metavar="N",
        help="number of rounds (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--out", metavar="FILE", help="also write the figures and the machine's description as JSON"
    )
    add_threads_option(parser, "1; for threads, the number of processors")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table; return 1 if bits differ that must not, else 0."""
    subject = arguments.subject
    if arguments.rounds < 1:
        raise NumleanError(f"--rounds must be at least 1, got {arguments.rounds}")
    for option, subjects in _ONLY_FOR.items():
        if getattr(arguments, option) and subject not in subjects:
            commands = " and ".join(f"`numlean bench {each}`" for each in subjects)
            raise NumleanError(f"--{option} is only for {commands}")
    for size in arguments.size or ():
        matrices = _MATRICES * size * size * _NUMBER_BYTES
        check_memory(matrices, f"a product of --size {size}", "give a smaller size")
    module = import_module(f"numlean.cli.bench.{_MODULES[subject]}")
    given = module.DTYPES if arguments.dtypes is None else arguments.dtypes
    dtypes = split_dtype_list(given) if given or arguments.dtypes is not None else []
    _check_policies(subject, dtypes)
    if arguments.out is not None:
        check_can_write("the measurements", arguments.out)
    is_kept = arguments.json or arguments.out is not None
    machine = _machine() if is_kept else {}  # the load before anything is measured
    printed = PrintedLines(is_only_output=arguments.out is None)
    out = Report(printed=None if arguments.json else printed)
    installed = [dtype for dtype in dtypes if _is_installed(dtype, out)]
    with chosen_threads(arguments.threads or 1):
        status: int = module.report(arguments, installed, out)
    settings = {name: getattr(arguments, name) for name in ("rounds", "threads", *_ONLY_FOR)}
    document = json_line(out.to_plain(subject, {"dtypes": installed, **settings}, machine))
    if arguments.json:
        printed.write(document)
    if arguments.out is not None:
        with writing(f"the measurements {arguments.out}"):
            write_text(arguments.out, document + "\n")
    printed.end()
    return status


def _machine() -> dict[str, Any]:
    from numlean.benchmarks.machine import describe_machine  # imports LLVM and numba

    return describe_machine()


def _check_policies(subject: str, arithmetics: list[str]) -> None:
    """Check that policies are given only to subjects that train.

    Raises:
        NumleanError: One is given to another subject.
    """
    given = [each for each in arithmetics if each.startswith("policy:")]
    if given and subject not in _TRAINING:
        commands = " and ".join(f"`numlean bench {each}`" for each in _TRAINING)
        raise NumleanError(f"--dtypes {given[0]}: policies are only for {commands}")


def _is_installed(arithmetic: str, out: Report) -> bool:
    try:
        RunSpec.parse(arithmetic)
    except UnavailableError as error:
        out.note(f"{arithmetic} is skipped: {error}")
        return False
    return True
