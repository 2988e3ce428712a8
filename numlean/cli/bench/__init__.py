"""Measure speed, dtype beside dtype in one run: operations, functions and a training step.

Rounds alternate between the dtypes, and the best round of each is shown. Of operations, where
SoftFloat is installed, its own function called in a compiled loop runs beside each format it has,
and the last column says how many times its speed the others reach. Elementary functions run beside
the C library's in a compiled loop, numpy's, MPFR's (through gmpy2) and mpmath's. Backends: a step
of a network 64-64-10 on 32 images, and of xor, eager, compiled and with fast kernels, beside
PyTorch's where that is installed. Kernels: the plain ones beside the fast ones, once these have
been seen to give the same bits (exit status 1 if not), and beside numpy, whose matrices are
multiplied by the BLAS that is named, on one thread. Crosscheck: two trainings one after the other,
and in lockstep. Device: matrices, sums and steps of training on one core of the CPU and on a GPU,
beside PyTorch's product on the GPU where that is installed.
"""

from __future__ import annotations

import argparse
from typing import Final

from numlean.cli.bench import backends, crosscheck, device, functions, kernels, operations, step
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.dtype import split_dtype_list
from numlean.scalar.registry import get_scalar

_SUBJECTS: Final = {
    "ops": operations,
    "functions": functions,
    "step": step,
    "backends": backends,
    "kernels": kernels,
    "crosscheck": crosscheck,
    "device": device,
}
_BELONGS_TO: Final = {
    "operation": ("ops", "functions", "kernels"),
    "flags": ("ops",),
    "size": ("kernels", "device"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "what",
        choices=list(_SUBJECTS),
        help="operations, functions, a training step, backends, fast kernels, lockstep, or a GPU",
    )
    parser.add_argument("--dtypes", metavar="A,B,...", help="which to measure")
    parser.add_argument(
        "--operation",
        metavar="NAME",
        action="append",
        help="of ops, functions or kernels, this (repeatable), or all; without it the usual ones",
    )
    parser.add_argument("--flags", action="store_true", help="of ops, also with flags counted")
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        action="append",
        help="of kernels, rows and columns of matrices (repeatable; default: 256 and 512); of"
        " device, once (4096)",
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="rounds to alternate")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table; 1 if what is to give the same bits does not."""
    if arguments.rounds < 1:
        raise NumleanError(f"at least one round is measured: {arguments.rounds}")
    for option, owners in _BELONGS_TO.items():
        if getattr(arguments, option) and arguments.what not in owners:
            commands = " and ".join(f"`numlean bench {owner}`" for owner in owners)
            raise NumleanError(f"--{option} belongs to {commands}")
    subject = _SUBJECTS[arguments.what]
    dtypes = split_dtype_list(arguments.dtypes or subject.DTYPES)
    status: int = subject.show(arguments, [one for one in dtypes if _is_installed(one)])
    return status


def _is_installed(dtype: str) -> bool:
    try:
        get_scalar(dtype)
    except UnavailableError as error:
        print(f"  {dtype} is left out: {error}")
        return False
    return True
