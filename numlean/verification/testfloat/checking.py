"""Results and flags of another implementation, compared with ours as testfloat_ver does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from numlean.verification.encoding import is_nan
from numlean.verification.nan_rules import is_open_product
from numlean.verification.reference import Choices
from numlean.verification.testfloat.functions import Number, TestFunction
from numlean.verification.testfloat.lines import FLAGS, Columns
from numlean_kernels.flags import INVALID

_LETTERS: Final = ((16, "v"), (8, "i"), (4, "o"), (2, "u"), (1, "x"))

Bools = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Conditions:
    """What a comparison leaves open.

    Attributes:
        checks_nans: Whether the bits of NaNs are compared.
        checks_invalid_integers: Whether the integers of invalid conversions are compared.
        nan: The NaN rule; None if the user chose none, so that zero times infinity plus a NaN may
            be invalid or not (clause 7.2).
    """

    checks_nans: bool = False
    checks_invalid_integers: bool = False
    nan: str | None = None


@dataclass(frozen=True)
class Finding:
    """A case whose result or flags are not ours.

    Attributes:
        line: The number of the line, from 1.
        text: TestFloat's report: the operands, the result and flags found, and those expected.
    """

    line: int
    text: str


@dataclass
class CaseChecker:
    """Compares cases with a function.

    Attributes:
        function: The function.
        conditions: What may differ.
        tests: The number of cases so far.
        errors: The number of cases so far that differ.
    """

    function: TestFunction
    conditions: Conditions = field(default_factory=Conditions)
    tests: int = 0
    errors: int = 0

    @property
    def fields(self) -> tuple[Number, ...]:
        """The types of the fields of a line."""
        return (*self.function.operands, self.function.result, FLAGS)

    def check(self, line: int, columns: Columns) -> Iterator[Finding]:
        """Compare cases, and yield those that differ.

        Args:
            line: The number of the first case's line.
            columns: The operands, the results and the flags.
        """
        operands, result, flags = columns[:-2], columns[-2], columns[-1]
        expected, raised = self.function.compute(operands)
        wrong = (result != expected) & ~self._may_differ(result, expected, flags, raised)
        wrong |= (flags != raised) & ~self._is_open(operands, flags, raised)
        self.tests += len(result)
        for k in np.flatnonzero(wrong).tolist():
            self.errors += 1
            values = [int(x[k]) for x in operands]
            found, ours = (int(result[k]), int(flags[k])), (int(expected[k]), int(raised[k]))
            yield Finding(line + k, self._report(values, found, ours))

    def _may_differ(self, result: Any, expected: Any, flags: Any, raised: Any) -> Bools:
        none: Bools = np.zeros(len(result), np.bool_)
        kind = self.function.result
        if kind.format is not None and not self.conditions.checks_nans:
            return is_nan(kind.format, result) & is_nan(kind.format, expected)
        is_integer = kind.format is None and kind.bits > 1
        if is_integer and not self.conditions.checks_invalid_integers:
            word = kind.storage.type
            usual = [0, (1 << kind.bits) - 1, 1 << (kind.bits - 1), (1 << (kind.bits - 1)) - 1]
            is_usual = np.isin(result, [word(bits) for bits in usual])
            both: Bools = (flags == INVALID) & (raised == INVALID) & is_usual
            return both
        return none

    def _is_open(self, operands: Columns, flags: Any, raised: Any) -> Bools:
        format = self.function.result.format
        if self.function.operation != "fma" or self.conditions.nan is not None or format is None:
            return np.zeros(len(flags), np.bool_)
        is_open = is_open_product(format, Choices(), operands)
        either: Bools = is_open & np.isin(flags | raised, (0, INVALID))
        return either

    def _report(self, operands: list[int], found: tuple[int, int], ours: tuple[int, int]) -> str:
        given = "  ".join(
            show_number(kind, bits)
            for kind, bits in zip(self.function.operands, operands, strict=True)
        )
        actual, expected = (
            f"{show_number(self.function.result, bits)} {show_flags(flags)}"
            for bits, flags in (found, ours)
        )
        return f"{given}  => {actual}  expected {expected}"

    def title(self) -> str:
        """Return TestFloat's description of the function."""
        parts = [self.function.name]
        if self.function.rounding is not None:
            parts.append(f"rounding {self.function.rounding}")
        return ", ".join(parts)


def show_number(kind: Number, bits: int) -> str:
    """Return a number as TestFloat prints it: ``+7F.000000``, or the digits of an integer."""
    format = kind.format
    if format is None:
        return f"{bits:0{kind.digits}X}"
    sign = "-" if bits & format.sign_mask else "+"
    exponent = (bits & format.magnitude_mask) >> format.trailing_bits
    widths = (-(-format.exponent_bits // 4), -(-format.trailing_bits // 4))
    trailing = f"{bits & format.trailing_mask:0{widths[1]}X}" if format.trailing_bits else ""
    return f"{sign}{exponent:0{widths[0]}X}.{trailing}"


def show_flags(flags: int) -> str:
    """Return flags as TestFloat prints them: a letter or a dot for v i o u x."""
    return "".join(letter if flags & bit else "." for bit, letter in _LETTERS)
