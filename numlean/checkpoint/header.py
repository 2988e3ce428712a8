"""The document of a checkpoint: everything except the numbers, as typed data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain
from math import prod
from typing import Any, Final

from numlean.checkpoint.errors import CheckpointError
from numlean.checkpoint.fingerprint import Plain
from numlean.checkpoint.raw_numbers import Kind
from numlean.json_lines import read_document

_MAX_COUNT: Final = 1 << 63
_MAX_AXES: Final = 32
_MAX_ELEMENTS: Final = 1 << 48
PARAMETERS: Final = "parameters/"
"""The beginning of the names of arrays that contain parameters and buffers."""


@dataclass(frozen=True)
class TensorEntry:
    """A tensor of the file.

    Attributes:
        name: The name of the array of integers.
        kind: The meaning of the integers.
        shape: The tensor's shape.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        is_shape = len(self.shape) <= _MAX_AXES and all(extent >= 0 for extent in self.shape)
        if not is_shape or prod(max(extent, 1) for extent in self.shape) > _MAX_ELEMENTS:
            raise CheckpointError(
                f"the shape of {self.name!r:.80} is negative or too large: {self.shape!s:.80}"
            )


@dataclass(frozen=True)
class LoaderEntry:
    """A loader as it was before the first step; ``order`` has one tensor of indices, or none."""

    seed: int
    epochs_done: int
    order: tuple[TensorEntry, ...]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise CheckpointError(f"loader seed must not be negative, got {self.seed!s:.24}")
        _check_count("loader epochs_done", self.epochs_done)


@dataclass(frozen=True)
class Header:
    """The document of a checkpoint, without version and digest.

    Attributes:
        numlean: The version of numlean that wrote the file.
        step: Updates made.
        schedule: The index at which the schedule is called next.
        last_rate: The last learning rate of the schedule; None if it has not been called.
        run: The description of the run; see ``Run.description``.
        recipe: The recipe of ``numlean train``, as plain data; None for other runs.
        loader: The loader, if there is one.
        parameters: The parameters and buffers, in the model's order.
        state: The optimizer's state.
        extra_state: Further state, by name.
    """

    numlean: str
    step: int
    schedule: int
    last_rate: float | None
    run: dict[str, Any]
    recipe: dict[str, Any] | None
    loader: LoaderEntry | None
    parameters: tuple[TensorEntry, ...]
    state: dict[str, tuple[TensorEntry, ...]]
    extra_state: dict[str, tuple[TensorEntry, ...]]

    def __post_init__(self) -> None:
        _check_count("step", self.step)
        _check_count("schedule", self.schedule)
        for entry in self.parameters:
            if not entry.name.startswith(PARAMETERS):
                raise CheckpointError(f"{entry.name!r:.80} is no name of a parameter")
        for entry in (*self.parameters, *chain.from_iterable(self.state.values())):
            if entry.kind == "indices":
                raise CheckpointError(f"{entry.name!r:.80} has to be numbers, not indices")

    def to_plain(self) -> dict[str, Plain]:
        """Return the document as plain data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, document: dict[str, Plain]) -> Header:
        """Return the header of a document.

        Raises:
            NumleanError: A field is missing, unknown, of the wrong type or out of range.
        """
        return read_document(cls, document, "header")


def _check_count(name: str, count: int) -> None:
    if not 0 <= count < _MAX_COUNT:
        raise CheckpointError(f"{name} must be at least 0 and below 2**63, got {count!s:.24}")
