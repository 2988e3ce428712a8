"""Training data, with or without test data, for the runs of several Scalars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, final

from numlean.data import Dataset
from numlean.scalar.protocol import Scalar
from numlean.tasks import Split

Data: TypeAlias = Split | Dataset | Callable[[Scalar], Split | Dataset]
"""Training data with or without test data, or a function that returns them for a Scalar."""

Load: TypeAlias = Callable[[Scalar], Split]
"""Returns the training and test data of a run in a Scalar."""


def loader(data: Data) -> Load:
    """Return a function that returns the data of a run; without test data, those are empty."""

    def load(scalar: Scalar) -> Split:
        found = data(scalar) if callable(data) else data
        if isinstance(found, Split):
            return found
        return Split(*found.split_at(found.size))

    return load


@final
class CachedLoad:
    """Loads the data of each Scalar once; another process loads them again.

    Args:
        load: Loads the data.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._found: dict[Scalar, Split] = {}

    def __call__(self, scalar: Scalar) -> Split:
        """Return the data for a Scalar."""
        if scalar not in self._found:
            self._found[scalar] = self._load(scalar)
        return self._found[scalar]

    def __reduce__(self) -> tuple[Any, ...]:
        return CachedLoad, (self._load,)
