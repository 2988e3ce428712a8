"""Training by epochs of a loader."""

from __future__ import annotations

from collections.abc import Sequence

from numlean.autograd.tensor import Tensor
from numlean.data import Batch, DataLoader, Dataset, Sample
from numlean.errors import NumleanError
from numlean.training.config import LoaderTrainConfig
from numlean.training.evaluation import mean_of
from numlean.training.loops.resume_point import get_or_create_stepper
from numlean.training.report import Log, OnStep, TrainReport, format_log_line
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


def train_loader(
    runner: Runner,
    config: LoaderTrainConfig,
    loader: DataLoader,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> tuple[TrainReport, DataLoader]:
    """Train a runner on a loader's batches, epoch after epoch; return the loader as it is then.

    The learning rate is that of the epoch, from 0. Each sample of a batch refreshes the buffers and
    makes one update; a batch of a loader that stacks makes one as a whole. ``on_step`` is told of
    each batch.

    An epoch's loss is the mean of the losses before their own updates. All is in training mode, in
    which the runner is left; the report's losses are means over the dataset in its own order.

    A stepper that has made some of the updates makes the others. The loader is then the one that
    the run began with: the epochs that are over only change its order. Of an epoch in whose midst
    it begins, the losses to come are logged.

    Raises:
        NumleanError: The stepper is another runner's, or has made other steps or more of them.
    """
    runner.train()
    everything: Dataset | list[Sample] = loader.dataset if loader.stack else list(loader.dataset)
    before = runner.mean_loss(everything)
    stepper = get_or_create_stepper(stepper, runner, config.optimizer, config.scheduler)
    first, skipped = _place(stepper, loader, config.epochs)
    loader = loader.after(first)
    for epoch in range(first, config.epochs):
        losses, loader, ends = _one_epoch(stepper, epoch, loader, skipped, on_step)
        skipped = 0
        if losses and config.logs(epoch):
            log(format_log_line("epoch", epoch, mean_of(losses)))
        if ends:
            break
    return TrainReport(before, runner.mean_loss(everything)), loader


def _place(stepper: Stepper, loader: DataLoader, epochs: int) -> tuple[int, int]:
    """The epoch that a stepper is in, and how many of its batches it has seen."""
    each, count = loader.updates, stepper.step_count
    epoch, updates = divmod(count, each) if each else (0, 0)
    batch, rest = divmod(updates, 1 if loader.stack else loader.batch_size)
    begun = epoch + (updates > 0)
    if rest or (each and begun != stepper.schedule_count):
        raise NumleanError(
            f"the stepper has made {count} updates in {stepper.schedule_count} epochs; the loop"
            f" that is to go on makes {each} in each"
        )
    if begun > epochs:
        raise NumleanError(f"{begun} epochs have been begun, and only {epochs} are asked for")
    return epoch, batch


def _one_epoch(
    stepper: Stepper, epoch: int, loader: DataLoader, skipped: int, on_step: OnStep | None
) -> tuple[list[Tensor], DataLoader, bool]:
    """The losses of an epoch, the loader after it, and whether training is to end."""
    losses: list[Tensor] = []
    loader, batches = loader.epoch()
    for batch in batches[skipped:]:
        group: Sequence[Sample | Batch] = [batch] if isinstance(batch, Batch) else batch
        of_batch = stepper.step_group(group, at=epoch)
        losses += of_batch
        if on_step is not None and on_step(stepper, mean_of(of_batch)):
            return losses, loader, True
    return losses, loader, False
