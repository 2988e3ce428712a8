"""Measure a step on shards: without workers, and with one and two of them on this machine.

python tools/measure_shards.py [--shards V] [--steps N]

Print the milliseconds of a step, the median of N, and the megabytes that a step of two workers
sends: the parameters to each worker, and the gradient of each shard back. The networks are small or
large, and compute in a fast or a slow arithmetic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

import numpy as np

import numlean as nl

SMALL, LARGE = (64, 64, 10), (784, 1024, 1024, 10)
CASES = (
    ("float32", SMALL, 256),
    ("float32", LARGE, 512),
    ("softfloat32", SMALL, 32),
    ("mp:24@engine=mpmath", SMALL, 32),
)
"""Arithmetic, widths of the network, and samples of a batch."""


def stepper_of(dtype: str, widths: tuple[int, ...], shards: int) -> nl.Stepper:
    """Return the stepper of a network with tanh between its layers."""
    layers: list[nl.nn.Layer] = []
    for before, after in pairwise(widths):
        layers += [nl.nn.Linear(before, after), nl.nn.Tanh()]
    task = nl.Task.regression(nl.nn.Sequential(*layers[:-1]))
    options = nl.Options("compiled", fast_kernels=dtype == "float32", shards=shards)
    return nl.stepper(nl.instantiate(task, dtype, options), nl.sgd(0.01))


@contextmanager
def workers(stepper: nl.Stepper, count: int) -> Iterator[None]:
    """Let a number of worker processes compute the shards; 0 stands for this process."""
    if not count:
        yield
        return
    with nl.shard_workers(stepper, workers=count):
        yield


def milliseconds(stepper: nl.Stepper, batch: nl.Batch, steps: int, count: int) -> float:
    """Return the median duration of a step after the first two."""
    seconds = []
    with workers(stepper, count):
        for _ in range(steps + 2):
            began = time.perf_counter()
            stepper.step(batch)
            seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds[2:])


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--steps", type=int, default=15)
    arguments = parser.parse_args()
    print("| arithmetic | network | no workers | 1 | 2 | sent |\n|---|---|---:|---:|---:|---:|")
    generator = np.random.default_rng(0)
    for dtype, widths, size in CASES:
        x, y = (generator.normal(size=(size, n)) for n in (widths[0], widths[-1]))
        cells = []
        for count in (0, 1, 2):
            stepper = stepper_of(dtype, widths, arguments.shards)
            found = milliseconds(stepper, nl.Batch(x, y), arguments.steps, count)
            cells.append(f"{found:.4g} ms")
        size_of_all = 4 * sum(p.size for p in stepper.runner.params) / 1e6
        sent = (2 + arguments.shards) * size_of_all
        network = f"{'-'.join(map(str, widths))}, batch {size}"
        print(f"| `{dtype}` | {network} | {' | '.join(cells)} | {sent:.1f} MB |", flush=True)


if __name__ == "__main__":
    main()
