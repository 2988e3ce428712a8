"""Writing a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from numlean.arguments import checked
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.checkpoint import atomic
from numlean.checkpoint.container import Arrays, dumps
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.header import Header, LoaderEntry, TensorEntry
from numlean.checkpoint.raw_numbers import to_raw
from numlean.checkpoint.run import Run
from numlean.data import DataLoader
from numlean.tasks import Recipe
from numlean.training import Stepper
from numlean.version import __version__


@checked
def save(
    path: FilePath,
    stepper: Stepper,
    run: Run,
    *,
    recipe: Recipe | None = None,
    extra_state: Mapping[str, Sequence[Tensor]] | None = None,
) -> None:
    """Write a checkpoint of a run between two steps, atomically; equal states give equal bytes.

    Args:
        path: The file; an existing one is replaced.
        stepper: The stepper of the run.
        run: The parts of the run that the stepper does not have.
        recipe: The settings of ``numlean train``, for ``--resume``.
        extra_state: Tensors to keep exactly, by name: numbers of the run's Scalar, or indices.

    Raises:
        CheckpointError: The file cannot be written, or a number cannot be kept exactly.
    """
    with error_context(path):
        content = checkpoint_bytes(stepper, run, recipe, extra_state or {})
    atomic.write(path, content)


def checkpoint_bytes(
    stepper: Stepper,
    run: Run,
    recipe: Recipe | None,
    extra_state: Mapping[str, Sequence[Tensor]],
) -> bytes:
    """Return the bytes of a checkpoint."""
    calls, arrays = stepper.schedule_count, Arrays()
    header = Header(
        numlean=__version__,
        step=stepper.step_count,
        schedule=calls,
        last_rate=float(stepper.rate_at(calls - 1)) if calls else None,
        run=run.description(stepper),
        recipe=None if recipe is None else recipe.to_plain(),
        loader=_loader(run.data, arrays),
        parameters=_entries("parameters", stepper.runner.named_parameters, arrays),
        state=_groups("state", stepper.state, arrays),
        extra_state=_groups("extra_state", extra_state, arrays),
    )
    return dumps(header.to_plain(), arrays)


def _loader(data: object, arrays: Arrays) -> LoaderEntry | None:
    if not isinstance(data, DataLoader):
        return None
    order = [] if data.order is None else [Tensor(INDEX, np.array(data.order, np.int64))]
    entries = _entries("loader", enumerate(order), arrays)
    return LoaderEntry(data.seed, data.epochs_done, entries)


def _groups(
    folder: str, groups: Mapping[str, Sequence[Tensor]], arrays: Arrays
) -> dict[str, tuple[TensorEntry, ...]]:
    return {
        name: _entries(f"{folder}/{name}", enumerate(tensors), arrays)
        for name, tensors in groups.items()
    }


def _entries(
    folder: str, tensors: Iterable[tuple[object, Tensor]], arrays: Arrays
) -> tuple[TensorEntry, ...]:
    """Return the entries of tensors, and add their integers to the arrays."""
    entries = []
    for own, tensor in tensors:
        name, numbers = f"{folder}/{own}", to_raw(tensor)
        if name in arrays:
            raise CheckpointError(f"two tensors have the name {name!r}")
        arrays[name] = numbers.array
        entries.append(TensorEntry(name, numbers.kind, tuple(numbers.shape)))
    return tuple(entries)
