"""Measure speed, dtype beside dtype in one run: operations, functions and a training step.

Rounds alternate between the dtypes, and the best round of each is shown. Of operations, where
SoftFloat is installed, its own function called in a compiled loop runs beside each format it has,
and the last column says how many times its speed the others reach. Elementary functions run beside
the C library's in a compiled loop, numpy's, MPFR's (through gmpy2) and mpmath's. Backends: a step
of a network 64-64-10 on 32 images, and of xor, eager, compiled and with fast kernels, beside
PyTorch's where that is installed.
"""

from __future__ import annotations

import argparse

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.registry import dtypes_of, get_scalar
from numlean.tasks import get_task

_WHAT = ("ops", "functions", "step", "backends")
_FUNCTIONS_DTYPES = "float32,ieee32exec"
_OPS_DTYPES = "float32,ieee32exec,mp:24"
_STEP_DTYPES = "float64,float32,ieee32exec,softfloat32,mp:24,mp:200"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "what", choices=_WHAT, help="operations, functions, a step of training, or backends"
    )
    parser.add_argument("--dtypes", metavar="A,B,...", help="which to measure")
    parser.add_argument(
        "--operation",
        metavar="NAME",
        action="append",
        help="of ops or functions, this (repeatable), or all; without it the usual ones",
    )
    parser.add_argument("--flags", action="store_true", help="of ops, also with flags counted")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="rounds to alternate")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table."""
    if arguments.rounds < 1:
        raise NumleanError(f"at least one round is measured: {arguments.rounds}")
    defaults = {"ops": _OPS_DTYPES, "functions": _FUNCTIONS_DTYPES, "step": _STEP_DTYPES}
    defaults["backends"] = _FUNCTIONS_DTYPES
    default = defaults[arguments.what]
    dtypes = [name for name in dtypes_of(arguments.dtypes or default) if _is_installed(name)]
    if arguments.what == "ops":
        _bench_operations(arguments.operation, dtypes, arguments.rounds, flags=arguments.flags)
    elif arguments.flags:
        raise NumleanError("--flags belongs to `numlean bench ops`")
    elif arguments.what == "functions":
        _bench_functions(arguments.operation, dtypes, arguments.rounds)
    elif arguments.operation:
        raise NumleanError(
            "--operation belongs to `numlean bench ops` and `numlean bench functions`"
        )
    elif arguments.what == "backends":
        _bench_backends(dtypes, arguments.rounds)
    else:
        _bench_step(dtypes, arguments.rounds)
    return 0


def _is_installed(dtype: str) -> bool:
    try:
        get_scalar(dtype)
    except UnavailableError as error:
        print(f"  {dtype} is left out: {error}")
        return False
    return True


def _bench_operations(
    asked: list[str] | None, dtypes: list[str], rounds: int, *, flags: bool
) -> None:
    from numlean.benchmarks.operations import ELEMENTS, OPERATIONS, USUAL, contestants
    from numlean.benchmarks.timing import best_seconds

    operations = tuple(asked or USUAL) if asked != ["all"] else OPERATIONS
    for operation in operations:
        if operation not in OPERATIONS:
            raise UnknownNameError("operation", operation, ("all", *OPERATIONS))
    print(f"arrays of {ELEMENTS} elements; square matrices, a term counting as two operations")
    width = max(len("SoftFloat binary32"), *(len(f"{dtype}, flags") for dtype in dtypes))
    print(f"  {'':<17} {'':<{width}} {'ns each':>10} {'Gop/s':>9} {'x SoftFloat':>12}")
    for operation in operations:
        field = {one.name: one for one in contestants(operation, dtypes, flags=flags)}
        seconds = best_seconds({name: one.run for name, one in field.items()}, rounds)
        each = {name: seconds[name] / one.count for name, one in field.items()}
        softfloat = {one.format: each[name] for name, one in field.items() if one.is_softfloat}
        for name, one in field.items():
            ratio = f"{softfloat[one.format] / each[name]:12.1f}" if one.format in softfloat else ""
            speed = f"{each[name] * 1e9:10.3f} {1e-9 / each[name]:9.4f} {ratio}".rstrip()
            print(f"  {operation:<17} {name:<{width}} {speed}", flush=True)


def _bench_functions(asked: list[str] | None, dtypes: list[str], rounds: int) -> None:
    from numlean.benchmarks.functions import C_LIBRARY, USUAL, contestants
    from numlean.benchmarks.operations import ELEMENTS
    from numlean.benchmarks.timing import best_seconds
    from numlean.elementary import ARITIES

    names = tuple(asked or USUAL) if asked != ["all"] else tuple(ARITIES)
    for name in names:
        if name not in ARITIES:
            raise UnknownNameError("function", name, ("all", *ARITIES))
    print(f"arrays of {ELEMENTS} elements")
    width = max(len(C_LIBRARY), *map(len, dtypes))
    print(f"  {'':<10} {'':<{width}} {'ns each':>10} {'x C library':>12}")
    for name in names:
        field = {one.name: one for one in contestants(name, dtypes)}
        seconds = best_seconds({key: one.run for key, one in field.items()}, rounds)
        each = {key: seconds[key] / one.count for key, one in field.items()}
        for key, time in each.items():
            ratio = f"{time / each[C_LIBRARY]:12.2f}" if C_LIBRARY in each else ""
            print(f"  {name:<10} {key:<{width}} {time * 1e9:10.2f} {ratio}".rstrip(), flush=True)


def _bench_backends(dtypes: list[str], rounds: int) -> None:
    from numlean.benchmarks.backends import (
        BATCH,
        INSTALL,
        NETWORKS,
        PYTORCH,
        contestants,
        xor_steps,
    )
    from numlean.benchmarks.timing import best_seconds

    print(f"one step of a network 64-64-10, {BATCH} images, cross-entropy")
    width = len(PYTORCH)
    print(f"  {'':<5} {'':<5} {'':<{width}} {'us':>10} {'x PyTorch':>10}")
    for activation, optimizer in NETWORKS:
        best = best_seconds(dict(contestants(activation, optimizer, dtypes)), rounds)
        for name, seconds in best.items():
            ratio = f"{seconds / best[PYTORCH]:10.2f}" if PYTORCH in best else ""
            line = f"{activation:<5} {optimizer:<5} {name:<{width}} {seconds * 1e6:10.1f} {ratio}"
            print(f"  {line}".rstrip(), flush=True)
    if PYTORCH not in best:
        print(INSTALL)
    for dtype in dtypes:
        best = best_seconds(xor_steps(dtype), rounds)
        eager, compiled = best["eager"] * 1e6, best["compiled"] * 1e6
        print(
            f"one step of xor in {dtype}: eager {eager:.1f} us, compiled {compiled:.1f} us,"
            f" {eager / compiled:.1f} times less"
        )


def _bench_step(dtypes: list[str], rounds: int) -> None:
    from numlean.benchmarks.step import training_step
    from numlean.benchmarks.timing import best_seconds

    task = get_task("digits")
    timed = {dtype: training_step(task, dtype) for dtype in dtypes}
    print(f"one step of digits (batch {task.batch_size}, SGD with momentum), ms")
    for dtype, seconds in best_seconds(timed, rounds).items():
        print(f"  {dtype:<12} {seconds * 1e3:10.3f}", flush=True)
