"""Cells among numbers that are no numbers themselves, and what a user can do about them."""

from __future__ import annotations

import re
import shlex
import unicodedata
from itertools import product
from typing import Final

from numlean.data.missing import quote_word
from numlean.data.number_format import NumberFormat
from numlean.errors import DataError

_FORMATS: Final = tuple(
    NumberFormat(decimal, thousands)
    for decimal, thousands in product((".", ","), (None, ",", ".", " ", "'", "_"))
    if decimal != thousands
)
"""The formats that are tried on a cell that is no number in the format of its file."""

_MINUS: Final = str.maketrans(dict.fromkeys("\u2212\u2012\u2013\u2014\ufe63\uff0d", "-"))
_NEGATIVE: Final = re.compile(r"\(([^-+()]+)\)|([^-+]+)-")
"""Negative numbers in parentheses, or with the sign behind them, as in accounts."""
_UNIT: Final = r"([^\d.,+(){}\[\]-]{0,8}?)"
_WITH_UNIT: Final = re.compile(_UNIT + r"\s*([+-]?[\d.,]+)\s*" + _UNIT)
_PLACEHOLDERS: Final = frozenset({"missing", "unknown", "nil", "nd", "n.a.", "void", "empty"})


def fix(cell: str, numbers: NumberFormat) -> str | None:
    """Return how to make a number of a cell that is none; None if nothing is known."""
    return _notation(cell, numbers) or _without_unit(*_unit(cell), numbers) or _placeholder(cell)


def na_values(cell: str) -> str:
    """Return the option that makes a cell a missing value, as a shell takes it."""
    word = shlex.quote(quote_word(cell))
    return f"--na-values{'=' if word[0] == '-' else ' '}{word}"


def is_disguised(cell: str, numbers: NumberFormat) -> bool:
    """Return whether a cell is a number in another notation, or one with a sign of a currency."""
    if numbers.is_number(cell):
        return False
    unit, number = _unit(cell)
    is_currency = bool(unit) and all(unicodedata.category(each) == "Sc" for each in unit)
    return bool(_notation(cell, numbers) or (is_currency and _without_unit(unit, number, numbers)))


def _notation(cell: str, numbers: NumberFormat) -> str | None:
    tries = (_other_format, _other_characters, _negative, _percentage)
    return next(filter(None, (each(cell, numbers) for each in tries)), None)


def _other_format(cell: str, numbers: NumberFormat) -> str | None:
    """Return the options with which the cell is a number, the fewest first."""
    found = [each for each in _FORMATS if each.is_number(cell)]
    texts = list(dict.fromkeys(_options(each, numbers) for each in found))
    fewest = min((text.count("--") for text in texts), default=0)
    fixes = [text for text in texts if text.count("--") == fewest]
    return f"pass {' or '.join(fixes)}" if fixes else None


def _options(wanted: NumberFormat, given: NumberFormat) -> str:
    options = [f"--decimal '{wanted.decimal}'"] if wanted.decimal != given.decimal else []
    thousands = wanted.thousands
    if thousands is not None and thousands != given.thousands:
        quote = '"' if thousands == "'" else "'"
        options.append(f"--thousands {quote}{thousands}{quote}")
    return " ".join(options)


def _other_characters(cell: str, numbers: NumberFormat) -> str | None:
    ascii_only = unicodedata.normalize("NFKC", cell).translate(_MINUS).strip()
    if ascii_only != cell and numbers.is_number(ascii_only):
        return f"write it in ASCII characters: {ascii_only}"
    return None


def _negative(cell: str, numbers: NumberFormat) -> str | None:
    found = _NEGATIVE.fullmatch(cell)
    number = found and (found[1] or found[2]).strip()
    return f"write -{number}" if number and numbers.is_number(number) else None


def _percentage(cell: str, numbers: NumberFormat) -> str | None:
    number = cell.removesuffix("%").rstrip()
    if number == cell or not numbers.is_number(number):
        return None
    share = _hundredth(number, numbers)
    return f"write {share}, or {number} if the other rows are percentages too"


def _hundredth(number: str, numbers: NumberFormat) -> str:
    try:
        share = numbers.exact(number).scaleb(-2)
    except (DataError, ArithmeticError):
        return f"{number}e-2"
    text = f"{share:f}" if abs(share.adjusted()) < 30 else f"{share}"
    return text.rstrip("0").rstrip(".").replace(".", numbers.decimal) if "." in text else text


def _unit(cell: str) -> tuple[str, str]:
    """Return the unit before or after a number, and the number; empty texts if there is none."""
    found = _WITH_UNIT.fullmatch(cell)
    return ("", "") if found is None else (found[1] + found[3], found[2])


def _without_unit(unit: str, number: str, numbers: NumberFormat) -> str | None:
    if not unit:
        return None
    if numbers.is_number(number):
        return f"remove {unit!r} and write {number}, in the unit of the other rows"
    notation = _other_format(number, numbers)
    return None if notation is None else f"remove {unit!r}, and {notation}"


def _placeholder(cell: str) -> str | None:
    if not cell.isprintable():
        return None
    if any(map(str.isalnum, cell)) and cell.lower() not in _PLACEHOLDERS and cell[0] != "#":
        return None
    return f"pass {na_values(cell)} to read it as a missing value"
