"""Instantiate a task and train it, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from numlean.arguments import checked
from numlean.data import Batch, DataLoader, Dataset, Sample
from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.scalar.protocol import Scalar
from numlean.training.config import LoaderTrainConfig, TrainConfig
from numlean.training.loops.epochs import train_loader
from numlean.training.loops.samples import train_dataset, train_samples
from numlean.training.options import Options
from numlean.training.report import Log, OnStep, TrainReport
from numlean.training.runner import Runner, instantiate
from numlean.training.task import Task


@overload
def train(
    task: Task,
    scalar: Scalar | Policy | str,
    config: TrainConfig,
    data: Dataset | Sequence[Sample | Batch],
    options: Options | None = None,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
) -> tuple[Runner, TrainReport]: ...
@overload
def train(
    task: Task,
    scalar: Scalar | Policy | str,
    config: LoaderTrainConfig,
    data: DataLoader,
    options: Options | None = None,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
) -> tuple[Runner, TrainReport, DataLoader]: ...
@checked
def train(
    task: Task,
    scalar: Scalar | Policy | str,
    config: TrainConfig | LoaderTrainConfig,
    data: Dataset | Sequence[Sample | Batch] | DataLoader,
    options: Options | None = None,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
) -> tuple[Runner, TrainReport] | tuple[Runner, TrainReport, DataLoader]:
    """Instantiate a task and train it.

    Call ``train_samples``, ``train_dataset`` or ``train_loader``, according to the data.

    Returns:
        The runner and the report; for a loader, also the loader after the last epoch.

    Raises:
        NumleanError: The data are a loader but the configuration is not in epochs, or the reverse.
    """
    if isinstance(data, DataLoader) is not isinstance(config, LoaderTrainConfig):
        raise NumleanError(
            "a DataLoader needs a configuration epochs(n, ...), other data need steps(n, ...); got"
            f" {type(data).__name__} and {type(config).__name__}"
        )
    runner = instantiate(task, scalar, options)
    if isinstance(data, DataLoader):
        assert isinstance(config, LoaderTrainConfig)
        report, loader = train_loader(runner, config, data, log=log, on_step=on_step)
        return runner, report, loader
    assert isinstance(config, TrainConfig)
    if isinstance(data, Dataset):
        return runner, train_dataset(runner, config, data, log=log, on_step=on_step)
    return runner, train_samples(runner, config, data, log=log, on_step=on_step)
