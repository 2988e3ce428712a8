"""Training: tasks, runners, steppers, engines, loops."""

from numlean.training.config import LoaderTrainConfig, TrainConfig, epochs, steps
from numlean.training.hooks import EarlyStopping, Evaluate, Evaluation, all_of, run_evaluation
from numlean.training.loops.epochs import train_loader
from numlean.training.loops.minibatches import run_steps, train_minibatches
from numlean.training.loops.samples import train_dataset, train_samples
from numlean.training.options import BACKENDS, Options, resolve_scalar
from numlean.training.parameters import ParameterStore, initial_parameters
from numlean.training.report import OnStep, TrainReport
from numlean.training.runner import Runner, instantiate
from numlean.training.stepper import Stepper, make_stepper
from numlean.training.task import Task
from numlean.training.train_task import train

__all__ = [
    "BACKENDS",
    "EarlyStopping",
    "Evaluate",
    "Evaluation",
    "LoaderTrainConfig",
    "OnStep",
    "Options",
    "ParameterStore",
    "Runner",
    "Stepper",
    "Task",
    "TrainConfig",
    "TrainReport",
    "all_of",
    "epochs",
    "initial_parameters",
    "instantiate",
    "make_stepper",
    "resolve_scalar",
    "run_evaluation",
    "run_steps",
    "steps",
    "train",
    "train_dataset",
    "train_loader",
    "train_minibatches",
    "train_samples",
]
