"""numlean: train the same network in any arithmetic, and prove where two runs agree bit by bit.

``import numlean as nl``; then ``nl.get_scalar("ieee32exec")``, ``nl.train(...)``,
``nl.crosscheck(...)``.
"""

from importlib.metadata import PackageNotFoundError, version

from numlean import autograd, checkpoint, data, interop, losses, nn, ops, optim, schedules
from numlean.certificate import Certificate, Replay, certify, replay
from numlean.comparison import Comparison, compare
from numlean.counting import CountingScalar
from numlean.data import DataLoader, Dataset, Sample
from numlean.digest import state_digest, value_digest
from numlean.errors import NumleanError
from numlean.exec_config import ExecConfig, run
from numlean.expression import evaluate
from numlean.flags import Flags
from numlean.function_comparison import FunctionComparison, FunctionResult, compare_function
from numlean.inspection import Inspection, inspect
from numlean.lockstep import Crosscheck, Divergence, Fault, Pair, Side, crosscheck
from numlean.losses import Reduction
from numlean.nn import Mode
from numlean.optim import (
    OptimizerKind,
    adam,
    adamw,
    clip_by_norm,
    clip_by_value,
    momentum_sgd,
    sgd,
)
from numlean.registry import Backend, Spec, get_scalar, scalars
from numlean.runtime import (
    EarlyStopping,
    Evaluate,
    LoaderTrainConfig,
    Options,
    Runner,
    Stepper,
    Task,
    TrainConfig,
    TrainReport,
    epochs,
    instantiate,
    run_steps,
    stepper,
    steps,
    train,
    train_dataset,
    train_loader,
    train_minibatches,
    train_samples,
)
from numlean.scalar import Scalar
from numlean.scalar_trainer import ScalarTrainer
from numlean.session import Session
from numlean.tasks import NamedTask, get_task, tasks
from numlean.tensor import Tensor
from numlean_kernels.ieee.neighbours import CLASSES

try:
    __version__ = version("numlean")
except PackageNotFoundError:  # a checkout that was not installed; get_scalar says what to do
    __version__ = "unknown"

__all__ = [
    "CLASSES",
    "Backend",
    "Certificate",
    "Comparison",
    "CountingScalar",
    "Crosscheck",
    "DataLoader",
    "Dataset",
    "Divergence",
    "EarlyStopping",
    "Evaluate",
    "ExecConfig",
    "Fault",
    "Flags",
    "FunctionComparison",
    "FunctionResult",
    "Inspection",
    "LoaderTrainConfig",
    "Mode",
    "NamedTask",
    "NumleanError",
    "OptimizerKind",
    "Options",
    "Pair",
    "Reduction",
    "Replay",
    "Runner",
    "Sample",
    "Scalar",
    "ScalarTrainer",
    "Session",
    "Side",
    "Spec",
    "Stepper",
    "Task",
    "Tensor",
    "TrainConfig",
    "TrainReport",
    "__version__",
    "adam",
    "adamw",
    "autograd",
    "certify",
    "checkpoint",
    "clip_by_norm",
    "clip_by_value",
    "compare",
    "compare_function",
    "crosscheck",
    "data",
    "epochs",
    "evaluate",
    "get_scalar",
    "get_task",
    "inspect",
    "instantiate",
    "interop",
    "losses",
    "momentum_sgd",
    "nn",
    "ops",
    "optim",
    "replay",
    "run",
    "run_steps",
    "scalars",
    "schedules",
    "sgd",
    "state_digest",
    "stepper",
    "steps",
    "tasks",
    "train",
    "train_dataset",
    "train_loader",
    "train_minibatches",
    "train_samples",
    "value_digest",
]
