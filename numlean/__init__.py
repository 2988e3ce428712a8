"""numlean: train the same network in any arithmetic, and prove where two runs agree bit by bit.

``import numlean as nl``; then ``nl.get_scalar("ieee32exec")``, ``nl.train(...)``,
``nl.crosscheck(...)``.
"""

from importlib.metadata import PackageNotFoundError, version

from numlean import autograd, data, losses, nn, optim
from numlean.counting import CountingScalar
from numlean.digest import state_digest, value_digest
from numlean.errors import NumleanError
from numlean.expression import evaluate
from numlean.flags import Flags
from numlean.inspection import Inspection, inspect
from numlean.lockstep import Crosscheck, Pair, crosscheck
from numlean.registry import Backend, Spec, get_scalar, scalars
from numlean.runtime import (
    Options,
    Runner,
    Stepper,
    Task,
    TrainConfig,
    TrainReport,
    instantiate,
    stepper,
    train,
    train_minibatches,
)
from numlean.scalar import Scalar
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
    "CountingScalar",
    "Crosscheck",
    "Flags",
    "Inspection",
    "NamedTask",
    "NumleanError",
    "Options",
    "Pair",
    "Runner",
    "Scalar",
    "Spec",
    "Stepper",
    "Task",
    "Tensor",
    "TrainConfig",
    "TrainReport",
    "__version__",
    "autograd",
    "crosscheck",
    "data",
    "evaluate",
    "get_scalar",
    "get_task",
    "inspect",
    "instantiate",
    "losses",
    "nn",
    "optim",
    "scalars",
    "state_digest",
    "stepper",
    "tasks",
    "train",
    "train_minibatches",
    "value_digest",
]
