"""The same work on the CPU, on a GPU, and by PyTorch on the GPU, which promises no bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from numlean.benchmarks.timing import best_seconds
from numlean.data import Sample
from numlean.nn import Linear, ReLU, Sequential
from numlean.optim import sgd
from numlean.registry import get_scalar
from numlean.runtime import Options, Task, instantiate, stepper
from numlean.scalar import Contraction
from numlean.tasks import get_task

DEVICES: Final = ("cpu", "cuda")
"""What is measured side by side."""

SIZE: Final = 4096
"""Rows and columns of matrices on the GPU, and the width of the network, unless asked otherwise."""

TORCH: Final = "torch"
"""Names PyTorch's column."""

_ON_CPU: Final = 512
_ELEMENTS: Final = 4096
_BATCH: Final = 128
_RATE: Final = 0.01

Job = tuple[Callable[[], object], float]
"""Something to be timed, and how many units of work it is."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: The work.
        unit: What is counted, a second.
        speeds: By device, and by ``TORCH`` where there is a counterpart.
    """

    what: str
    unit: str
    speeds: dict[str, float]


def rows(size: int, rounds: int) -> Iterator[Row]:
    """The table, line by line: products, elementwise work, and steps of training.

    The CPU multiplies smaller matrices where ``size`` is large, with its fast kernels if it has
    any, on one core.

    Raises:
        UnavailableError: One of the devices is not here.
    """
    products: tuple[tuple[str, Contraction], ...] = (
        ("float32", "fma"),
        ("float32", "separate"),
        ("ieee32exec", "separate"),
    )
    for dtype, contraction in products:
        jobs = {device: _product(dtype, device, contraction, size) for device in DEVICES}
        if dtype == "float32":
            jobs |= _torch_product(size)
        yield _row(f"{dtype} matmul {size}, {contraction}", "Gop", jobs, rounds)
    for dtype in ("float32", "ieee32exec"):
        jobs = {device: _sum(dtype, device, size) for device in DEVICES}
        yield _row(f"{dtype} add of {size} x {_ELEMENTS}", "GB", jobs, rounds)
    for dtype in ("float32", "ieee32exec"):
        jobs = {device: (_cnn_step(dtype, device), 1.0) for device in DEVICES}
        yield _row(f"{dtype} digits-cnn", "steps", jobs, rounds)
    jobs = {device: (_mlp_step(device, size), 1.0) for device in DEVICES}
    yield _row(f"float32 3 layers of {size}", "steps", jobs, rounds)


def _row(what: str, unit: str, jobs: dict[str, Job], rounds: int) -> Row:
    seconds = best_seconds({name: job for name, (job, _) in jobs.items()}, rounds)
    return Row(what, unit, {name: count / seconds[name] for name, (_, count) in jobs.items()})


def _product(dtype: str, device: str, contraction: Contraction, size: int) -> Job:
    n = min(size, _ON_CPU) if device == DEVICES[0] else size
    s = get_scalar(dtype, device, fast_kernels=device == "cpu" and dtype == "float32")
    a, b = (s.from_float(x) for x in _numbers(2, n, n))
    return lambda: s.matmul(a, b, contraction=contraction), 2e-9 * n**3


def _sum(dtype: str, device: str, size: int) -> Job:
    s = get_scalar(dtype, device)
    x, y = (s.from_float(x) for x in _numbers(2, size, _ELEMENTS))
    return lambda: s.add(x, y), 3e-9 * x.nbytes


def _cnn_step(dtype: str, device: str) -> Callable[[], object]:
    named = get_task("digits-cnn")
    runner = instantiate(named.task, get_scalar(dtype, device), Options(backend="compiled"))
    step = stepper(runner, sgd(named.lr, named.momentum))
    batch = named.load().train.batch(range(named.batch_size))
    return lambda: step.step(batch)


def _mlp_step(device: str, size: int) -> Callable[[], object]:
    layers = (Linear(size, size), ReLU(), Linear(size, size), ReLU(), Linear(size, size))
    scalar = get_scalar("float32", device, fast_kernels=device == "cpu")
    runner = instantiate(Task.regression(Sequential(*layers)), scalar, Options(backend="compiled"))
    step, batch = stepper(runner, sgd(_RATE)), Sample(*_numbers(2, _BATCH, size))
    return lambda: step.step(batch)


def _torch_product(size: int) -> dict[str, Job]:
    """PyTorch's product in binary32, without TF32; nothing where it has no GPU."""
    if find_spec("torch") is None:
        return {}
    import torch

    if not torch.cuda.is_available():
        return {}
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = (torch.tensor(x, dtype=torch.float32, device="cuda") for x in _numbers(2, size, size))

    def product() -> None:
        torch.matmul(a, b)
        torch.cuda.synchronize()

    return {TORCH: (product, 2e-9 * size**3)}


def _numbers(*shape: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(0).standard_normal(shape)
