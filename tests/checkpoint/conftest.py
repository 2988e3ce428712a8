"""Small runs, uninterrupted and in two parts."""

from dataclasses import dataclass

import numpy as np
import pytest

from numlean import Options, Task, Tensor, TrainConfig, get_scalar, instantiate
from numlean.checkpoint import Run, load, resume, save
from numlean.data import Dataset
from numlean.nn import Linear, Sequential, Tanh
from numlean.nn.layer import Layer, ParameterSpec, ones, zeros
from numlean.optim import sgd
from numlean.training import Stepper, run_steps


@dataclass(frozen=True)
class RandomScale(Layer):
    """A layer that scales by random numbers, a constant and a buffer that each batch changes."""

    width: int

    @property
    def name(self):
        return f"RandomScale({self.width})"

    @property
    def parameters(self):
        return (
            ParameterSpec("weight", (self.width,), ones),
            ParameterSpec("seen", (self.width,), zeros, is_trainable=False),
            ParameterSpec("half", (), lambda uniform, shape: np.array(0.5), is_trainable=False),
        )

    def __call__(self, parameters, x, context):
        weight, seen, half = parameters
        scalar = x.scalar
        z = x * weight + seen
        if context.is_training:
            context.update_buffer("seen", seen * half + x.sum(0) * half)
            draw = context.uniform(5, (self.width,))
            z = z * Tensor(scalar, scalar.from_host_callback(draw))
        return z


RNG = np.random.default_rng(101)
DATA = Dataset.of_arrays(RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2)))
TASK = Task.regression(Sequential(Linear(3, 4), Tanh(), RandomScale(4), Linear(4, 2)))
CONFIG = TrainConfig(steps=11, batch_size=3, optimizer=sgd(0.05, 0.9), seed=4)


class Case:
    """A run of one task in one arithmetic, which can be started as often as needed."""

    def __init__(self, dtype, *, task=TASK, data=DATA, config=CONFIG, backend="eager"):
        self.scalar = get_scalar(dtype) if isinstance(dtype, str) else dtype
        self.task, self.data, self.config, self.backend = task, data, config, backend
        self.run = Run(config, data, "case")

    def fresh(self, seed=0, backend=None):
        options = Options(backend=backend or self.backend, seed=seed)
        runner = instantiate(self.task, self.scalar, options)
        return Stepper(runner, self.config.optimizer, self.config.scheduler)

    def finish(self, stepper, **options):
        run_steps(stepper.runner, self.config, self.data, stepper=stepper, **options)
        return stepper

    def saved_after(self, step, path):
        """Train to the end; leave a checkpoint as it was after some steps."""
        stepper = self.fresh()
        if step == 0:
            save(path, stepper, self.run)

        def keep(stepper, _):
            if stepper.step_count == step:
                save(path, stepper, self.run)

        return self.finish(stepper, on_step=keep)

    def resumed(self, path, **options):
        stepper = self.fresh(seed=99, **options)  # other initial values, to be replaced
        resume(path, stepper, self.run)
        return stepper


def whole_state(stepper):
    """Return everything that determines later steps, as bytes."""
    scalar = stepper.runner.scalar
    state = [t for name in sorted(stepper.state) for t in stepper.state[name]]
    numbers = [scalar.to_bytes(t.data) for t in (*stepper.runner.params, *state)]
    return stepper.step_count, stepper.runner.clock.step, numbers


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture
def case():
    return Case


@pytest.fixture
def state_of():
    return whole_state


@pytest.fixture
def stored_state(path):
    """Read a checkpoint's state through a fresh stepper of a case."""

    def read(case):
        stepper = case.fresh()
        resume(load(path), stepper, case.run)
        return whole_state(stepper)

    return read
