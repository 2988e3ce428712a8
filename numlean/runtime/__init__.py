"""The training runtime: tasks, runners, steppers, loops."""

from numlean.execution import BACKENDS
from numlean.runtime.loops import TrainConfig, TrainReport, run_steps, train, train_minibatches
from numlean.runtime.runner import Options, Runner, initial_parameters, instantiate
from numlean.runtime.stepper import Stepper, stepper
from numlean.runtime.task import Task

__all__ = [
    "BACKENDS",
    "Options",
    "Runner",
    "Stepper",
    "Task",
    "TrainConfig",
    "TrainReport",
    "initial_parameters",
    "instantiate",
    "run_steps",
    "stepper",
    "train",
    "train_minibatches",
]
