"""The target of a table: numbers for a regression, or classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from numlean.data.dataset import Floats
from numlean.data.labels import Labels
from numlean.display_text import printable
from numlean.errors import DataError

REGRESSION: Final = "regression"
CLASSIFICATION: Final = "classification"
KINDS: Final = (REGRESSION, CLASSIFICATION)
_FEW: Final = 20
_REQUESTED: Final = "requested"


@dataclass(frozen=True)
class Target:
    """The targets of a table, of shape (n, outputs).

    Attributes:
        kind: One of ``KINDS``.
        reason: The reason for choosing that kind.
        values: The numbers, or the one-hot classes.
        classes: The classes in the order of the outputs; empty for a regression.
    """

    kind: str
    reason: str
    values: Floats
    classes: tuple[str, ...] = ()


def text_target(labels: Labels, *, is_requested: bool, note: str = "") -> Target:
    """Return the target of classes that are texts.

    Args:
        labels: The classes.
        is_requested: Whether a user has requested classes.
        note: What else to say in the reason.

    Raises:
        DataError: There is only one class, or there are more than 20 that occur less than twice on
            average and nobody has requested classes.
    """
    _check_several(labels)
    count, rows = len(labels.classes), len(labels.numbers)
    if not is_requested and count > _FEW and 2 * count > rows:
        raise DataError(
            f"the target has {count} different texts in {rows} rows, such as"
            f" {printable(labels.classes[0])}; pass --kind classification if they are classes, or"
            " make them numbers"
        )
    reason = f"the target has {count} different texts{note}"
    return Target(CLASSIFICATION, reason, labels.one_hot(), labels.classes)


def are_classes(labels: Labels, kind: str | None) -> bool:
    """Return whether a column of numbers is read as classes.

    Without a kind it is if it holds at most 20 different numbers, all of them whole, which occur at
    least twice on average.

    Raises:
        DataError: All numbers are equal.
    """
    _check_several(labels)
    if kind is not None:
        return kind == CLASSIFICATION
    count = len(labels.classes)
    return labels.are_whole and count <= _FEW and 2 * count <= len(labels.numbers)


def class_target(labels: Labels, kind: str | None) -> Target:
    """Return the target of classes that are numbers."""
    return Target(CLASSIFICATION, _reason(labels, kind), labels.one_hot(), labels.classes)


def regression_target(values: Floats, labels: Labels, kind: str | None) -> Target:
    """Return the target of a column of numbers, of shape (n,)."""
    return Target(REGRESSION, _reason(labels, kind), values.reshape(-1, 1))


def columns_target(values: Floats, kind: str | None, names: Sequence[str]) -> Target:
    """Return the target of several columns of numbers, of shape (n, outputs).

    Without a kind they are classes if each row has a single 1 among zeros.

    Args:
        values: The numbers.
        kind: One of ``KINDS``; None to choose it.
        names: The names of the columns, which are the classes if there are any.

    Raises:
        DataError: A classification has a row that is not one-hot, or only one class.
    """
    wrong = np.flatnonzero(((values != 0) & (values != 1)).any(axis=1) | (values.sum(axis=1) != 1))
    if kind == REGRESSION or (kind is None and len(wrong)):
        reason = _REQUESTED if kind else f"the target has {len(names)} columns"
        return Target(REGRESSION, reason, values)
    if len(wrong):
        raise DataError(
            f"a classification needs one column of classes, or one-hot columns, but sample"
            f" {wrong[0] + 1} of the {len(names)} columns is {values[wrong[0]].tolist()!s:.80};"
            " pass --kind regression for numbers"
        )
    labels = Labels(tuple(names), values.argmax(axis=1))
    if len(np.unique(labels.numbers)) == 1:
        raise DataError(_only(labels.classes[labels.numbers[0]]))
    reason = _REQUESTED if kind else f"the {len(names)} columns of the target are one-hot"
    return Target(CLASSIFICATION, reason, values, labels.classes)


def _reason(labels: Labels, kind: str | None) -> str:
    counted = f"{len(labels.classes)} different{' whole' if labels.are_whole else ''} numbers"
    reason = _REQUESTED if kind else f"the target has {counted}"
    if labels.spellings is None:
        return reason
    a, b = labels.spellings
    return f"{reason} ({a} and {b} are one number; pass --categorical to tell their texts apart)"


def _check_several(labels: Labels) -> None:
    if len(labels.classes) < 2:
        raise DataError(_only(labels.classes[0]))


def _only(name: str) -> str:
    what = f"the target is {printable(name)} in every row"
    return f"{what}; training needs at least two different values"
