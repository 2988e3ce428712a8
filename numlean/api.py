"""The public names of numlean, which ``import numlean as nl`` makes available as ``nl.NAME``."""

import numlean.autograd as autograd
import numlean.autograd.ieee754 as ieee754
import numlean.checkpoint as checkpoint
import numlean.data as data
import numlean.interop as interop
import numlean.losses as losses
import numlean.nn as nn
import numlean.ops as ops
import numlean.optim as optim
import numlean.play as play
import numlean.precision as precision
import numlean.precision.policies as policies
from numlean.analysis.ablation import Ablation, ablate
from numlean.analysis.drift import Comparison, compare
from numlean.analysis.finiteness import FiniteCheck
from numlean.analysis.functions import FunctionComparison, FunctionResult, compare_function
from numlean.analysis.lockstep import (
    Crosscheck,
    Divergence,
    Fault,
    GrowthPoint,
    Pair,
    RunSpec,
    crosscheck,
)
from numlean.analysis.matrix_units import UnitComparison, compare_units
from numlean.autograd.quire import Quire
from numlean.autograd.tensor import Tensor
from numlean.certificate import Certificate, ReplayResult, certify, replay
from numlean.data import Batch, DataLoader, Dataset, Sample
from numlean.digest import state_digest, value_digest
from numlean.distributed.shard_workers import shard_workers
from numlean.distributed.sweep import SweepFolder, SweepResult, sweep
from numlean.errors import NumleanError
from numlean.executors.threads import get_num_threads, set_num_threads
from numlean.inspection.expression import evaluate
from numlean.inspection.number import Inspection, inspect
from numlean.losses import Reduction
from numlean.nn import Mode
from numlean.ops import cast
from numlean.optim import (
    OptimizerKind,
    adam,
    adamw,
    clip_by_norm,
    clip_by_value,
    loss_scaled,
    momentum_sgd,
    schedules,
    sgd,
)
from numlean.precision import LossScaling, Policy, block_dot, block_matmul
from numlean.precision.blocks import (
    BlockError,
    BlockFormat,
    BlockStatistics,
    QuantizedBlocks,
    block_formats,
    get_block_format,
)
from numlean.precision.matrix_units import MatrixUnit, get_matrix_unit, matrix_units
from numlean.scalar.dtype import Dtype
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import ScalarBackend, get_scalar, scalars
from numlean.scalar.wrappers import CountingScalar, WrappedScalar
from numlean.session import Session
from numlean.tasks import NamedTask, get_task, task_names
from numlean.training import (
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
    steps,
    train,
    train_dataset,
    train_loader,
    train_minibatches,
    train_samples,
)
from numlean.training import (
    make_stepper as stepper,
)
from numlean.training.exec_config import ExecConfig, run
from numlean.training.scalar_trainer import ScalarTrainer
from numlean.version import __version__
from numlean_kernels.ieee.classify import CLASSES

__all__ = [
    "CLASSES",
    "Ablation",
    "Batch",
    "BlockError",
    "BlockFormat",
    "BlockStatistics",
    "Certificate",
    "Comparison",
    "CountingScalar",
    "Crosscheck",
    "DataLoader",
    "Dataset",
    "Divergence",
    "Dtype",
    "EarlyStopping",
    "Evaluate",
    "ExecConfig",
    "Fault",
    "FiniteCheck",
    "Flags",
    "FunctionComparison",
    "FunctionResult",
    "GrowthPoint",
    "Inspection",
    "LoaderTrainConfig",
    "LossScaling",
    "MatrixUnit",
    "Mode",
    "NamedTask",
    "NumleanError",
    "OptimizerKind",
    "Options",
    "Pair",
    "Policy",
    "QuantizedBlocks",
    "Quire",
    "Reduction",
    "ReplayResult",
    "RunSpec",
    "Runner",
    "Sample",
    "Scalar",
    "ScalarBackend",
    "ScalarTrainer",
    "Session",
    "Stepper",
    "SweepFolder",
    "SweepResult",
    "Task",
    "Tensor",
    "TrainConfig",
    "TrainReport",
    "UnitComparison",
    "WrappedScalar",
    "__version__",
    "ablate",
    "adam",
    "adamw",
    "autograd",
    "block_dot",
    "block_formats",
    "block_matmul",
    "cast",
    "certify",
    "checkpoint",
    "clip_by_norm",
    "clip_by_value",
    "compare",
    "compare_function",
    "compare_units",
    "crosscheck",
    "data",
    "epochs",
    "evaluate",
    "get_block_format",
    "get_matrix_unit",
    "get_num_threads",
    "get_scalar",
    "get_task",
    "ieee754",
    "inspect",
    "instantiate",
    "interop",
    "loss_scaled",
    "losses",
    "matrix_units",
    "momentum_sgd",
    "nn",
    "ops",
    "optim",
    "play",
    "policies",
    "precision",
    "replay",
    "run",
    "run_steps",
    "scalars",
    "schedules",
    "set_num_threads",
    "sgd",
    "shard_workers",
    "state_digest",
    "stepper",
    "steps",
    "sweep",
    "task_names",
    "train",
    "train_dataset",
    "train_loader",
    "train_minibatches",
    "train_samples",
    "value_digest",
]
