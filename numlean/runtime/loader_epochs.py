"""Training by epochs of a loader."""

from __future__ import annotations

from numlean.data import DataLoader, Dataset, Sample
from numlean.runtime.config import LoaderTrainConfig
from numlean.runtime.report import Log, OnStep, TrainReport, line
from numlean.runtime.runner import Runner, mean_of
from numlean.runtime.stepper import Stepper
from numlean.tensor import Tensor


def train_loader(
    runner: Runner,
    config: LoaderTrainConfig,
    loader: DataLoader,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
) -> tuple[TrainReport, DataLoader]:
    """Train a runner on a loader's batches, epoch after epoch; return the loader as it is then.

    The learning rate is that of the epoch, from 0. Each sample of a batch refreshes the buffers and
    makes one update; a batch of a loader that stacks makes one as a whole. ``on_step`` is told of
    each batch.

    An epoch's loss is the mean of the losses before their own updates. All is in training mode, in
    which the runner is left; the report's losses are means over the dataset in its own order.
    """
    runner.train()
    everything: Dataset | list[Sample] = loader.dataset if loader.stack else list(loader.dataset)
    before = runner.mean_loss(everything)
    stepper = Stepper(runner, config.optimizer, config.scheduler)
    for epoch in range(config.epochs):
        losses, loader, ends = _one_epoch(stepper, epoch, loader, on_step)
        if losses and config.logs(epoch):
            log(line("epoch", epoch, mean_of(losses)))
        if ends:
            break
    return TrainReport(before, runner.mean_loss(everything)), loader


def _one_epoch(
    stepper: Stepper, epoch: int, loader: DataLoader, on_step: OnStep | None
) -> tuple[list[Tensor], DataLoader, bool]:
    """The losses of an epoch, the loader after it, and whether training is to end."""
    losses: list[Tensor] = []
    loader, batches = loader.epoch()
    for batch in batches:
        group = [batch] if isinstance(batch, Sample) else batch
        of_batch = stepper.step_group(group, at=epoch)
        losses += of_batch
        if on_step is not None and on_step(stepper, mean_of(of_batch)):
            return losses, loader, True
    return losses, loader, False
