"""Missing values: the cells that stand for them, and the numbers that replace them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import fsum, isfinite
from typing import Any, Final

import numpy as np

from numlean.data.dataset import Floats
from numlean.data.number_format import NumberFormat
from numlean.errors import DataError, NumleanError

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

_DIGITS: Final = 20
"""The most digits of numpy's integers."""

MISSING_WORDS: Final = frozenset({"", "na", "n/a", "nan", "+nan", "-nan", "null", "none", "?"})
"""Cells of a column of numbers that are missing values, ignoring case."""


@dataclass(frozen=True)
class MissingValues:
    """What stands for a missing value, and what becomes of it.

    Attributes:
        words: Further cells, compared as texts and as numbers, that are missing values.
        impute: How ``impute`` replaces them among the inputs; None if they are an error.
        drop_rows: Whether rows with a missing value are left out.

    Raises:
        NumleanError: ``impute`` is unknown, or both ways to treat them are given.
    """

    words: tuple[str, ...] = ()
    impute: str | None = None
    drop_rows: bool = False

    def __post_init__(self) -> None:
        if self.impute is not None:
            parse_imputation(self.impute)
            if self.drop_rows:
                raise NumleanError(
                    f"give either --impute {self.impute:.80} or --drop-missing, not both"
                )

    def is_word(self, cell: str, numbers: NumberFormat) -> bool:
        """Return whether a cell is one of the further words, as a text or as a number."""
        if not self.words or cell in self.words:
            return bool(self.words)
        exact = _exact(self.words, numbers)
        if not exact or not numbers.is_number(cell):
            return False
        try:
            return numbers.exact(cell) in exact
        except DataError:  # beyond the exponents of all words
            return False

    def is_marked(self, array: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Return which elements of an array of numbers or texts are missing values."""
        if array.dtype.kind == "U":
            texts: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.isin(
                np.char.strip(array), ["", *self.words]
            )
            return texts
        found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = array != array  # NaN
        for word in _exact(self.words, NumberFormat()):
            # numpy compares integers with Python's integers exactly.
            # Decimals of a context, as abs returns them, have smaller exponents than exact ones.
            is_int = word == word.to_integral_value() and (not word or word.adjusted() < _DIGITS)
            if is_int or array.dtype.kind not in "iub":
                found = found | (array == (int(word) if is_int and word else float(word)))
        return found


def split_words(text: str) -> list[str]:
    """Return the words of a list separated by commas; one in double quotes may contain commas.

    Raises:
        NumleanError: The text has several lines.
    """
    try:
        return [word for row in csv.reader([text], skipinitialspace=True) for word in row]
    except csv.Error:
        raise NumleanError(
            f"expected words such as NA,-999 in one line, got {text!r:.80}"
        ) from None


def quote_word(word: str) -> str:
    """Return a word as ``split_words`` reads it."""
    if set(word) & set(',"') or word != word.strip():
        return '"' + word.replace('"', '""') + '"'
    return word


@cache
def _exact(words: tuple[str, ...], numbers: NumberFormat) -> frozenset[Decimal]:
    return frozenset(numbers.exact(word) for word in words if numbers.is_number(word))


def parse_imputation(text: str) -> str | float:
    """Return the name of a statistic, or the number that replaces every missing value.

    Raises:
        NumleanError: The text is neither.
    """
    name = text.replace("_", "-")  # scikit-learn's spelling
    if name in _STATISTICS:
        return name
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not isfinite(number):
        raise NumleanError(
            f"--impute must be {', '.join(_STATISTICS)} or a number, got {text!r:.80}"
        )
    return number


def impute(inputs: Floats, train: Floats, how: str, categories: tuple[slice, ...] = ()) -> Floats:
    """Return inputs of shape (n, ...) whose NaNs are replaced, column by column.

    Args:
        inputs: The inputs; NaN is a missing value.
        train: The inputs of the training data, from which the statistics are computed.
        how: ``mean`` (the exact sum rounded once, divided by the count), ``median`` (of two
            middle numbers the mean), ``most-frequent`` (of equally frequent ones the least), or a
            number.
        categories: The columns of each one-hot category. They are replaced together by the most
            frequent category, of equally frequent ones the first.

    Raises:
        DataError: A column of the training data has no value.
    """
    choice = parse_imputation(how)
    filled, known = inputs.reshape(len(inputs), -1).copy(), train.reshape(len(train), -1)
    is_category = np.zeros(filled.shape[1], dtype=bool)
    for block in categories:
        is_category[block] = True
        gaps = np.isnan(filled[:, block]).any(axis=1)
        if gaps.any():
            filled[gaps, block] = _most_frequent_category(known[:, block])
    for column in np.flatnonzero(np.isnan(filled).any(axis=0) & ~is_category):
        gaps = np.isnan(filled[:, column])
        filled[gaps, column] = _replacement(known[:, column], choice, int(column))
    return filled.reshape(inputs.shape)


def _replacement(train: Floats, choice: str | float, column: int) -> float:
    if not isinstance(choice, str):
        return choice
    known = train[~np.isnan(train)]
    if not len(known):
        raise DataError(
            f"--impute {choice}: column {column + 1} of the inputs has no value in the training"
            " data; drop the column, or pass --impute with a number"
        )
    return _STATISTICS[choice](known)


def _mean(values: Floats) -> float:
    try:
        return fsum(values) / len(values)
    except OverflowError:  # of the sum, but not of the mean
        return float(sum(map(Fraction, values.tolist())) / len(values))


def _median(values: Floats) -> float:
    ordered, middle = np.sort(values), len(values) // 2
    return float(ordered[middle]) if len(values) % 2 else _mean(ordered[middle - 1 : middle + 1])


def _most_frequent(values: Floats) -> float:
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])


def _most_frequent_category(train: Floats) -> Floats:
    counts = np.nan_to_num(train).sum(axis=0)
    chosen: Floats = np.eye(train.shape[1])[counts.argmax()]
    return chosen


_STATISTICS: Final[dict[str, Callable[[Floats], float]]] = {
    "mean": _mean,
    "median": _median,
    "most-frequent": _most_frequent,
}
IMPUTATIONS: Final = tuple(_STATISTICS)
"""The statistics that can replace missing values."""
