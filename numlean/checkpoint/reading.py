"""Reading a checkpoint. Everything is checked before anything is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.container import Arrays, Document, loads
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.fingerprint import Plain
from numlean.checkpoint.header import PARAMETERS, Header, LoaderEntry, TensorEntry
from numlean.checkpoint.raw_numbers import RawTensor, from_raw
from numlean.data import DataLoader
from numlean.data.input_file import read_input
from numlean.data.loader import Order
from numlean.data.size_limit import check_size
from numlean.scalar.protocol import Scalar
from numlean.tasks import Recipe, RecordedRecipe


@checked
@dataclass(frozen=True)
class Checkpoint:
    """A run between two steps.

    Attributes:
        path: The file.
        numlean: The version of numlean that wrote it.
        step: Updates made.
        schedule: The index at which the schedule is called next.
        last_rate: The last learning rate of the schedule; None if it has not been called.
        run: The description of the run; see ``Run.description``.
        recipe: The recipe of ``numlean train``, which must be trusted before it is used; None for
            other runs.
        order: The loader's seed, epochs done and order before the first step, if there is one.
        parameters: The parameters and buffers by name, in the model's order.
        state: The optimizer's state.
        extra_state: Further state by name.
    """

    path: str
    numlean: str
    step: int
    schedule: int
    last_rate: float | None
    run: dict[str, Plain]
    recipe: RecordedRecipe | None
    order: tuple[int, int, Order | None] | None
    parameters: dict[str, RawTensor]
    state: dict[str, list[RawTensor]]
    extra_state: dict[str, list[RawTensor]]

    def loader(self, like: DataLoader) -> DataLoader:
        """Return a loader with the run's seed and its order before the first step.

        Raises:
            CheckpointError: The run has no loader, or its order is not one of these samples.
        """
        if self.order is None:
            raise CheckpointError(f"{self.path}: this run has no loader")
        seed, epochs_done, order = self.order
        if order is not None and sorted(order) != list(range(like.dataset.size)):
            raise CheckpointError(
                f"{self.path}: the loader's order is not one of {like.dataset.size} samples"
            )
        return replace(like, seed=seed, epochs_done=epochs_done, order=order)

    def state_dict(self, scalar: Scalar) -> dict[str, list[Tensor]]:
        """Return the extra state as tensors, by name.

        Raises:
            CheckpointError: They are not numbers of this Scalar.
        """
        with error_context(self.path):
            return {
                name: [from_raw(numbers, scalar) for numbers in group]
                for name, group in self.extra_state.items()
            }


@checked
def load(path: FilePath) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: The file cannot be read, is not a checkpoint, is cut off or altered, or has
            another version; the message says which.
    """
    return parse(read_input(path, pipes=True, error=CheckpointError), path)


def parse(content: bytes, path: FilePath) -> Checkpoint:
    """Return the checkpoint in the content of a file.

    Raises:
        CheckpointError: As of ``load``, with the name of the file.
    """
    with error_context(path):
        document, arrays = loads(content)
        header, recipe = _header(document)
        checkpoint = Checkpoint(
            path=str(path),
            numlean=header.numlean,
            step=header.step,
            schedule=header.schedule,
            last_rate=header.last_rate,
            run=header.run,
            recipe=recipe,
            order=_order(header.loader, arrays),
            parameters={
                entry.name.removeprefix(PARAMETERS): _take(entry, arrays)
                for entry in header.parameters
            },
            state=_groups(header.state, arrays),
            extra_state=_groups(header.extra_state, arrays),
        )
        if arrays:
            raise CheckpointError(
                f"the header does not list the tensors {', '.join(sorted(arrays)):.200}"
            )
        groups = (*checkpoint.state.values(), *checkpoint.extra_state.values())
        tensors = (*checkpoint.parameters.values(), *chain.from_iterable(groups))
        check_size("the numbers in the checkpoint", sum(tensor.memory for tensor in tensors))
    return checkpoint


def _header(document: Document) -> tuple[Header, RecordedRecipe | None]:
    """Return the header and the recipe, of either version."""
    version = document["version"]
    own = {name: value for name, value in document.items() if name not in ("version", "sha256")}
    if version == 1:
        own = _from_version_1(own)
    header = Header.from_plain(own)
    if header.recipe is None or (version == 1 and not header.recipe):
        return header, None
    read = Recipe.from_version_1 if version == 1 else Recipe.from_plain
    return header, RecordedRecipe(read(header.recipe))


def _from_version_1(document: Document) -> Document:
    """Return a document with the names of version 2; its recipe still consists of options."""
    names = {"arguments": "recipe", "further": "extra_state"}
    return {names.get(name, name): value for name, value in document.items()}


def _order(entry: LoaderEntry | None, arrays: Arrays) -> tuple[int, int, Order | None] | None:
    if entry is None:
        return None
    orders = _take_all(entry.order, arrays)
    if len(orders) > 1 or any(x.kind != "indices" or x.array.ndim != 1 for x in orders):
        raise CheckpointError("the loader's order is not one vector of indices")
    return entry.seed, entry.epochs_done, tuple(orders[0].array.tolist()) if orders else None


def _groups(
    groups: Mapping[str, Iterable[TensorEntry]], arrays: Arrays
) -> dict[str, list[RawTensor]]:
    return {name: _take_all(entries, arrays) for name, entries in groups.items()}


def _take_all(entries: Iterable[TensorEntry], arrays: Arrays) -> list[RawTensor]:
    return [_take(entry, arrays) for entry in entries]


def _take(entry: TensorEntry, arrays: Arrays) -> RawTensor:
    """Return a tensor, and remove its array."""
    if entry.name not in arrays:
        raise CheckpointError(f"there are no {entry.kind} named {entry.name!r:.80}")
    return RawTensor(entry.kind, entry.shape, arrays.pop(entry.name))
