"""One step of training with each backend, and with PyTorch if it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from numlean.analysis.lockstep import RunSpec
from numlean.data import Batch
from numlean.errors import UnavailableError
from numlean.nn import Linear, ReLU, Sequential, Tanh
from numlean.optim import Optimizer, adam, sgd
from numlean.tasks import get_task
from numlean.training import Options, Stepper, Task

PYTORCH: Final = "PyTorch eager, float32, one thread"
"""The name of the entry that others are compared with."""

INSTALL: Final = "PyTorch is left out: pip install torch"
"""The message when PyTorch is missing."""

BATCH: Final = 32
_INPUTS, _HIDDEN, _CLASSES = 64, 64, 10
_ACTIVATIONS: Final = {"tanh": Tanh, "relu": ReLU}
_OPTIMIZERS: Final[dict[str, Optimizer]] = {"SGD": sgd(0.1), "Adam": adam(0.001)}

NETWORKS: Final = tuple((a, o) for a in _ACTIVATIONS for o in _OPTIMIZERS)
"""The networks 64-64-10 to measure: their activation and their optimizer."""

Step = Callable[[], object]


def entries(activation: str, optimizer: str, dtypes: list[str]) -> Iterator[tuple[str, Step]]:
    """Yield a step on the first images of digits in each dtype and backend, and in PyTorch.

    ``policy:POLICY`` takes the place of a dtype.
    """
    task, rule, batch = _task(activation), _OPTIMIZERS[optimizer], _digits()
    for dtype in dtypes:
        yield f"{dtype} eager", _step(task, dtype, Options(), rule, batch)
        yield f"{dtype} compiled", _step(task, dtype, Options("compiled"), rule, batch)
        try:
            fast = _step(task, dtype, Options("compiled", fast_kernels=True), rule, batch)
        except UnavailableError:
            continue
        yield f"{dtype} compiled, fast kernels", fast
    pytorch = _pytorch(activation, optimizer, batch)
    if pytorch is not None:
        yield PYTORCH, pytorch


def compiled_step(activation: str, optimizer: str, arithmetic: str) -> Step:
    """Return a compiled step with fast kernels on the first images of digits."""
    options = Options("compiled", fast_kernels=True)
    return _step(_task(activation), arithmetic, options, _OPTIMIZERS[optimizer], _digits())


def xor_steps(dtype: str) -> dict[str, Step]:
    """Return a step of xor, which computes very little, with each backend."""
    xor = get_task("xor")
    batch = xor.load().train.stacked()
    return {
        backend: _step(xor.task, dtype, Options(backend=backend), sgd(xor.lr, xor.momentum), batch)
        for backend in ("eager", "compiled")
    }


def _task(activation: str) -> Task:
    layers = (Linear(_INPUTS, _HIDDEN), _ACTIVATIONS[activation](), Linear(_HIDDEN, _CLASSES))
    return Task.classification(Sequential(*layers))


def _digits() -> Batch:
    batch = get_task("digits").load().train.batch(range(BATCH))
    return Batch(batch.x.reshape(BATCH, _INPUTS), batch.y)


def _step(
    task: Task, arithmetic: str, options: Options, optimizer: Optimizer, batch: Batch
) -> Step:
    runner = RunSpec.parse(arithmetic, options).runner(task)
    stepper = Stepper(runner, optimizer)
    as_tensor: Any = runner.batch(batch)  # converted once, as for PyTorch
    return lambda: stepper.step(Batch(*as_tensor))


def _pytorch(activation: str, optimizer: str, batch: Batch) -> Step | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    kind = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    model = torch.nn.Sequential(
        torch.nn.Linear(_INPUTS, _HIDDEN), kind(), torch.nn.Linear(_HIDDEN, _CLASSES)
    )
    rule = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}[optimizer](
        model.parameters(), lr=_OPTIMIZERS[optimizer].lr
    )
    x = torch.tensor(np.asarray(batch.x), dtype=torch.float32)
    y = torch.tensor(np.asarray(batch.y).argmax(axis=1))
    loss = torch.nn.CrossEntropyLoss()

    def step() -> None:
        rule.zero_grad()
        loss(model(x), y).backward()
        rule.step()

    return step
