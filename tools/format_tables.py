"""Write the tables of formats, names and matrix units in README.md and docs from the data.

python tools/format_tables.py
"""

from __future__ import annotations

import re
from functools import partial
from math import ldexp
from pathlib import Path

import matrix_unit_blocks
from numlean.scalar.dtype import ALIASES
from numlean_kernels.formats import NAMED, Format, NamedFormat, Nans
from numlean_kernels.tables.exact import decode

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference.md"
MATRIX_UNITS = ROOT / "docs" / "matrix-units.md"

_MINUS = "\N{MINUS SIGN}"
_NANS = {
    Nans.ALL_ONES: "one NaN of each sign",
    Nans.NEGATIVE_ZERO: "one NaN, in the place of \N{MINUS SIGN}0",
    Nans.NONE: "no NaN",
}


def readme_table() -> str:
    """Return the rows: a dtype and its summary."""
    rows = (f"| `{each.name}` | {each.summary} |\n" for each in _ordered())
    return "| dtype | number format |\n|---|---|\n" + "".join(rows)


def formats_table() -> str:
    """Return the rows: a dtype, its fields, its range and its specials."""
    head = (
        "| dtype | sign / exponent / trailing bits | bias | emin | emax | least | greatest"
        " | specials |\n|---|---|--:|--:|--:|---|---|---|\n"
    )
    return head + "".join(map(_format_row, _ordered()))


def names_table() -> str:
    """Return the rows: a dtype and its other names."""
    names: dict[str, list[str]] = {}
    for alias, dtype in ALIASES.items():
        names.setdefault(dtype, []).append(f"`{alias}`")
    rows = (f"| `{dtype}` | {', '.join(others)} |\n" for dtype, others in names.items())
    return "| dtype | other names |\n|---|---|\n" + "".join(rows)


TABLES = {
    README: {"formats": readme_table},
    REFERENCE: {"formats": formats_table, "names": names_table},
    MATRIX_UNITS: {
        "units": matrix_unit_blocks.units_table,
        "contradictions": matrix_unit_blocks.contradictions_table,
        **{
            f"steps of {name}": partial(matrix_unit_blocks.steps_block, name)
            for name in matrix_unit_blocks.PICTURED
        },
    },
}
"""The tables of each page by the names of their blocks."""

PICTURES = {ROOT / "docs" / "matrix-units.svg": matrix_unit_blocks.picture}
"""The function that makes each picture."""


def block(name: str) -> re.Pattern[str]:
    """Return the pattern of the contents of a block."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)


def updated(page: Path) -> str:
    """Return the text of a page with current tables."""
    text = page.read_text(encoding="utf-8")
    for name, table in TABLES[page].items():
        text = block(name).sub(lambda _, table=table: table(), text)  # type: ignore[misc]
    return text


def _ordered() -> list[NamedFormat]:
    """Return the named formats, the widest first."""
    return sorted(NAMED, key=lambda each: -each.format.width)


def _format_row(each: NamedFormat) -> str:
    f = each.format
    fields = f"{int(f.is_signed)} / {f.exponent_bits} / {f.trailing_bits}"
    least, greatest = (_value(f, code) for code in (int(f.has_zero), f.max_finite))
    numbers = (f"`{each.name}`", fields, str(f.bias), str(f.emin), str(f.emax), least, greatest)
    return f"| {' | '.join(numbers)} | {_specials(f)} |\n"


def _value(format: Format, encoding: int) -> str:
    """Return a number: in decimal if that is short, else as a multiple of a power of two."""
    m, e = decode(format, encoding)
    decimal = f"{ldexp(m, e):g}"
    if float(decimal) == ldexp(m, e) and "e" not in decimal and len(decimal) <= 6:
        return decimal
    power = f"2<sup>{e}</sup>".replace("-", _MINUS)
    if m == 1:
        return power
    digits = m.bit_length()
    return (
        f"(2<sup>{digits}</sup> {_MINUS} 1) · {power}"
        if m == (1 << digits) - 1
        else f"{m} · {power}"
    )


def _specials(format: Format) -> str:
    if format.nans is Nans.IEEE:
        return "as in IEEE 754"
    parts = [
        "infinities" if format.has_infinity else "no infinity",
        "one NaN" if not format.is_signed else _NANS[format.nans],
        "" if format.is_signed else "no sign",
        "" if format.has_zero else "no zero",
    ]
    return "; ".join(filter(None, parts))


if __name__ == "__main__":
    for path in TABLES:
        path.write_text(updated(path), encoding="utf-8")
    for path, make in PICTURES.items():
        path.write_text(make(), encoding="utf-8")
