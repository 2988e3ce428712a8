"""The blocks of docs/matrix-units.md that follow from the code, and its picture.

``tools/format_tables.py`` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from html import escape

import numpy as np

from numlean.analysis.matrix_units.rules import DIRECTIONS, KINDS
from numlean.analysis.matrix_units.shipped import CONTRADICTIONS
from numlean.analysis.matrix_units.shrinking import DotProduct
from numlean.analysis.matrix_units.steps import steps_lines
from numlean.precision.matrix_units import get_matrix_unit
from numlean_kernels.matrix_units.chips import OUTPUTS, ROWS, Row
from numlean_kernels.matrix_units.rule import BlockFma, ScaledSums

_MINUS = "\N{MINUS SIGN}"
_TIMES = "\N{MULTIPLICATION SIGN}"

EIGHT = (
    (1.5, 1.5),
    (-1.5, 2.0**-10),
    (1.25 * 2.0**-10, 2.0**-10),
    (1.375 * 2.0**-11, 2.0**-11),
    (-1.625 * 2.0**-12, 2.0**-11),
    (1.75 * 2.0**-12, 2.0**-12),
    (1.5 * 2.0**-13, 2.0**-12),
    (-(2.0**-13), 2.0**-13),
)
"""The operands of the example: numbers of fp16. c is 1."""

PICTURED = ("A100:fp16", "H100:fp16")


def example() -> DotProduct:
    """Return the encodings of the example."""
    a, b = (
        tuple(int(code) for code in np.float16(side).view(np.uint16))
        for side in zip(*EIGHT, strict=True)
    )
    return DotProduct(a, b, 0x3F800000)


def steps_block(name: str) -> str:
    """Return the steps of the example in a unit."""
    lines = steps_lines(get_matrix_unit(name), example())
    return "```text\n" + "\n".join([name, *lines]) + "\n```\n"


def units_table() -> str:
    """Return a row for each row of the list of units."""
    titles = ("chips", "operands", "instruction", "output", "rule", "evidence")
    head = f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}\n"
    return head + "".join(map(_unit_row, ROWS))


def contradictions_table() -> str:
    """Return a row for each product in which the published models contradict each other."""
    head = "| product | encodings | K/M | MMA |\n|---|---|---|---|\n"
    return head + "".join(_contradiction_rows())


def _unit_row(row: Row) -> str:
    cells = (
        ", ".join(row.chips),
        ", ".join(f"`{each}`" for each in row.operands),
        f"`{row.kind}`" if row.kind else "",
        row.output,
        _rule(row),
        row.evidence.replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |\n"


def _rule(row: Row) -> str:
    """Return a rule in a few words."""
    if row.scales is None:
        return _rule_alone(row)
    return f"{_rule_alone(row)}; scales in {row.scales.format.name} of {row.scales.size} k each"


def _rule_alone(row: Row) -> str:
    """Return a rule in a few words, without its scales."""
    rule = row.rule
    if isinstance(rule, ScaledSums):
        floor = f"e\\* ≥ {rule.floor}".replace("-", _MINUS)
        sizes = f"{rule.group} products in parts of {rule.part}; F = {rule.fraction_bits}, {floor}"
        return f"{sizes}; {KINDS[ScaledSums]}"
    if not isinstance(rule, BlockFma):
        group = getattr(rule, "group", None)
        return KINDS[type(rule)] + (f"; groups of {group}" if group else "")
    groups = rule.instruction // rule.group
    precision = rule.result_precision or OUTPUTS[row.output].precision
    floor = "" if rule.floor is None else f", e\\* ≥ {rule.floor}".replace("-", _MINUS)
    parts = [
        f"{groups} {_TIMES} {rule.group} products" if groups > 1 else f"{rule.group} products",
        f"F = {rule.fraction_bits}{floor}",
        f"sums {DIRECTIONS[rule.result]} to {precision} bits",
    ]
    return "; ".join([*parts, *(["c is added last"] if rule.adds_last else [])])


def _contradiction_rows() -> Iterator[str]:
    for vector in CONTRADICTIONS:
        p = vector.product
        narrow = get_matrix_unit(next(iter(vector.answers))).unit.left.format.width // 4
        texts = [" ".join(f"{x:#0{narrow + 2}x}" for x in side) for side in (p.a, p.b)]
        (chip, km), (_, mma) = list(vector.answers.items())[:2]
        encodings = f"`a` = {texts[0]}; `b` = {texts[1]}; `c` = 0"
        yield f"| {vector.name} (`{chip}`) | {encodings} | `{km:#010x}` | `{mma:#010x}` |\n"


_CELL, _ROW, _LABELS = 14, 22, 150
_HIGHEST, _LOWEST = 1, -26
_KEPT, _LOST, _ZERO = "#1f6feb", "#d1242f", "#eaeef2"


def picture() -> str:
    """Return the bits of all terms in both units as SVG: kept ones, and those cut off."""
    product = example()
    parts, top = [], 0
    for name in PICTURED:
        rows = list(_picture_of(name, product, top))
        parts += rows
        top += (len(EIGHT) + 4) * _ROW
    width = _LABELS + (_HIGHEST - _LOWEST + 1) * _CELL + 130
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}"'
        f' viewBox="0 0 {width} {top}" font-family="monospace" font-size="12">'
    )
    title = "<title>Eight products and c in the matrix units of an A100 and an H100</title>"
    background = f'<rect width="{width}" height="{top}" fill="#ffffff"/>'
    return "\n".join([head, title, background, *parts, "</svg>"]) + "\n"


def _picture_of(name: str, product: DotProduct, top: int) -> Iterator[str]:
    unit = get_matrix_unit(name)
    (step,) = unit.steps(product.a, product.b, product.c)
    assert step.top is not None
    assert step.fraction_bits is not None
    last = step.top - step.fraction_bits
    yield _text(4, top + 15, f"{name}: F = {step.fraction_bits}, e* = {step.top}", bold=True)
    y = top + _ROW
    for term in step.terms[: len(EIGHT) + 1]:
        assert term.value is not None
        yield _text(4, y + 15, f"{term.name:<5} e = {term.exponent}")
        yield from _cells(term.value, y, last)
        y += _ROW
    assert step.total is not None
    yield _text(4, y + 15, "sum")
    yield from _cells(step.total, y, last)
    yield _text(_LABELS + (_HIGHEST - _LOWEST + 1) * _CELL + 8, y + 15, f"{step.result:#010x}")
    x = _LABELS + (_HIGHEST - last + 1) * _CELL
    yield (
        f'<line x1="{x}" y1="{top + _ROW}" x2="{x}" y2="{y + _ROW}" stroke="#000000"'
        ' stroke-width="2"/>'
    )


def _cells(value: Fraction, y: int, last: int) -> Iterator[str]:
    """Yield a square for each bit; one for a bit that is set is filled."""
    units = abs(value) / Fraction(2) ** _LOWEST
    assert units.denominator == 1
    sign = _MINUS if value < 0 else "+"
    yield _text(_LABELS - 14, y + 15, sign)
    for exponent in range(_HIGHEST, _LOWEST - 1, -1):
        is_set = units.numerator >> (exponent - _LOWEST) & 1
        colour = (_KEPT if exponent >= last else _LOST) if is_set else _ZERO
        x = _LABELS + (_HIGHEST - exponent) * _CELL
        yield (
            f'<rect x="{x + 1}" y="{y + 3}" width="{_CELL - 2}" height="{_ROW - 6}"'
            f' fill="{colour}"/>'
        )


def _text(x: int, y: int, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="#000000"{weight}>{escape(text)}</text>'
