"""How a text file separates its cells and lines, and its rows from comments."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from numlean.data.number_format import NumberFormat
from numlean.data.size_limit import check_size
from numlean.data.text_file import UTF_8, check_encoding
from numlean.errors import DataError, NumleanError

_DELIMITERS: Final = ("\t", ";", ",", "|")
"""The delimiters that are looked for, in this order."""
_DECLARATION: Final = re.compile(r"sep=([^\w\s]|\t)(?=\n)")
"""The first line with which Excel states the delimiter."""
_NAMES: Final = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "space": " ",
    "whitespace": " ",
    "apostrophe": "'",
    "none": None,
}
_QUOTE: Final = '"'
_CELL_SIZE: Final = 8
"""The memory of a reference to a cell, in bytes."""

Record = tuple[int, tuple[str, ...]]
"""The line at which a row begins, counted from 1, and its cells without surrounding blanks."""


@dataclass(frozen=True)
class CsvDialect:
    r"""The dialect of a text file.

    Attributes:
        delimiter: The character between cells, or its name: tab, comma, semicolon, pipe, or space
            for any number of blanks. None takes it from a first line such as ``sep=;``, or chooses
            the first of tab, semicolon, comma and pipe that splits the first row.
        decimal: The decimal separator of numbers.
        thousands: The separator between groups of digits; None for none.
        encoding: The encoding, as Python names it.
        comment: A text; it and the rest of its line are ignored outside of quotes. None for none.

    Raises:
        NumleanError: A value is not such a character, or two have the same meaning.
    """

    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = UTF_8
    comment: str | None = None

    def __post_init__(self) -> None:
        for option in ("delimiter", "decimal", "thousands"):
            given = getattr(self, option)
            if given is not None:
                object.__setattr__(self, option, _character(option, given))
        check_encoding(self.encoding)
        if self.comment is not None:
            _check_comment(self.comment)
        taken: dict[str, str] = {}
        for option in ("decimal", "thousands", "comment"):
            _check_distinct(taken, option, getattr(self, option))
        # Quoted cells may contain the delimiter as a separator in numbers.
        if self.delimiter == self.comment:
            _check_distinct(taken, "delimiter", self.delimiter)

    @property
    def numbers(self) -> NumberFormat:
        """The format of numbers."""
        return NumberFormat(self.decimal, self.thousands)

    def records(self, path: str, text: str) -> Iterator[Record]:
        """Yield the rows of a text, without those that are empty.

        Args:
            path: The file, for messages.
            text: Its text.

        Raises:
            DataError: A quoted cell does not end as it must.
        """
        declared = _DECLARATION.match(text)
        if declared is not None and self.delimiter is None:
            # An empty line takes its place, so that rows keep the numbers of their lines.
            return self._split(path, text[declared.end() :], declared[1])
        return self._split(path, text, self.delimiter or self._detect(path, text))

    def _split(self, path: str, text: str, delimiter: str) -> Iterator[Record]:
        count = text.count(delimiter) + text.count("\n")
        check_size(f"{path}: a table of up to {count:,} cells", count * _CELL_SIZE)
        lines: Iterable[str] = _lines(text)
        if delimiter == " ":
            lines = (line.expandtabs(1).rstrip() + "\n" for line in lines)
        if self.comment is not None:
            lines = _without_comments(lines, delimiter, self.comment)
        # Each line of the text stays one line, so that rows have their line numbers.
        reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        line = 1
        try:
            for record in reader:
                cells = tuple(cell.strip() for cell in record)
                if len(cells) > 1 or any(cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}: row {line}: {_reason(error)}") from None

    def _detect(self, path: str, text: str) -> str:
        """Return the first delimiter that splits the first row; the comma if none does."""
        # The decimal separator may separate cells only if nothing else does.
        candidates = sorted(_DELIMITERS, key=lambda each: each == self.decimal)
        for delimiter in candidates:
            try:
                _, cells = next(self._split(path, text, delimiter), (0, ()))
            except DataError:
                continue
            if len(cells) > 1:
                return delimiter
        return ","


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, without a copy of all of it."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _reason(error: csv.Error) -> str:
    """Return what is wrong with a row, and the fix."""
    text = str(error)
    if "field limit" in text:
        return (
            f"a cell has more than {csv.field_size_limit():,} characters; check that each quote is"
            " closed, and pass --delimiter if something else separates the cells"
        )
    if "end of data" in text:
        return 'a cell begins with a quote (") that is not closed'
    return text


def _character(option: str, given: str) -> str | None:
    named = _NAMES.get(given, given)
    if named is None and option == "thousands":
        return None
    if named is None or len(named) != 1 or named.isalnum() or named in '"+-\n\r\0\\':
        names = ", ".join(name for name in _NAMES if name.isalpha() and name != "none")
        raise NumleanError(
            f"--{option} must be one character that numbers do not contain, or one of {names};"
            f" got {given!r:.80}"
        )
    if option == "decimal" and named.isspace():
        raise NumleanError(f"--decimal must not be a blank, got {given!r}")
    return named


def _check_comment(text: str) -> None:
    if not text or text[0].isalnum() or text[0].isspace() or set(text) & set('"+-.\n\r\0'):
        raise NumleanError(
            f"--comment must be a text that no cell begins with, such as #, got {text!r:.80}"
        )


def _check_distinct(taken: dict[str, str], option: str, text: str | None) -> None:
    if text is None:
        return
    if text in taken:
        raise NumleanError(
            f"--{taken[text]} and --{option} are both {text!r:.80}; give each its own"
        )
    taken[text] = option


def _without_comments(lines: Iterable[str], delimiter: str, comment: str) -> Iterator[str]:
    """Yield lines of a text, cut where a comment begins."""
    is_quoted = False
    for line in lines:
        if comment not in line and _QUOTE not in line:
            yield line
            continue
        end, is_quoted = _comment_in(line, delimiter, comment, is_quoted=is_quoted)
        yield line if end == len(line) else line[:end].rstrip() + "\n"


def _comment_in(line: str, delimiter: str, comment: str, *, is_quoted: bool) -> tuple[int, bool]:
    """Return where a comment begins, and whether the line ends within a quoted cell."""
    k, at_start = 0, not is_quoted
    while k < len(line):
        if is_quoted:
            # A doubled quote ends the quotes and begins them again, which changes nothing.
            is_quoted = line[k] != _QUOTE
            at_start = not is_quoted and line[k + 1 : k + 2] == _QUOTE
        elif line.startswith(comment, k):
            return k, False
        elif line[k] == _QUOTE and at_start:
            is_quoted = True
        else:
            at_start = line[k] == delimiter or (at_start and line[k] == " ")
        k += 1
    return len(line), is_quoted
