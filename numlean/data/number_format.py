"""Numbers in the cells of a text file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Final

from numlean.errors import DataError

_ALIKE: Final = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
"""Characters that files use for the same separator, such as spaces that do not break a line."""


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

    def exact(self, cell: str) -> Decimal:
        """Return the exact number of a cell that is a number.

        Raises:
            DataError: The exponent has more than 18 digits.
        """
        try:
            return Decimal(self.plain(cell) or "")
        except InvalidOperation:
            raise DataError(f"the exponent of {cell:.80} is out of range") from None
