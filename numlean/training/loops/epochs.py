"""Training on the batches of a loader, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, DataLoader, Dataset, Sample
from numlean.errors import NumleanError
from numlean.training.config import LoaderTrainConfig
from numlean.training.evaluation import mean_of
from numlean.training.guard import Guard
from numlean.training.loops.resume_point import get_or_create_stepper
from numlean.training.report import Log, OnStep, TrainReport, format_log_line
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


@checked
def train_loader(
    runner: Runner,
    config: LoaderTrainConfig,
    loader: DataLoader,
    *,
    log: Log = print,
    on_step: OnStep | None = None,
    stepper: Stepper | None = None,
) -> tuple[TrainReport, DataLoader]:
    """Train a runner on a loader's batches, epoch by epoch; also return the updated loader.

    The learning rate depends on the epoch, counted from 0. Each sample of a batch refreshes the
    buffers and makes one update; if the loader stacks, a batch makes one update as a whole.
    ``on_step`` is called after each batch.

    An epoch's loss is the mean of the losses before their own updates. The runner is switched to
    training mode and stays in it. The report's losses are means over the dataset in its own order.

    A given stepper that has made some of the updates makes the remaining ones. Pass the loader that
    the run started with: the completed epochs only change its order. If the stepper is inside an
    epoch, the log shows the mean of the epoch's remaining losses.

    Raises:
        NumleanError: The stepper belongs to a different runner, or its updates do not fit.
    """
    runner.train()
    everything: Dataset | list[Sample] = loader.dataset if loader.stack else list(loader.dataset)
    before = runner.reported_loss(everything)
    stepper = get_or_create_stepper(stepper, runner, config.optimizer, config.scheduler)
    guard = Guard(stepper, log, config.epochs)
    first, skipped = _position(stepper, loader, config.epochs)
    loader = loader.after(first)
    for epoch in range(first, config.epochs):
        losses, loader, ends = _one_epoch(stepper, epoch, loader, skipped, on_step, guard)
        skipped = 0
        if losses and config.logs(epoch):
            log(format_log_line("epoch", epoch, mean_of(losses)))
        if ends:
            break
    return TrainReport(before, runner.reported_loss(everything)), loader


def _position(stepper: Stepper, loader: DataLoader, epochs: int) -> tuple[int, int]:
    """Return the epoch that a stepper is in, and the number of its batches that are done."""
    each, count = loader.updates, stepper.step_count
    epoch, updates = divmod(count, each) if each else (0, 0)
    batch, rest = divmod(updates, 1 if loader.stack else loader.batch_size)
    started = epoch + (updates > 0)
    if rest or (each and started != stepper.schedule_count):
        raise NumleanError(
            f"the stepper has made {count} updates in {stepper.schedule_count} epochs, but the"
            f" resumed loop makes {each} updates per epoch"
        )
    if started > epochs:
        raise NumleanError(
            f"the run has already started {started} epochs, but config.epochs is {epochs}"
        )
    return epoch, batch


def _one_epoch(
    stepper: Stepper,
    epoch: int,
    loader: DataLoader,
    skipped: int,
    on_step: OnStep | None,
    guard: Guard,
) -> tuple[list[Tensor], DataLoader, bool]:
    """Train one epoch; return its losses, the updated loader, and whether training ends."""
    losses: list[Tensor] = []
    loader, batches = loader.epoch()
    for batch in batches[skipped:]:
        group: Sequence[Sample | Batch] = [batch] if isinstance(batch, Batch) else batch
        of_batch = stepper.step_group(group, at=epoch)
        losses += of_batch
        guard.after_step(stepper, of_batch[-1])
        if on_step is not None and on_step(stepper, mean_of(of_batch)):
            return losses, loader, True
    return losses, loader, False
