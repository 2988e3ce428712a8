"""Going on with a run."""

from __future__ import annotations

from collections.abc import Iterable

from numlean.autograd.tensor import Tensor
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.fingerprint import Plain, differences, summary
from numlean.checkpoint.raw_numbers import RawTensor, from_raw
from numlean.checkpoint.reading import Checkpoint, load
from numlean.checkpoint.run import Run
from numlean.digest import Named
from numlean.training import Stepper


def resume(checkpoint: Checkpoint | FilePath, stepper: Stepper, run: Run) -> None:
    """Let a stepper go on where a checkpoint was written: the steps to come have the same bits.

    Everything is checked before anything is loaded.

    Args:
        checkpoint: The checkpoint or its file.
        stepper: One of the same run anew; its runner is given the parameters.
        run: What it is a run of, as far as the stepper does not say.

    Raises:
        CheckpointError: The file is no whole checkpoint, or one of another run; the message says
            what differs.
    """
    found = checkpoint if isinstance(checkpoint, Checkpoint) else load(checkpoint)
    with error_context(found.path):
        _refuse_another(found, run.description(stepper))
        _refuse_other_rate(found, stepper)
        params = _parameters(found, stepper.runner.named_parameters)
        state = _state(found, stepper)
    stepper.restore(params, state, found.step, schedule_count=found.schedule)


def _refuse_another(checkpoint: Checkpoint, here: dict[str, Plain]) -> None:
    different = summary(differences(checkpoint.run, here))
    if different:
        raise CheckpointError(f"a checkpoint of another run: {different}")


def _refuse_other_rate(checkpoint: Checkpoint, stepper: Stepper) -> None:
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
    return [_same(name, checkpoint.parameters[name], like) for name, like in expected.items()]


def _state(checkpoint: Checkpoint, stepper: Stepper) -> dict[str, list[Tensor]]:
    there = {name: len(tensors) for name, tensors in checkpoint.state.items()}
    here = {name: len(tensors) for name, tensors in stepper.state.items()}
    if there != here:
        raise CheckpointError(f"the optimizer remembers {there} in the file and {here} here")
    return {
        name: [
            _same(f"{name} {index}", numbers, like)
            for index, (numbers, like) in enumerate(zip(tensors, stepper.state[name], strict=True))
        ]
        for name, tensors in checkpoint.state.items()
    }


def _same(name: str, numbers: RawTensor, like: Tensor) -> Tensor:
    if numbers.shape != like.shape:
        raise CheckpointError(f"{name} has shape {numbers.shape} in the file and {like.shape} here")
    return from_raw(numbers, like.scalar)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
