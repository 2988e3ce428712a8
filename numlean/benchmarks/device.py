"""The same work on the CPU, on a GPU, and with PyTorch on the GPU, which does not specify bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from numlean.benchmarks.timing import best_seconds
from numlean.data import Batch
from numlean.interop.torch.network import to_torch
from numlean.interop.torch.optimizers import to_optimizer
from numlean.nn import Linear, ReLU, Sequential
from numlean.optim import Optimizer, sgd
from numlean.scalar.protocol import Contraction, Scalar
from numlean.scalar.registry import get_scalar
from numlean.tasks import get_task
from numlean.training import Options, Task, instantiate, make_stepper

DEVICES: Final = ("cpu", "cuda")
"""The devices that are compared."""

SIZE: Final = 4096
"""The default number of rows and columns of matrices on the GPU, and width of the network."""

TORCH: Final = "torch"
"""The name of PyTorch's column."""

_GPU: Final = "cuda"
_ON_CPU: Final = 512
_ELEMENTS: Final = 4096
_BATCH: Final = 128
_RATE: Final = 0.01

Job = tuple[Callable[[], object], float]
"""A function to time, and its units of work."""


@dataclass(frozen=True)
class DeviceRow:
    """One line of the table.

    Attributes:
        what: The name of the work.
        unit: The unit of work, per second.
        jobs: The least seconds and the units of work of a run, by device, and by ``TORCH`` where
            PyTorch has a counterpart.
    """

    what: str
    unit: str
    jobs: dict[str, tuple[float, float]]

    @property
    def speeds(self) -> dict[str, float]:
        """The units of work per second, by device and by ``TORCH``."""
        return {name: count / seconds for name, (seconds, count) in self.jobs.items()}


def rows(size: int, rounds: int) -> Iterator[DeviceRow]:
    """Yield the table, line by line: products, elementwise work, and training steps.

    The CPU multiplies smaller matrices if ``size`` is large, with its fast kernels if available, on
    one core.

    Raises:
        UnavailableError: A device is not available.
    """
    products: tuple[tuple[str, Contraction], ...] = (
        ("float32", "fma"),
        ("float32", "separate"),
        ("ieee32exec", "separate"),
    )
    torch = _torch_on_a_gpu()
    for dtype, contraction in products:
        jobs = {device: _product(dtype, device, contraction, size) for device in DEVICES}
        if torch is not None and dtype == "float32":
            jobs[TORCH] = _torch_job(torch, torch.matmul, _numbers(2, size, size), 2e-9 * size**3)
        yield _row(f"{dtype} matmul {size}, {contraction}", "Gop", jobs, rounds)
    for dtype in ("float32", "ieee32exec"):
        jobs = {device: _sum(dtype, device, size) for device in DEVICES}
        if torch is not None and dtype == "float32":
            operands = _numbers(2, size, _ELEMENTS)
            jobs[TORCH] = _torch_job(torch, torch.add, operands, 12e-9 * operands[0].size)
        yield _row(f"{dtype} add of {size} x {_ELEMENTS}", "GB", jobs, rounds)
    cnn, mlp = _of_digits(), _wide(size)
    for dtype, training in (("float32", cnn), ("ieee32exec", cnn), ("float32", mlp)):
        jobs = {device: (training.step(dtype, device), 1.0) for device in DEVICES}
        if torch is not None and dtype == "float32":
            jobs[TORCH] = training.torch_step(torch), 1.0
        yield _row(f"{dtype} {training.name}", "steps", jobs, rounds)


def _row(what: str, unit: str, jobs: dict[str, Job], rounds: int) -> DeviceRow:
    seconds = best_seconds({name: job for name, (job, _) in jobs.items()}, rounds, on_the_wall=True)
    return DeviceRow(what, unit, {name: (seconds[name], jobs[name][1]) for name in jobs})


def _fastest(dtype: str, device: str) -> Scalar:
    """Return a Scalar; float32 with fast kernels where available."""
    return get_scalar(dtype, device, fast_kernels=device == "cpu" and dtype == "float32")


def _product(dtype: str, device: str, contraction: Contraction, size: int) -> Job:
    n = min(size, _ON_CPU) if device == DEVICES[0] else size
    s = _fastest(dtype, device)
    a, b = (s.from_float(x) for x in _numbers(2, n, n))
    return lambda: s.matmul(a, b, contraction=contraction), 2e-9 * n**3


def _sum(dtype: str, device: str, size: int) -> Job:
    s = get_scalar(dtype, device)
    x, y = (s.from_float(x) for x in _numbers(2, size, _ELEMENTS))
    return lambda: s.add(x, y), 3e-9 * x.nbytes


@dataclass(frozen=True)
class _TrainingJob:
    """Steps of training on one batch."""

    name: str
    task: Task
    optimizer: Optimizer
    batch: Batch

    def step(self, dtype: str, device: str) -> Callable[[], object]:
        """Return a compiled step of numlean."""
        runner = instantiate(self.task, _fastest(dtype, device), Options(backend="compiled"))
        made = make_stepper(runner, self.optimizer)
        return lambda: made.step(self.batch)

    def torch_step(self, torch: Any, device: str = _GPU) -> Callable[[], object]:
        """Return an eager float32 step of PyTorch, which also returns the loss before it."""
        module, loss = to_torch(self.task, instantiate(self.task, "float32"))
        module = module.to(device)
        rule = to_optimizer(self.optimizer, module)
        x, y = (torch.tensor(np.asarray(v), dtype=torch.float32, device=device) for v in self.batch)

        def step() -> object:
            rule.zero_grad()
            value = loss(module(x), y)
            value.backward()
            rule.step()
            return value.item()  # waits for the GPU, as ours does

        return step


def _of_digits() -> _TrainingJob:
    named = get_task("digits-cnn")
    batch = named.load().train.batch(range(named.batch_size))
    return _TrainingJob(named.name, named.task, named.config().optimizer, batch)


def _wide(size: int) -> _TrainingJob:
    layers = (Linear(size, size), ReLU(), Linear(size, size), ReLU(), Linear(size, size))
    task = Task.regression(Sequential(*layers))
    return _TrainingJob(f"3 layers of {size}", task, sgd(_RATE), Batch(*_numbers(2, _BATCH, size)))


def _torch_on_a_gpu() -> Any:
    """Return PyTorch with TF32 switched off; None if it or its GPU is missing."""
    if find_spec("torch") is None:
        return None
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch if torch.cuda.is_available() else None


def _torch_job(torch: Any, function: Callable[..., Any], operands: Any, count: float) -> Job:
    a, b = (torch.tensor(x, dtype=torch.float32, device=_GPU) for x in operands)

    def job() -> None:
        function(a, b)
        torch.cuda.synchronize()

    return job, count


def _numbers(*shape: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(0).standard_normal(shape)
