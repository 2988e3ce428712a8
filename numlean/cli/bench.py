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

from numlean.data.dataset import Floats
from numlean.errors import NumleanError, UnavailableError
from numlean.optim import sgd
from numlean.registry import get_scalar
from numlean.runtime import Stepper, instantiate
from numlean.tasks import get_task

_ELEMENTS: Final = 16384
_OPERATIONS: Final = ("add", "mul")
_DTYPES: Final = "float32,ieee32exec,softfloat32,mp:24"
_STEP_DTYPES: Final = "float64,float32,ieee32exec,softfloat32,mp:24,mp:200"
_LEAST_SECONDS: Final = 0.002

Timed = dict[str, Callable[[], object]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("what", choices=["ops", "step"], help="elementwise operations, or a step")
    parser.add_argument("--dtypes", metavar="A,B,...", help="which to measure")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="rounds to alternate")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table."""
    if arguments.rounds < 1:
        raise NumleanError(f"at least one round is measured: {arguments.rounds}")
    if arguments.what == "ops":
        _bench_operations((arguments.dtypes or _DTYPES).split(","), arguments.rounds)
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


def _bench_operations(dtypes: list[str], rounds: int) -> None:
    rng = np.random.Generator(np.random.Philox(0))
    values = [rng.standard_normal(_ELEMENTS) for _ in range(2)]
    print(f"elementwise, {_ELEMENTS} elements, ns an element")
    for operation in _OPERATIONS:
        timed: Timed = {}
        for dtype in dtypes:
            _prepare(timed, dtype, partial(_operation, operation, values))
        best = best_seconds(timed, rounds)
        for dtype, seconds in best.items():
            print(f"  {operation:<4} {dtype:<12} {seconds / _ELEMENTS * 1e9:10.3f}", flush=True)


def _operation(name: str, values: list[Floats], dtype: str) -> Callable[[], object]:
    scalar = get_scalar(dtype)
    x, y = (scalar.from_float(v) for v in values)
    operation = getattr(scalar, name)
    return lambda: operation(x, y)


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
