"""The target of a table: numbers for a regression, or classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from numlean.data.dataset import Floats
from numlean.errors import DataError

KINDS: Final = ("regression", "classification")
_FEW: Final = 20


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


def text_target(texts: Sequence[str]) -> Target:
    """Return the classes of a column of text, in code point order.

    Raises:
        DataError: There is only one class.
    """
    classes, numbers = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
    _check_several(len(classes), str(classes[0]))
    reason = f"the target has {len(classes)} different texts"
    one_hot = np.eye(len(classes))[numbers.reshape(-1)]
    return Target("classification", reason, one_hot, tuple(map(str, classes)))


def number_target(values: Floats, kind: str | None) -> Target:
    """Return a target of numbers, of shape (n,) or (n, outputs).

    Without a kind, a single column is read as classes, in ascending order, if it holds at most 20
    different numbers, all of them whole, which occur at least twice on average. Anything else is a
    regression.

    Raises:
        DataError: All numbers are equal, or a classification has several target columns.
    """
    columns = values.reshape(len(values), -1)
    if kind == "classification" and columns.shape[1] != 1:
        raise DataError(
            f"a classification needs one column of classes, got {columns.shape[1]}; pass --kind"
            " regression for numbers"
        )
    distinct, numbers = np.unique(columns[:, 0], return_inverse=True)
    if columns.shape[1] == 1:
        _check_several(len(distinct), _label(distinct[0]))
    counted = f"{len(distinct)} different{' whole' if _are_whole(distinct) else ''} numbers"
    if columns.shape[1] > 1:
        counted = f"{columns.shape[1]} columns"
    is_classes = columns.shape[1] == 1 and _are_few(distinct, len(columns))
    chosen = kind or KINDS[is_classes]
    reason = "requested" if kind else f"the target has {counted}"
    if chosen == "regression":
        return Target(chosen, reason, columns)
    one_hot = np.eye(len(distinct))[numbers.reshape(-1)]
    return Target(chosen, reason, one_hot, tuple(map(_label, distinct)))


def _are_few(distinct: Floats, rows: int) -> bool:
    return _are_whole(distinct) and len(distinct) <= _FEW and 2 * len(distinct) <= rows


def _are_whole(values: Floats) -> bool:
    return bool(np.all(values == np.floor(values)))


def _label(value: float) -> str:
    return f"{value + 0.0:.17g}"


def _check_several(count: int, only: str) -> None:
    if count < 2:
        raise DataError(
            f"the target is {only} in every row; training needs at least two different values"
        )
