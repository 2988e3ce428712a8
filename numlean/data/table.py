"""The inputs and targets of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.data.dataset import Floats
from numlean.data.targets import Target


@dataclass(frozen=True)
class Table:
    """The inputs and targets of a file, and of a file of test data if there is one.

    Attributes:
        path: The file.
        inputs: Numbers of shape (n, ...); NaN is a missing value that is to be imputed.
        target: The n targets.
        input_name: A description of the inputs.
        target_name: The column or key of the targets.
        test_size: The number of samples from the file of test data, which are the last ones; None
            without such a file.
        categories: The columns of each category that is encoded one-hot.
        notes: What else a user should know about how the file was read.
    """

    path: str
    inputs: Floats
    target: Target
    input_name: str
    target_name: str
    test_size: int | None = None
    categories: tuple[slice, ...] = ()
    notes: tuple[str, ...] = ()


def count_of(number: int, noun: str) -> str:
    """Return a number of things in words, such as ``2 columns``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def dropped_note(count: int) -> Sequence[str]:
    """Return the note about rows that were left out."""
    return [f"{count_of(count, 'row')} with missing values left out"] if count else []
