"""Train with PyTorch's own modules, autograd and optimizers, and measure the drift from numlean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numlean.analysis.lockstep import Number
from numlean.analysis.lockstep.comparison import first_place
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.report.encoding_block import encoding_block
from numlean.data import Batch, Sample
from numlean.interop.torch.autocast import Autocast
from numlean.interop.torch.distances import differing, relative_difference, ulps
from numlean.interop.torch.library import array, on_one_thread, tensor
from numlean.interop.torch.network import to_torch
from numlean.interop.torch.optimizers import to_optimizer
from numlean.interop.torch.setting import Setting
from numlean.precision import Policy, format_policy
from numlean.scalar.finiteness import is_finite
from numlean.scalar.protocol import Storage
from numlean.tasks import NamedTask
from numlean.training import Runner, Stepper, Task, TrainConfig


@dataclass(frozen=True)
class StepDrift:
    """The distance between two trainings after a step.

    Attributes:
        step: The step, from 0.
        loss: The loss of numlean before the update.
        their_loss: The loss of PyTorch.
        differing: The fraction of the parameters' numbers that differ after the step.
        max_ulp: The greatest distance between two parameters, in steps of the format.
        parameter: The parameter with that distance; "" if none differs.
        relative: The norm of the difference of all parameters, divided by the greater norm of both.
        nonfinite: The count of the parameters' numbers that are not finite in numlean.
    """

    step: int
    loss: float
    their_loss: float
    differing: float
    max_ulp: float
    parameter: str
    relative: float
    nonfinite: int = 0

    def __str__(self) -> str:
        losses = f"loss {self.loss:.9g} and {self.their_loss:.9g}"
        if self.nonfinite:
            losses += f", {self.nonfinite:,} numbers are not finite"
        if not self.parameter:
            return f"step {self.step}: {losses}, all parameters are equal"
        return (
            f"step {self.step}: {losses}, {self.differing:.2%} of the parameters differ, their"
            f" relative difference is {self.relative:.3g}, and the greatest is"
            f" {self.max_ulp:.6g} ulp, in {self.parameter}"
        )


@dataclass(frozen=True)
class FirstDifference:
    """The first parameter that differs, after the first step at which one does.

    Attributes:
        step: The step, from 0.
        parameter: The name of the parameter.
        element: The index of the first element that differs.
        ours: The number of numlean.
        theirs: The number of PyTorch.
    """

    step: int
    parameter: str
    element: tuple[int, ...]
    ours: Number
    theirs: Number

    def __str__(self) -> str:
        place = ", ".join(map(str, self.element))
        title = f"step {self.step}: PyTorch differs from numlean at {self.parameter}[{place}]"
        rows = (("numlean", str(self.ours)), ("PyTorch", str(self.theirs)))
        return encoding_block(title, rows)


@dataclass(frozen=True)
class Drift:
    """Two trainings, one with numlean and one with PyTorch.

    Attributes:
        dtype: The arithmetic of numlean: a dtype, or ``policy:POLICY``.
        steps: The distance after each step.
        first: The first difference; None if there is none.
    """

    dtype: str
    steps: tuple[StepDrift, ...]
    first: FirstDifference | None

    @property
    def identical(self) -> bool:
        """Whether every parameter has the same bits after every step."""
        return self.first is None

    def __str__(self) -> str:
        title = f"{self.dtype} and a training with PyTorch's modules, {len(self.steps)} steps"
        return "\n".join(map(str, filter(None, [title, *self.steps, self.first])))


def drift(
    task: Task | NamedTask | str,
    *,
    steps: int = 10,
    dtype: str | Policy = "float32",
    config: TrainConfig | None = None,
    data: Data | None = None,
    seed: int = 0,
    device: str | None = None,
) -> Drift:
    """Train a task in numlean and in PyTorch, with the same initial parameters and batches.

    PyTorch trains with its own ``torch.nn`` modules, autograd and ``torch.optim``, on one thread;
    by a policy, also with ``torch.autocast`` on the CPU and ``torch.amp.GradScaler``.

    Args:
        task: The task to train; a named task defines its config and data.
        steps: The number of steps.
        dtype: ``float32`` or ``float64``; or a policy that ``torch.autocast`` has: bf16-mixed or
            fp16-amp, with any ``accumulate`` and ``loss_scaling``.
        config: The training configuration; by default the named task's.
        data: The data; by default those of the named task.
        seed: The seed of the initial parameters.
        device: The device of numlean's run; by default that of the dtype.

    Raises:
        UnavailableError: PyTorch is not installed, or it lacks the policy, a layer, the loss or the
            optimizer.
        NumleanError: The task or dtype is unknown, or config or data are missing.
    """
    setting = Setting.of(task, dtype, config=config, data=data, seed=seed, device=device)
    runner = setting.runner()
    stepper = Stepper(runner, setting.config.optimizer, setting.config.scheduler)
    theirs = _TorchTraining(setting, runner)
    found: list[StepDrift] = []
    first: FirstDifference | None = None
    for step, sample in enumerate(setting.batches(steps)):
        their_loss = theirs.step(sample, stepper.rate_at(step))
        loss = stepper.step(sample).item()
        found.append(_measured(step, loss, their_loss, runner, theirs.parameters))
        first = first or _first_difference(step, runner, theirs.parameters)
    policy = setting.policy
    name = setting.scalar.name if policy is None else f"policy:{format_policy(policy)}"
    return Drift(name, tuple(found), first)


class _TorchTraining:
    """A training with PyTorch, step by step."""

    def __init__(self, setting: Setting, runner: Runner) -> None:
        policy = setting.policy
        self._autocast = None if policy is None else Autocast.of(policy)
        _ = setting.theirs  # raises an error for other dtypes
        self._scaler: Any = None if self._autocast is None else self._autocast.scaler()
        self._runner = runner
        self._module, self._loss = to_torch(setting.task, runner)
        self._optimizer = to_optimizer(setting.config.optimizer, self._module)

    @property
    def parameters(self) -> list[Storage]:
        """The current parameters, in the model's order."""
        named = dict(self._module.named_parameters())
        return [array(named[spec.name]) for spec in self._runner.task.model.parameters]

    def step(self, sample: Sample | Batch, rate: float) -> float:
        """Update the parameters once; return the loss before."""
        x, y = (tensor(t.data) for t in self._runner.batch(sample))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with on_one_thread():
            self._optimizer.zero_grad()
            if self._autocast is not None:
                return self._mixed_step(self._autocast, x, y)
            loss = self._loss(self._module(x), y)
            loss.backward()
            self._optimizer.step()
        return float(loss.item())

    def _mixed_step(self, autocast: Autocast, x: Any, y: Any) -> float:
        with autocast.context():
            loss = self._loss(self._module(x), y)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        autocast.update(self._scaler)
        return float(loss.item())


def _measured(
    step: int, loss: float, their_loss: float, runner: Runner, parameters: list[Storage]
) -> StepDrift:
    scalar, ours = runner.scalar, [p.data for p in runner.model_params]
    masks = [differing(scalar, x, y) for x, y in zip(ours, parameters, strict=True)]
    pairs: list[tuple[Any, ...]] = list(zip(ours, parameters, masks, strict=True))
    most = [float(ulps(scalar, x[m], y[m]).max(initial=0.0)) for x, y, m in pairs]
    count = sum(int(m.sum()) for m in masks)
    worst = runner.task.model.parameters[int(np.argmax(most))].name if count else ""
    share = count / sum(m.size for m in masks)
    flat = (np.concatenate([x.reshape(-1) for x in each]) for each in (ours, parameters))
    relative = relative_difference(scalar, *flat)
    nonfinite = sum(int((~is_finite(scalar, x)).sum()) for x in ours)
    return StepDrift(step, loss, their_loss, share, max(most), worst, relative, nonfinite)


def _first_difference(
    step: int, runner: Runner, parameters: list[Storage]
) -> FirstDifference | None:
    scalar, specs = runner.scalar, runner.task.model.parameters
    for spec, p, q in zip(specs, runner.model_params, parameters, strict=True):
        place = first_place(differing(scalar, p.data, q))
        if place is not None:
            numbers = (Number.of(scalar, np.asarray(x[place])) for x in (p.data, q))
            return FirstDifference(step, spec.name, place, *numbers)
    return None
