"""Measure speed, dtype beside dtype in one run: elementwise operations and a training step.

Rounds alternate between the dtypes, and the best round of each is shown, so that a noisy machine
is equally unkind to all. A dtype that is not installed is left out with a word.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from numlean.errors import NumleanError, UnavailableError
from numlean.optim import sgd
from numlean.registry import get_scalar
from numlean.runtime import Stepper, instantiate
from numlean.scalar import Scalar
from numlean.tasks import get_task

_ELEMENTS: Final = 16384
_OPERATIONS: Final = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
_DTYPES: Final = "float32,ieee32exec,softfloat32,mp:24"
_STEP_DTYPES: Final = "float64,float32,ieee32exec,softfloat32,mp:24,mp:200"
_LEAST_SECONDS: Final = 0.002

Timed = dict[str, Callable[[], object]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("what", choices=["ops", "step"], help="elementwise operations, or a step")
    parser.add_argument("--dtypes", metavar="A,B,...", help="which to measure")
    parser.add_argument(
        "--operation",
        choices=[*_OPERATIONS, "matmul"],
        action="append",
        help="of ops, only this (repeatable)",
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="rounds to alternate")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table."""
    if arguments.rounds < 1:
        raise NumleanError(f"at least one round is measured: {arguments.rounds}")
    if arguments.what == "ops":
        operations = arguments.operation or [*_OPERATIONS, "matmul"]
        _bench_operations(operations, (arguments.dtypes or _DTYPES).split(","), arguments.rounds)
    else:
        _bench_step((arguments.dtypes or _STEP_DTYPES).split(","), arguments.rounds)
    return 0


def best_seconds(timed: Timed, rounds: int) -> dict[str, float]:
    """The best time of each callable over alternating rounds, after one call to warm up.

    A callable too quick for the clock is repeated within a round.
    """
    repeats: dict[str, int] = {}
    for name, call in timed.items():
        call()
        repeats[name] = max(1, int(_LEAST_SECONDS / max(_seconds(call, 1), 1e-9)))
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for name, call in timed.items():
            # What takes seconds needs no second opinion.
            if best[name] == float("inf") or best[name] < 1.0:
                best[name] = min(best[name], _seconds(call, repeats[name]))
    return best


def _seconds(call: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def _bench_operations(operations: list[str], dtypes: list[str], rounds: int) -> None:
    print(f"arrays of {_ELEMENTS} elements; square matrices, a term counting as two operations")
    print(f"  {'':<7} {'':<12} {'ns each':>10} {'Gop/s':>10}")
    for name in operations:
        timed: Timed = {}
        for dtype in dtypes:
            _prepare(timed, dtype, partial(_operation, name))
        for dtype, seconds in best_seconds(timed, rounds).items():
            each = seconds / _count(name, dtype)
            print(f"  {name:<7} {dtype:<12} {each * 1e9:10.3f} {1e-9 / each:10.4f}", flush=True)


def _operation(name: str, dtype: str) -> Callable[[], object]:
    scalar = get_scalar(dtype)
    rng = np.random.Generator(np.random.Philox(0))
    shape = (_ELEMENTS,) if name in _OPERATIONS else (_matrix_size(scalar),) * 2
    arity = _OPERATIONS.get(name, 2)
    x = [scalar.from_float(np.abs(rng.standard_normal(shape))) for _ in range(arity)]
    return partial(getattr(scalar, name), *x)


def _count(name: str, dtype: str) -> int:
    return _ELEMENTS if name in _OPERATIONS else 2 * _matrix_size(get_scalar(dtype)) ** 3


def _matrix_size(scalar: Scalar) -> int:
    # The interpreter would take minutes for what compiled kernels do in milliseconds.
    return 16 if scalar.device == "python" else 256


def _bench_step(dtypes: list[str], rounds: int) -> None:
    timed: Timed = {}
    for dtype in dtypes:
        _prepare(timed, dtype, _step)
    task = get_task("digits")
    print(f"one step of digits (batch {task.batch_size}, SGD with momentum), ms")
    for dtype, seconds in best_seconds(timed, rounds).items():
        print(f"  {dtype:<12} {seconds * 1e3:10.3f}", flush=True)


def _step(dtype: str) -> Callable[[], object]:
    task = get_task("digits")
    runner = instantiate(task.task, get_scalar(dtype))
    stepper = Stepper(runner, sgd(task.lr, task.momentum))
    batch = task.load().train.batch(range(task.batch_size))
    return lambda: stepper.step(batch)


def _prepare(timed: Timed, dtype: str, make: Callable[[str], Callable[[], object]]) -> None:
    try:
        timed[dtype] = make(dtype)
    except UnavailableError as error:
        print(f"  {dtype} is left out: {error}")
