"""Resuming a run from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.differences import differences, summary
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.fingerprint import Plain
from numlean.checkpoint.raw_numbers import RawTensor, from_raw
from numlean.checkpoint.reading import Checkpoint, load
from numlean.checkpoint.run import Run
from numlean.digest import Named
from numlean.display_text import printable
from numlean.training import Stepper


@checked
def resume(checkpoint: Checkpoint | FilePath, stepper: Stepper, run: Run) -> None:
    """Set a stepper to the state of a checkpoint, so that the next steps have the same bits.

    Everything is checked before anything is loaded.

    Args:
        checkpoint: The checkpoint or its file.
        stepper: A new stepper of the same run. Its runner is given the parameters.
        run: The parts of the run that the stepper does not have.

    Raises:
        CheckpointError: The file is damaged, or belongs to another run; the message states the
            differences.
    """
    found = checkpoint if isinstance(checkpoint, Checkpoint) else load(checkpoint)
    with error_context(found.path):
        _check_run(found, run.description(stepper))
        _check_rate(found, stepper)
        params = _parameters(found, stepper.runner.named_parameters)
        state = _state(found, stepper)
    stepper.restore(params, state, found.step, schedule_count=found.schedule)


def _check_run(checkpoint: Checkpoint, here: dict[str, Plain]) -> None:
    different = summary(differences(checkpoint.run, here))
    if different:
        raise CheckpointError(f"a checkpoint of another run: {different}")


def _check_rate(checkpoint: Checkpoint, stepper: Stepper) -> None:
    if checkpoint.schedule == 0:
        return
    last = checkpoint.schedule - 1
    rate = stepper.rate_at(last)
    if rate != checkpoint.last_rate:
        raise CheckpointError(
            f"a checkpoint of another schedule: the learning rate at {last} is"
            f" {checkpoint.last_rate} in the file and {rate} here"
        )


def _parameters(checkpoint: Checkpoint, here: Named) -> list[Tensor]:
    expected = dict(here)
    if list(checkpoint.parameters) != list(expected):
        raise CheckpointError(
            f"the parameters are {_listed(checkpoint.parameters)} in the file and"
            f" {_listed(expected)} here"
        )
    return [_restored(name, checkpoint.parameters[name], like) for name, like in expected.items()]


def _state(checkpoint: Checkpoint, stepper: Stepper) -> dict[str, list[Tensor]]:
    there = {name: len(tensors) for name, tensors in checkpoint.state.items()}
    here = {name: len(tensors) for name, tensors in stepper.state.items()}
    if there != here:
        raise CheckpointError(
            f"the optimizer's state is {there!s:.200} in the file and {here} here"
        )
    return {
        name: [
            _restored(f"{name} {index}", numbers, like)
            for index, (numbers, like) in enumerate(zip(tensors, stepper.state[name], strict=True))
        ]
        for name, tensors in checkpoint.state.items()
    }


def _restored(name: str, numbers: RawTensor, like: Tensor) -> Tensor:
    if numbers.shape != like.shape:
        raise CheckpointError(f"{name} has shape {numbers.shape} in the file and {like.shape} here")
    return from_raw(numbers, like.scalar)


def _listed(names: Iterable[str]) -> str:
    return printable(", ".join(names) or "none", 200)
