"""Classes of labels: which labels are one class, in which order, and what they are called.

Two labels that are numbers are one class exactly if they are the same number, however they are
written: 1, 1.0, 01 and +1e0 are, 9007199254740992 and 9007199254740993 are not. They are compared
as they stand in the file, and never rounded. Two labels that are texts are one class exactly if
they consist of the same characters, without blanks around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from numlean.data.dataset import Floats
from numlean.data.size_limit import FLOAT_SIZE, check_size

Numbers = np.ndarray[tuple[int], np.dtype[Any]]
Places = np.ndarray[tuple[int], np.dtype[np.intp]]

_LONGEST: Final = 21
"""The number of digits up to which an integer is written without an exponent."""


@dataclass(frozen=True)
class Labels:
    """The labels of n samples.

    Attributes:
        classes: The names of the classes, in the order of the outputs; all are different.
        numbers: The class of each sample, as an index.
        are_whole: Whether all labels are integers.
        spellings: Two labels of one class that are written in different ways, if there are any.
    """

    classes: tuple[str, ...]
    numbers: Places
    are_whole: bool = False
    spellings: tuple[str, str] | None = None

    def one_hot(self) -> Floats:
        """Return the classes as rows of shape (n, classes), with a single 1 each.

        Raises:
            DataError: They exceed the limit for arrays.
        """
        shape = len(self.numbers), len(self.classes)
        check_size(
            f"the target, one-hot in {shape[1]:,} classes for {shape[0]:,} rows",
            shape[0] * shape[1] * FLOAT_SIZE,
        )
        rows = np.zeros(shape)
        rows[np.arange(shape[0]), self.numbers] = 1.0
        return rows


def labels_of_texts(texts: Sequence[str]) -> Labels:
    """Return the classes of texts, in the order of their code points."""
    classes = sorted(set(texts))
    return Labels(tuple(classes), _places(classes, texts))


def labels_of_decimals(cells: Sequence[str], exact: Callable[[str], Decimal]) -> Labels:
    """Return the classes of numbers in a text file, in ascending order.

    Args:
        cells: The cells.
        exact: Function that returns the exact number of a cell.
    """
    number_of = {cell: exact(cell) for cell in dict.fromkeys(cells)}
    classes = sorted(set(number_of.values()))
    first: dict[Decimal, str] = {}
    pairs = ((first.setdefault(number, cell), cell) for cell, number in number_of.items())
    return Labels(
        classes=tuple(map(_decimal_name, classes)),
        numbers=_places(classes, [number_of[cell] for cell in cells]),
        are_whole=all(number == number.to_integral_value() for number in classes),
        spellings=next((pair for pair in pairs if pair[0] != pair[1]), None),
    )


def labels_of_array(values: Numbers) -> Labels:
    """Return the classes of numbers of any dtype of numpy, all finite, in ascending order.

    An array of Python objects may contain integers and floats, which Python compares exactly.
    """
    distinct, numbers = np.unique(values, return_inverse=True)
    are_whole = all(number == number // 1 for number in distinct.tolist())
    return Labels(tuple(map(_array_name, distinct)), numbers.reshape(-1), are_whole)


def _places(classes: Sequence[Any], labels: Sequence[Any]) -> Places:
    place = {label: k for k, label in enumerate(classes)}
    return np.array([place[label] for label in labels], dtype=np.intp)


def _decimal_name(number: Decimal) -> str:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # the number is finite
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    if not kept:
        return "0"
    exponent += len(text) - len(kept)
    point = len(kept) + exponent
    prefix = "-" * sign
    if 0 < point <= _LONGEST or len(kept) <= point <= len(kept) + _LONGEST:
        whole, fraction = kept[:point].ljust(point, "0"), kept[point:]
        return f"{prefix}{whole}.{fraction}" if fraction else f"{prefix}{whole}"
    if -4 < point <= 0:
        return f"{prefix}0.{'0' * -point}{kept}"
    return f"{prefix}{kept[0]}{'.' * (len(kept) > 1)}{kept[1:]}e{point - 1:+03d}"


def _array_name(number: Any) -> str:
    if isinstance(number, bool | int | np.bool_ | np.integer):
        return str(int(number))
    # The shortest decimal that no other number of the dtype is nearest to.
    return _decimal_name(Decimal(np.format_float_scientific(number, unique=True)))
