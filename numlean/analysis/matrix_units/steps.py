"""The steps of a matrix unit as text: the bits of each term under those of e*."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from numlean.analysis.matrix_units.shrinking import DotProduct
from numlean.precision.matrix_units import MatrixUnit
from numlean.precision.matrix_units.steps import Step, Term, unit_steps
from numlean.text_table import align_rows
from numlean_kernels.formats import Format

_LOST_BITS: Final = 16
"""The most bits beyond the alignment that are shown."""
_PADDING: Final = -252
"""The exponent of the product of two zeros, where it counts: it is below that of any c."""
_LEAST_RUN: Final = 3
"""As many terms of zero are one line."""


def steps_lines(unit: MatrixUnit, product: DotProduct) -> list[str]:
    """Return the steps of a dot product as lines."""
    lines: list[str] = []
    for step in unit_steps(unit.unit, product.a, product.b, product.c):
        lines += _step_lines(step, unit.unit.output)
    return lines


def _step_lines(step: Step, output: Format) -> Iterator[str]:
    yield from _head(step)
    if step.top is not None and step.fraction_bits is not None:
        yield from align_rows(_aligned_rows(step, step.top, step.fraction_bits), indent="  ")
    else:
        rows = [(each.name, each.text, _value(each.value)) for each in step.terms]
        yield from align_rows(_without_zeros(rows, step.terms), indent="  ")
    if step.result is not None:
        how = f", {step.rounding}" if step.rounding else ""
        total = "" if step.total is None else f"{_value(step.total)}{how}: "
        yield f"  = {total or f'{step.rounding}: '}{_hex(step.result, output)}"


def _head(step: Step) -> Iterator[str]:
    if step.top is None or step.fraction_bits is None:
        yield step.title
        return
    owners = [each.name for each in step.terms if each.exponent == step.top]
    of = f" (of {owners[0]})" if owners else " (the least e*)"
    unit = _power(step.top - step.fraction_bits)
    yield (
        f"{step.title}: e* = {step.top}{of}; terms become multiples of {unit}"
        f" (F = {step.fraction_bits})"
    )


def _aligned_rows(step: Step, top: int, bits: int) -> list[tuple[str, ...]]:
    unit = Fraction(2) ** (top - bits)
    numbers = [int(each.aligned / unit) for each in step.terms if each.aligned is not None]
    total = int((step.total or Fraction(0)) / unit)
    widest = max(abs(x).bit_length() for x in (*numbers, total))
    whole = max(1, widest - bits)
    rows = [
        (
            each.name,
            each.text,
            "" if each.exponent is None else f"e = {each.exponent}",
            bit_picture(number, bits, whole) + _lost_bits(each, unit),
        )
        for each, number in zip(step.terms, numbers, strict=True)
    ]
    shown = _without_zeros(rows, step.terms)
    return [*shown, ("sum", "", "", bit_picture(total, bits, whole))]


def bit_picture(number: int, bits: int, whole: int) -> str:
    """Return a number with a sign and a point before its last bits."""
    digits = f"{abs(number):0{whole + bits}b}"
    sign = "-" if number < 0 else "+" if number else " "
    return f"{sign}{digits[:-bits] if bits else digits}.{digits[-bits:] if bits else ''}"


def _lost_bits(term: Term, unit: Fraction) -> str:
    """Return the bits that were cut off, after a bar."""
    lost = abs(term.lost) / unit
    if lost == 0:
        return "|"
    shown = int(lost * (1 << _LOST_BITS))
    digits = f"{shown:0{_LOST_BITS}b}"
    is_more = lost * (1 << _LOST_BITS) != shown
    return f"|{digits}..." if is_more else f"|{digits.rstrip('0')}"


def _without_zeros(rows: Sequence[tuple[str, ...]], terms: Sequence[Term]) -> list[tuple[str, ...]]:
    """Return rows in which a run of terms that are zero, and not e*, is one row."""
    result: list[tuple[str, ...]] = []
    run: list[tuple[str, ...]] = []

    def end_run() -> None:
        if len(run) < _LEAST_RUN:
            result.extend(run)
        else:
            result.append((f"{run[0][0]} ... {run[-1][0].removeprefix('k = ')}", "zero"))
        run.clear()

    for row, term in zip(rows, terms, strict=True):
        if term.value == 0 and term.exponent in (None, _PADDING) and term.name != "c":
            run.append(row)
        else:
            end_run()
            result.append(row)
    end_run()
    return result


def _value(value: Fraction | None) -> str:
    """Return an exact value as a short text: a decimal, or a multiple of a power of two."""
    if value is None:
        return "not finite"
    if value.denominator == 1 and abs(value) < 1 << 20:
        return str(value)
    shift = (value.numerator & -value.numerator).bit_length() - 1
    odd, exponent = value.numerator >> shift, shift - (value.denominator.bit_length() - 1)
    if abs(odd) == 1:
        return f"{'-' if odd < 0 else ''}{_power(exponent)}"
    return f"{odd} * {_power(exponent)}"


def _power(exponent: int) -> str:
    return f"2^{exponent}"


def _hex(encoding: int, format: Format) -> str:
    return f"{encoding:#0{2 + (format.width + 3) // 4}x}"
