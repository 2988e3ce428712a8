"""Compare two matrix units: their rules, and dot products that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.analysis.matrix_units.rules import RuleRow, compare_rules
from numlean.analysis.matrix_units.search import TRIALS, Progress, Search, search
from numlean.analysis.matrix_units.shipped import SHIPPED, ShippedVector
from numlean.analysis.matrix_units.shrinking import DotProduct
from numlean.analysis.matrix_units.steps import steps_lines
from numlean.analysis.matrix_units.vectors import UnitVectors, stack
from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.precision.matrix_units import MatrixUnit, get_matrix_unit
from numlean.text_table import align_rows

_MOST_TRIALS: Final = 10**12
_MOST_K: Final = 2
"""The longest products of a search, in instructions of the unit that takes more products."""
_WIDEST: Final = 32
"""The most bits of an operand in a search and in test vectors."""
_FOUND: Final = "found by search"


@dataclass(frozen=True)
class ToldApart:
    """A dot product for which two units give different results.

    Attributes:
        name: What it shows.
        product: The encodings.
        first: The result of the first unit, an encoding of the output.
        second: The result of the second unit.
    """

    name: str
    product: DotProduct
    first: int
    second: int


@checked
@dataclass(frozen=True, eq=False)
class UnitComparison:
    """Two matrix units side by side.

    Attributes:
        first: A unit.
        second: Another unit.
        rules: Every part of their rules.
        shipped: The shipped vectors that tell them apart.
        search: The result of a search; None if there was none.
        found: The product that the search found; None without one.
    """

    first: MatrixUnit
    second: MatrixUnit
    rules: tuple[RuleRow, ...]
    shipped: tuple[ToldApart, ...]
    search: Search | None = None
    found: ToldApart | None = None

    @property
    def differences(self) -> tuple[RuleRow, ...]:
        """The parts of the rules that differ."""
        return tuple(row for row in self.rules if not row.is_equal)

    @property
    def is_comparable(self) -> bool:
        """Whether a dot product of encodings has a meaning for both units."""
        has_scales = self.first.unit.scales is not None
        return not has_scales and _formats(self.first) == _formats(self.second)

    def vectors(self) -> UnitVectors:
        """Return all products that tell the units apart, the found one first, as test vectors.

        Raises:
            NumleanError: There are none.
        """
        every = [each for each in (self.found, *self.shipped) if each is not None]
        if not every:
            hint = "" if self.search is not None else "; search for one"
            raise NumleanError(
                f"no dot product is known that tells {self.first.name} and {self.second.name} apart"
                f"{hint}"
            )
        rows = [(each.product.a, each.product.b, each.product.c) for each in every]
        answers = {
            self.first.name: np.array([each.first for each in every], np.uint32),
            self.second.name: np.array([each.second for each in every], np.uint32),
        }
        return UnitVectors(
            self.first.operands,
            self.first.output,
            *stack(rows),
            instruction=_common_instruction(self.first, self.second),
            lengths=tuple(each.product.k for each in every),
            names=tuple(each.name for each in every),
            answers=answers,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return all of it as data for JSON."""
        return {
            "a": self.first.name,
            "b": self.second.name,
            "evidence": [self.first.evidence, self.second.evidence],
            "differences": [
                {"part": row.part, "a": row.first, "b": row.second} for row in self.differences
            ],
            "equal": [row.part for row in self.rules if row.is_equal],
            "comparable": self.is_comparable,
            "vectors": [self._plain(each) for each in self.shipped],
            "trials": None if self.search is None else self.search.trials,
            "found": None if self.found is None else self._plain(self.found),
        }

    def __str__(self) -> str:
        """Return the differences, the vectors and the steps of the found product, as text."""
        lines = [f"{unit.name}: {unit.evidence}" for unit in (self.first, self.second)]
        return "\n".join([*lines, "", *self._rule_lines(), *self._vector_lines()])

    def _rule_lines(self) -> list[str]:
        differing = self.differences
        if not differing:
            return ["The rules are equal, so every dot product has the same result in both."]
        rows = [("", self.first.name, self.second.name)]
        rows += [(row.part, row.first or "-", row.second or "-") for row in differing]
        equal = [row.part for row in self.rules if row.is_equal]
        return [
            "The rules differ in:",
            *align_rows(rows, indent="  "),
            f"Equal: {', '.join(equal)}",
        ]

    def _vector_lines(self) -> list[str]:
        if self.first.unit.scales or self.second.unit.scales:
            return ["", "Operands with scales are not compared product by product."]
        if not self.is_comparable:
            return [
                "",
                "Their operands or outputs differ in format, so no dot product is for both.",
            ]
        if not self.differences:
            return []
        lines = [
            "",
            "Shipped vectors that tell them apart:"
            if self.shipped
            else "No shipped vector tells them apart.",
        ]
        for each in self.shipped:
            lines += self._product_lines(each)
        if self.search is not None:
            lines += ["", *self._search_lines(self.search)]
        return lines

    def _search_lines(self, made: Search) -> list[str]:
        ended = " (interrupted)" if made.is_partial else ""
        if self.found is None:
            return [
                f"{made.trials:,} structured trials of up to {made.longest} products found no"
                f" difference{ended}."
            ]
        product = self.found.product
        lines = [f"The shortest dot product found, after {made.trials:,} structured trials:"]
        lines += self._product_lines(self.found)
        for unit in (self.first, self.second):
            lines += ["", f"  {unit.name}:"]
            lines += [f"    {line}" for line in steps_lines(unit, product)]
        return lines

    def _product_lines(self, each: ToldApart) -> list[str]:
        narrow, wide = self.first.unit.left.format.width, self.first.unit.output.width
        product = each.product
        operands = [f"a = {_hexes(product.a, narrow)}", f"b = {_hexes(product.b, narrow)}"]
        results = [
            f"{unit.name}: {_hexes((z,), wide)}"
            for unit, z in ((self.first, each.first), (self.second, each.second))
        ]
        return [
            f"  {each.name}",
            *(f"    {line}" for line in (*operands, f"c = {_hexes((product.c,), wide)}")),
            f"    {'; '.join(results)}",
        ]

    def _plain(self, each: ToldApart) -> dict[str, Any]:
        narrow, wide = self.first.unit.left.format.width, self.first.unit.output.width
        p = each.product
        return {
            "name": each.name,
            "a": [_hex(x, narrow) for x in p.a],
            "b": [_hex(x, narrow) for x in p.b],
            "c": _hex(p.c, wide),
            "result_a": _hex(each.first, wide),
            "result_b": _hex(each.second, wide),
        }


@checked
def compare_units(
    a: str | MatrixUnit,
    b: str | MatrixUnit,
    *,
    find: bool = False,
    trials: int = TRIALS,
    seed: int = 0,
    device: str = "cpu",
    on_batch: Progress | None = None,
) -> UnitComparison:
    """Compare the rules of two matrix units, and list dot products that tell them apart.

    Units whose operands or outputs differ in format have no dot product in common: only their rules
    are compared.

    Args:
        a: A unit, or its name, such as ``A100:fp16``.
        b: Another one.
        find: Search for the shortest dot product that tells them apart.
        trials: The number of structured trials of the search.
        seed: The seed of the trials.
        device: The device that computes the trials: ``cpu``, ``cuda`` or ``python``.
        on_batch: Is told how many trials were made since its last call; true ends the search.

    Returns:
        The comparison; ``print`` shows it, and ``to_plain()`` returns it as data.

    Raises:
        NumleanError: A name is unknown, ``trials`` is not positive, or there is nothing to search
            since the formats differ.
    """
    first, second = (get_matrix_unit(each) if isinstance(each, str) else each for each in (a, b))
    if not 1 <= trials <= _MOST_TRIALS:
        raise NumleanError(f"trials must be between 1 and {_MOST_TRIALS:g}, got {trials}")
    if seed < 0:
        raise NumleanError(f"seed must not be negative, got {seed}")
    result = UnitComparison(first, second, compare_rules(first, second), ())
    if not result.is_comparable:
        if find and (first.unit.scales or second.unit.scales):
            raise NumleanError(
                f"the search has no scales, but {first.name} or {second.name} takes them; compare"
                " their rules without it"
            )
        if find:
            raise NumleanError(
                f"{first.name} and {second.name} have operands or outputs of different formats"
                f" ({'->'.join(_names(first))} and {'->'.join(_names(second))}), so no dot product"
                " can tell them apart; compare units of the same formats"
            )
        return result
    if not result.differences:
        return result  # every product has the same result in both
    result = replace(result, shipped=_telling(first, second))
    return _searched(result, trials, seed, device, on_batch) if find else result


def _searched(
    result: UnitComparison, trials: int, seed: int, device: str, on_batch: Progress | None
) -> UnitComparison:
    first, second = result.first, result.second
    if first.unit.left.format.width > _WIDEST:
        raise NumleanError(
            f"the search takes operands of at most {_WIDEST} bits, but those of {first.name} have"
            f" {first.unit.left.format.width}"
        )
    longest = _MOST_K * max(unit.unit.rule.instruction for unit in (first, second))
    made = search(
        partial(first.dot, device=device),
        partial(second.dot, device=device),
        first.unit.left,
        first.unit.output,
        longest=longest,
        trials=trials,
        seed=seed,
        on_batch=on_batch,
    )
    if made.product is None:
        return replace(result, search=made)
    return replace(result, search=made, found=_told(first, second, _FOUND, made.product))


def _telling(first: MatrixUnit, second: MatrixUnit) -> tuple[ToldApart, ...]:
    """Return the shipped vectors of the units' formats at which they differ."""
    names = {_names(unit) for unit in (first, second)}
    fitting = [v for v in SHIPPED if (v.operands, v.output) in names]
    told = [_told(first, second, v.name, v.product) for v in fitting]
    format = first.unit.output
    return tuple(
        each
        for each in told
        if each.first != each.second
        and not (format.is_nan(each.first) and format.is_nan(each.second))
    )


def _told(first: MatrixUnit, second: MatrixUnit, name: str, product: DotProduct) -> ToldApart:
    x, y = (
        int(unit.dot(product.a, product.b, product.c, device="python")) for unit in (first, second)
    )
    return ToldApart(name, product, x, y)


def _names(unit: MatrixUnit) -> tuple[str, str]:
    return unit.operands, unit.output


def _formats(unit: MatrixUnit) -> tuple[Any, ...]:
    u = unit.unit
    operands = ((each.format, each.precision) for each in (u.left, u.right))
    return *operands, u.output, u.scales


def _common_instruction(first: MatrixUnit, second: MatrixUnit) -> str:
    """Return the instruction that both names have; "" if they have none, or two."""
    kinds = {_instruction(unit.name) for unit in (first, second)}
    return kinds.pop() if len(kinds) == 1 else ""


def _instruction(name: str) -> str:
    head = name.partition(",")[0].partition("->")[0]
    return ":".join(head.split(":")[2:])


def _hex(encoding: int, width: int) -> str:
    return f"{encoding:#0{2 + (width + 3) // 4}x}"


def _hexes(encodings: Sequence[int], width: int) -> str:
    return " ".join(_hex(each, width) for each in encodings)


__all__ = ["ShippedVector", "ToldApart", "UnitComparison", "compare_units"]
