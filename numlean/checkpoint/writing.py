"""Saving a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.checkpoint import atomic
from numlean.checkpoint.container import Arrays, dumps
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.fingerprint import Plain
from numlean.checkpoint.raw_numbers import to_raw
from numlean.checkpoint.run import Run
from numlean.data import DataLoader
from numlean.training import Stepper


def save(
    path: FilePath,
    stepper: Stepper,
    run: Run,
    *,
    arguments: Mapping[str, Plain] | None = None,
    further: Mapping[str, Sequence[Tensor]] | None = None,
) -> None:
    """Write down a run as it is between two steps, atomically; the same bytes for the same state.

    Args:
        path: The file, which is replaced if it is there.
        stepper: Where the run is.
        run: What it is a run of, as far as the stepper does not say.
        arguments: How it was asked for, to be read by people and by who asks again.
        further: What else is to be remembered exactly: numbers of the run's Scalar, or indices.

    Raises:
        CheckpointError: The file cannot be written, or the run has numbers that cannot be kept.
    """
    with error_context(path):
        content = written(stepper, run, arguments or {}, further or {})
    atomic.write(path, content)


def written(
    stepper: Stepper,
    run: Run,
    arguments: Mapping[str, Plain],
    further: Mapping[str, Sequence[Tensor]],
) -> bytes:
    """The bytes of a checkpoint."""
    from numlean.version import __version__

    asked, arrays = stepper.schedule_count, Arrays()
    document = {
        "numlean": __version__,
        "step": stepper.step_count,
        "schedule": asked,
        "last_rate": float(stepper.rate_at(asked - 1)) if asked else None,
        "run": run.description(stepper),
        "arguments": dict(arguments),
        "loader": _loader(run.data, arrays),
        "parameters": _entries("parameters", stepper.runner.named_parameters, arrays),
        "state": _groups("state", stepper.state, arrays),
        "further": _groups("further", further, arrays),
    }
    return dumps(document, arrays)


def _loader(data: object, arrays: Arrays) -> Plain:
    if not isinstance(data, DataLoader):
        return None
    order = [] if data.order is None else [Tensor(INDEX, np.array(data.order, np.int64))]
    return {
        "seed": data.seed,
        "epochs_done": data.epochs_done,
        "order": _entries("loader", enumerate(order), arrays),
    }


def _groups(folder: str, groups: Mapping[str, Sequence[Tensor]], arrays: Arrays) -> Plain:
    return {
        name: _entries(f"{folder}/{name}", enumerate(tensors), arrays)
        for name, tensors in groups.items()
    }


def _entries(folder: str, tensors: Iterable[tuple[object, Tensor]], arrays: Arrays) -> list[Plain]:
    entries = []
    for own, tensor in tensors:
        name, numbers = f"{folder}/{own}", to_raw(tensor)
        if name in arrays:
            raise CheckpointError(f"there are two tensors called {name!r}")
        arrays[name] = numbers.array
        entries.append({"name": name, "kind": numbers.kind, "shape": [*numbers.shape]})
    return entries
