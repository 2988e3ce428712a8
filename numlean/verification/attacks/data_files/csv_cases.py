"""Hostile text tables."""

from __future__ import annotations

from random import Random
from typing import Final

from numlean.verification.attacks.bytes_mutations import mutate_bytes
from numlean.verification.attacks.data_files.case import Case

_OPTIONS: Final = ("--target", "y", "--hidden", "3", "--steps", "1", "--batch-size", "2", "--json")

_CELLS: Final = (
    *(
        "1e999999999",
        "-1e-999999999",
        "1e999999999999999999999",
        "0e99999999999",
        "1e-400",
        "1e308",
    ),
    *(
        "9" * 5000,
        "0." + "1" * 5000,
        "1" * 140_000,
        "x" * 140_000,
        "1e" + "9" * 5000,
        "٣",
        "\uff11",
    ),
    *(
        "nan",
        "inf",
        "-0",
        "",
        " ",
        '"',
        '""',
        '"a',
        "a\0b",
        "\x1b[31mred",
        "\r",
        "\u2028",
        "\ufeff",
    ),
    *("1,5", "1.000,5", "1'000", "50%", "(3)", "3-", "$5", "5 kg", "1e99999999%", "0x10", "1_000"),
    *("=cmd()", "#", "'", "\\", "\ud800", "\U0010ffff", "a" * 300, "[/b]", "$x^2$", "NaN", "?"),
)

_MORE_OPTIONS: Final = (
    *(("--header", each) for each in ("yes", "no", "auto")),
    *(("--delimiter", each) for each in (";", "space", "tab", "\\", "ab", "\x1b")),
    *(("--decimal", each) for each in (",", " ", "e")),
    *(("--thousands", each) for each in ("'", "space", ".")),
    *(("--na-values", each) for each in ("1e999999999", "0e99", "-999,x", '"', "9" * 5000)),
    *(("--impute", each) for each in ("mean", "median", "most-frequent", "1e999", "0", "9" * 400)),
    *(("--kind", each) for each in ("classification", "regression")),
    *(("--categorical", each) for each in ("a", "y", "1", "\x1b[31m", "b" * 300)),
    *(("--drop", each) for each in ("a", "99999999999999999999", "0", "b" * 300)),
    *(("--test-share", each) for each in ("1e999999999", "1/3", "0.999", "1e-99999", "9" * 5000)),
    *(("--standardise", each) for each in ("scalar", "none")),
    *(("--comment", each) for each in ("#", "//", "\x1b")),
    *(("--target", each) for each in ("a", "3", "a,b", "\x1b[31m", "y" * 300)),
    *(("--split-seed", each) for each in ("9" * 30, "-1")),
    ("--drop-missing",),
)

_ENCODINGS: Final = (
    *("utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7", "shift_jis", "big5"),
    *("unicode_escape", "raw_unicode_escape", "idna", "punycode", "cp037", "utf-8-sig", "hz"),
)


def csv_case(draw: Random) -> Case:
    """Return a hostile table."""
    words, text = draw.choice(_MAKERS)(draw)
    content = text.encode("utf-8", "surrogatepass")
    options = list(_OPTIONS)
    for _ in range(draw.choice((0, 0, 1, 2, 3))):
        options += draw.choice(_MORE_OPTIONS)
    if draw.random() < 0.2:
        encoding = draw.choice(_ENCODINGS)
        options += ["--encoding", encoding]
        content = content if draw.random() < 0.5 else _encoded(text, encoding)
    if draw.random() < 0.4:
        change, content = mutate_bytes(content, draw)
        words = f"{words}, {change}"
    return Case(words, content, draw.choice((".csv", ".csv", ".tsv", ".txt")), tuple(options))


def _encoded(text: str, encoding: str) -> bytes:
    """Return a text in an encoding, or in UTF-8 if the encoding cannot replace characters."""
    try:
        return text.encode(encoding, "replace")
    except UnicodeError:
        return text.encode("utf-8", "replace")


def _rows(draw: Random, rows: int, columns: int) -> list[list[str]]:
    names = [*["a", "b", *(f"c{k}" for k in range(columns - 3))][: columns - 1], "y"]
    body = [[str(draw.choice((k, k / 4, -k))) for _ in names] for k in range(rows)]
    return [names, *body]


def _join(rows: list[list[str]], draw: Random) -> str:
    delimiter, end = draw.choice(",,;\t| "), draw.choice(("\n", "\n", "\r\n", "\r"))
    return end.join(delimiter.join(row) for row in rows) + draw.choice((end, ""))


def _plain(draw: Random) -> tuple[str, str]:
    return "a table", _join(_rows(draw, draw.randint(0, 12), draw.randint(1, 6)), draw)


def _hostile_cells(draw: Random) -> tuple[str, str]:
    rows, chosen = _rows(draw, 8, 4), draw.choice(_CELLS)
    for _ in range(draw.choice((1, 1, 3))):
        rows[draw.randrange(len(rows))][draw.randrange(4)] = chosen
    return f"the cell {chosen!r:.30}", _join(rows, draw)


def _hostile_column(draw: Random) -> tuple[str, str]:
    rows, column = _rows(draw, 8, 4), draw.randrange(4)
    for row in rows[1:]:
        row[column] = draw.choice(_CELLS)
    return "a column of hostile cells", _join(rows, draw)


def _many_columns(draw: Random) -> tuple[str, str]:
    count = draw.choice((100, 1000, 5000))
    return f"{count} columns", _join(_rows(draw, draw.choice((0, 2)), count), draw)


def _one_line(draw: Random) -> tuple[str, str]:
    piece = draw.choice(("1,", "x", '"', ",", "1 ", '"",', "\t;", "\0"))
    return f"one line of {piece!r}", piece * draw.choice((100, 10_000, 150_000))


def _many_classes(draw: Random) -> tuple[str, str]:
    count, kind = draw.choice((100, 1200)), draw.choice(("t", ""))
    rows = [["a", "b", "y"], *([f"{kind}{k}", "1", f"{kind}{k}"] for k in range(count))]
    return f"{count} classes", _join(rows, draw)


def _same_names(draw: Random) -> tuple[str, str]:
    name = draw.choice(("", "y", "a" * 300, "\x1b[2J", "a\0", "1", "nan"))
    return f"columns called {name!r:.20}", _join([[name, name, "y"], *_rows(draw, 4, 3)[1:]], draw)


_MAKERS: Final = (
    *(_plain, _hostile_cells, _hostile_cells, _hostile_column, _many_columns, _one_line),
    *(_many_classes, _same_names),
)
