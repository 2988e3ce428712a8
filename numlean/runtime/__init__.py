"""The training runtime: tasks, runners, steppers, loops."""

from numlean.execution import BACKENDS
from numlean.runtime.config import LoaderTrainConfig, TrainConfig, epochs, steps
from numlean.runtime.cycles import train_dataset, train_samples
from numlean.runtime.hooks import EarlyStopping, Evaluate, Evaluation, all_of, evaluation
from numlean.runtime.loader_epochs import train_loader
from numlean.runtime.loops import run_steps, train_minibatches
from numlean.runtime.report import OnStep, TrainReport
from numlean.runtime.runner import Options, Runner, initial_parameters, instantiate, scalar_for
from numlean.runtime.stepper import Stepper, stepper
from numlean.runtime.task import Task
from numlean.runtime.training import train

__all__ = [
    "BACKENDS",
    "EarlyStopping",
    "Evaluate",
    "Evaluation",
    "LoaderTrainConfig",
    "OnStep",
    "Options",
    "Runner",
    "Stepper",
    "Task",
    "TrainConfig",
    "TrainReport",
    "all_of",
    "epochs",
    "evaluation",
    "initial_parameters",
    "instantiate",
    "run_steps",
    "scalar_for",
    "stepper",
    "steps",
    "train",
    "train_dataset",
    "train_loader",
    "train_minibatches",
    "train_samples",
]
