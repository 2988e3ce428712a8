"""Reading a checkpoint, all of it checked before any of it is used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from numlean.autograd.tensor import Tensor
from numlean.checkpoint.container import Arrays, Document, loads
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.fingerprint import Plain
from numlean.checkpoint.raw_numbers import RawTensor, from_raw
from numlean.data import DataLoader
from numlean.data.loader import Order
from numlean.scalar.protocol import Scalar

T = TypeVar("T")

_PARAMETERS = "parameters/"


@dataclass(frozen=True)
class Checkpoint:
    """A run as it was between two steps.

    Attributes:
        path: The file.
        numlean: The version of numlean that wrote it.
        step: How many updates had been made.
        schedule: The index at which the schedule was to be asked next.
        last_rate: The learning rate it gave last; None if it had not been asked.
        run: What it is a run of; see ``Run.description``.
        arguments: How it was asked for.
        order: The loader's seed, epochs done and order before the first step, if there was one.
        parameters: The parameters and buffers by name, in the model's order.
        state: What the optimizer remembered.
        further: What else was.
    """

    path: str
    numlean: str
    step: int
    schedule: int
    last_rate: float | None
    run: dict[str, Plain]
    arguments: dict[str, Plain]
    order: tuple[int, int, Order | None] | None
    parameters: dict[str, RawTensor]
    state: dict[str, list[RawTensor]]
    further: dict[str, list[RawTensor]]

    def loader(self, like: DataLoader) -> DataLoader:
        """A loader as the run's was before its first step: in its order, with its seed.

        Raises:
            CheckpointError: The run had none.
        """
        if self.order is None:
            raise CheckpointError(f"{self.path}: this run had no loader")
        seed, epochs_done, order = self.order
        return replace(like, seed=seed, epochs_done=epochs_done, order=order)

    def extra_state(self, name: str, scalar: Scalar) -> list[Tensor]:
        """What was saved as ``further`` under a name; nothing if nothing was.

        Raises:
            CheckpointError: They are no numbers of that Scalar.
        """
        with error_context(self.path):
            return [from_raw(numbers, scalar) for numbers in self.further.get(name, [])]


def load(path: FilePath) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: The file cannot be read, is no checkpoint, has been cut off or changed, or
            is of another version; the message says which.
    """
    with error_context(path):
        document, arrays = loads(Path(path).read_bytes())
        checkpoint = Checkpoint(
            path=str(path),
            numlean=_part(document, "numlean", str),
            step=_counted(document, "step"),
            schedule=_counted(document, "schedule"),
            last_rate=_part(document, "last_rate", float, may_be_none=True),
            run=_part(document, "run", dict),
            arguments=_part(document, "arguments", dict),
            order=_order(_part(document, "loader", dict, may_be_none=True), arrays),
            parameters={
                name.removeprefix(_PARAMETERS): numbers
                for name, numbers in _tensors(_part(document, "parameters", list), arrays)
            },
            state=_groups(_part(document, "state", dict), arrays),
            further=_groups(_part(document, "further", dict), arrays),
        )
        if arrays:
            raise CheckpointError(f"nobody asked for the tensors {', '.join(sorted(arrays))}")
    return checkpoint


def _part(document: Document, name: str, kind: type[T], *, may_be_none: bool = False) -> Any:
    value = document.get(name)
    if not isinstance(value, kind) and not (may_be_none and name in document and value is None):
        raise CheckpointError(f"the document has no {name} of type {kind.__name__}: {value!r:.80}")
    return value


def _counted(document: Document, name: str) -> int:
    count: int = _part(document, name, int)
    if count < 0:
        raise CheckpointError(f"the {name} is not negative: {count}")
    return count


def _order(document: Document | None, arrays: Arrays) -> tuple[int, int, Order | None] | None:
    if document is None:
        return None
    seed, epochs_done = (_counted(document, name) for name in ("seed", "epochs_done"))
    orders = [numbers for _, numbers in _tensors(document.get("order"), arrays)]
    if len(orders) > 1 or any(x.kind != "indices" or x.array.ndim != 1 for x in orders):
        raise CheckpointError("the document has no order of the loader's")
    return seed, epochs_done, tuple(orders[0].array.tolist()) if orders else None


def _groups(document: Document, arrays: Arrays) -> dict[str, list[RawTensor]]:
    return {
        name: [numbers for _, numbers in _tensors(entries, arrays)]
        for name, entries in document.items()
    }


def _tensors(entries: Plain, arrays: Arrays) -> list[tuple[str, RawTensor]]:
    """The tensors of a list of entries, each taken out of the arrays."""
    tensors = []
    for entry in entries if isinstance(entries, list) else [entries]:
        if not _is_entry(entry):
            raise CheckpointError(f"the document describes no tensor by {entry!r:.80}")
        name, kind = entry["name"], entry["kind"]
        if name not in arrays:
            raise CheckpointError(f"there are no {kind} called {name!r}")
        tensors.append((name, RawTensor(kind, tuple(entry["shape"]), arrays.pop(name))))
    return tensors


def _is_entry(entry: Plain) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and entry.get("kind") in ("encodings", "indices", "text")
        and isinstance(entry.get("shape"), list)
        and all(isinstance(extent, int) and extent >= 0 for extent in entry["shape"])
    )
