"""Products and steps of training by one thread and by several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

import numpy as np

from numlean.analysis.lockstep import RunSpec
from numlean.data import Batch
from numlean.errors import UnavailableError
from numlean.nn import Layer, Linear, ReLU, Sequential
from numlean.optim import sgd
from numlean.scalar.registry import get_scalar
from numlean.training import Options, Stepper, Task
from numlean_kernels.threads import THREADS

Work = Callable[[], object]

NETWORKS: Final = ((64, 64, 10), (784, 512, 10), (784, 1024, 1024, 10))
"""The widths of the networks that are trained."""

BATCHES: Final = {64: 32, 784: 128}
"""The samples of a step, by the inputs of the network."""

_RATE: Final = 0.1


def product(dtype: str, *, fast: bool, size: int) -> Work:
    """Return a product of square matrices of normal numbers.

    Raises:
        UnavailableError: The dtype has no fast kernels, or cannot be used here.
    """
    scalar = get_scalar(dtype, fast_kernels=fast)
    random = np.random.default_rng(0)
    a, b = (scalar.from_float(random.standard_normal((size, size))) for _ in range(2))
    return lambda: scalar.matmul(a, b)


def step(dtype: str, widths: tuple[int, ...]) -> Work:
    """Return a compiled step of a network, with fast kernels if the dtype has them."""
    options = Options("compiled")
    with suppress(UnavailableError):
        options = Options("compiled", fast_kernels=True)
        RunSpec.parse(dtype, options)
    layers = [layer for pair in _layers(widths) for layer in pair][:-1]
    runner = RunSpec.parse(dtype, options).runner(Task.classification(Sequential(*layers)))
    stepper = Stepper(runner, sgd(_RATE))
    as_tensor: Any = runner.batch(_batch(widths))
    return lambda: stepper.step(Batch(*as_tensor))


def with_threads(count: int, work: Work) -> Work:
    """Return the same work, done by a number of threads."""

    def run() -> None:
        with THREADS.given(count):
            work()

    return run


def pytorch_step(widths: tuple[int, ...], threads: int) -> Work | None:
    """Return the step of PyTorch in float32, by a number of threads; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    rule = torch.optim.SGD(model.parameters(), lr=_RATE)
    batch = _batch(widths)
    x = torch.tensor(np.asarray(batch.x), dtype=torch.float32)
    y = torch.tensor(np.asarray(batch.y).argmax(axis=1))
    loss = torch.nn.CrossEntropyLoss()

    def run() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        rule.zero_grad()
        loss(model(x), y).backward()
        rule.step()

    return run


def _layers(widths: tuple[int, ...]) -> Iterator[tuple[Layer, Layer]]:
    for inputs, outputs in pairwise(widths):
        yield Linear(inputs, outputs), ReLU()


def _batch(widths: tuple[int, ...]) -> Batch:
    random, count = np.random.default_rng(0), BATCHES[widths[0]]
    x = random.standard_normal((count, widths[0]))
    return Batch(x, np.eye(widths[-1])[random.integers(0, widths[-1], count)])
