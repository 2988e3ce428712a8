"""Numbers in the cells of a text file, and what is wrong with a cell that is none."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import product
from typing import Final

from numlean.errors import DataError

_DECIMALS: Final = (".", ",")
_THOUSANDS: Final = (None, ",", ".", " ", "'", "_")
_ALIKE: Final = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
"""Characters that files use for the same separator, such as spaces that do not break a line."""
_MINUS: Final = str.maketrans(dict.fromkeys("\u2212\u2012\u2013\u2014\ufe63\uff0d", "-"))
_UNIT: Final = r"([^\d.,+(){}\[\]-]{0,8}?)"
_PLACEHOLDERS: Final = frozenset({"missing", "unknown", "nil", "nd", "n.a.", "void", "empty"})


@dataclass(frozen=True)
class NumberFormat:
    """How cells write numbers: digits with a decimal separator and perhaps an exponent.

    Attributes:
        decimal: The character between the integer and the fraction.
        thousands: The character between groups of three digits, or as in India of two before the
            last three; None for no groups. A space and an apostrophe also stand for their
            typographic variants.
    """

    decimal: str = "."
    thousands: str | None = None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        point, whole = re.escape(self.decimal), r"\d+"
        if self.thousands is not None:
            gap = f"[{re.escape(_ALIKE.get(self.thousands, self.thousands))}]"
            whole = rf"(?:\d{{1,3}}(?:{gap}\d{{3}})+|\d{{1,2}}(?:{gap}\d{{2}})+{gap}\d{{3}}|\d+)"
        return re.compile(
            rf"([+-]?)(?:({whole})(?:{point}(\d*))?|{point}(\d+))([eE][+-]?\d+)?", re.ASCII
        )

    def plain(self, cell: str) -> str | None:
        """Return the number of a cell as Python writes it; None if the cell is no number."""
        match = self._pattern.fullmatch(cell)
        if match is None:
            return None
        sign, whole, fraction, alone, exponent = match.groups()
        digits = "".join(filter(str.isdigit, whole or "0"))
        return f"{sign}{digits}.{fraction or alone or '0'}{exponent or ''}"

    def is_number(self, cell: str) -> bool:
        """Return whether a cell is a number."""
        return self._pattern.fullmatch(cell) is not None

    def is_disguised(self, cell: str) -> bool:
        """Return whether a cell is a number in another notation: separators, signs, percentages."""
        tries = (self._other_format, self._other_characters, self._percentage)
        return not self.is_number(cell) and any(each(cell) for each in tries)

    def exact(self, cell: str) -> Decimal:
        """Return the exact number of a cell that is a number.

        Raises:
            DataError: The exponent has more than 18 digits.
        """
        try:
            return Decimal(self.plain(cell) or "")
        except InvalidOperation:
            raise DataError(f"the exponent of {cell:.80} is out of range") from None

    def fix(self, cell: str) -> str | None:
        """Return how to make a number of a cell that is none; None if nothing is known."""
        return (
            self._other_format(cell)
            or self._other_characters(cell)
            or self._percentage(cell)
            or self._unit(cell)
            or self._placeholder(cell)
        )

    def _other_format(self, cell: str) -> str | None:
        """Return the options with which the cell is a number, the fewest first."""
        choices = [each for each in _FORMATS if each.is_number(cell)]
        texts = {self._options(each.decimal, each.thousands): None for each in choices}
        fewest = min((text.count("--") for text in texts), default=0)
        fixes = [text for text in texts if text.count("--") == fewest]
        return f"pass {' or '.join(fixes)}" if fixes else None

    def _options(self, decimal: str, thousands: str | None) -> str:
        options = [f"--decimal '{decimal}'"] if decimal != self.decimal else []
        if thousands is not None and thousands != self.thousands:
            quote = '"' if thousands == "'" else "'"
            options.append(f"--thousands {quote}{thousands}{quote}")
        return " ".join(options)

    def _other_characters(self, cell: str) -> str | None:
        ascii_only = unicodedata.normalize("NFKC", cell).translate(_MINUS).strip()
        if ascii_only != cell and self.is_number(ascii_only):
            return f"write it in ASCII characters: {ascii_only}"
        return None

    def _percentage(self, cell: str) -> str | None:
        number = cell.removesuffix("%").rstrip()
        if number == cell or not self.is_number(number):
            return None
        share = self._hundredth(number)
        return f"write {share}, or {number} if the other rows are percentages too"

    def _hundredth(self, number: str) -> str:
        try:
            share = self.exact(number).scaleb(-2)
        except (DataError, InvalidOperation):
            return f"{number}e-2"
        text = f"{share:f}" if abs(share.adjusted()) < 30 else f"{share}"
        return text.rstrip("0").rstrip(".").replace(".", self.decimal) if "." in text else text

    def _unit(self, cell: str) -> str | None:
        found = re.fullmatch(_UNIT + r"\s*([+-]?[\d.,]+)\s*" + _UNIT, cell)
        if found is None or not self.is_number(found[2]) or cell == found[2]:
            return None
        rest = found[1] + found[3]
        return f"remove {rest!r} and write {found[2]}, in the unit of the other rows"

    def _placeholder(self, cell: str) -> str | None:
        if not cell.isprintable():
            return None
        if any(map(str.isalnum, cell)) and cell.lower() not in _PLACEHOLDERS and cell[0] != "#":
            return None
        option = f"={shlex.quote(cell)}" if cell[0] == "-" else f" {shlex.quote(cell)}"
        return f"pass --na-values{option} to read it as a missing value"


_FORMATS: Final = tuple(
    NumberFormat(decimal, thousands)
    for decimal, thousands in product(_DECIMALS, _THOUSANDS)
    if decimal != thousands
)
"""The formats that are tried on a cell that is no number in the format of its file."""
