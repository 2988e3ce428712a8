"""The rules of matrix units, field by field, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from numlean.precision.matrix_units import MatrixUnit
from numlean_kernels.matrix_units.rule import (
    FLOORED,
    NEAREST,
    TRUNCATED,
    BlockFma,
    Chain,
    ExactBlock,
    FmaChain,
    Pairwise,
    ScaledSums,
    TwoStage,
    Unit,
)

Text: TypeAlias = Callable[[Any, Unit], str]
"""A field's value in words."""

DIRECTIONS: Final = {
    TRUNCATED: "truncated toward zero",
    FLOORED: "rounded toward negative",
    NEAREST: "rounded to nearest even",
}

KINDS: Final[dict[type, str]] = {
    BlockFma: "all terms of a group are aligned, then added exactly",
    ExactBlock: "all terms of a group are added exactly, and rounded once to nearest even",
    Pairwise: "products are added by a balanced tree, then c; each sum is rounded to nearest even",
    TwoStage: "products are aligned and added, then their sum and c are aligned and added",
    FmaChain: "one fma after the other, rounded to nearest even",
    ScaledSums: "products are added exactly in parts and scaled; parts and c are aligned, added",
}


def _plain(value: Any, unit: Unit) -> str:
    return str(value)


def _direction(value: Any, unit: Unit) -> str:
    return DIRECTIONS[value]


def _floor(value: Any, unit: Unit) -> str:
    return "none" if value is None else str(value)


def _zero_terms(value: Any, unit: Unit) -> str:
    if value is None:
        return "do not count in e*"
    return f"count in e*: a significand of zero has the exponent {value}"


def _precision(value: Any, unit: Unit) -> str:
    return str(unit.output.precision if value is None else value)


def _k_order(value: Any, unit: Unit) -> str:
    if not value:
        return "consecutive k"
    group = unit.rule.group if isinstance(unit.rule, BlockFma) else len(value)
    groups = [value[start : start + group] for start in range(0, len(value), group)]
    return ", then ".join(f"k = {' '.join(map(str, each))}" for each in groups)


def _addend(value: Any, unit: Unit) -> str:
    return "is added last, to nearest even" if value else "is a term of the first group"


def _flushes(value: Any, unit: Unit) -> str:
    return "count as zero" if value else "are kept"


def _interleaved(value: Any, unit: Unit) -> str:
    return "of even and of odd k are aligned apart" if value else "are aligned together"


def _chained(value: Any, unit: Unit) -> str:
    return "all" if value is None else str(value)


def _split(value: Any, unit: Unit) -> str:
    return "never" if value is None else f"after {value} k"


FIELDS: Final[Mapping[type, Mapping[str, tuple[str, Text]]]] = {
    BlockFma: {
        "group": ("products in a group", _plain),
        "fraction_bits": ("fraction bits of aligned terms", _plain),
        "floor": ("least e*", _floor),
        "zero_exponent": ("terms that are zero", _zero_terms),
        "alignment": ("alignment of terms", _direction),
        "result_precision": ("significant bits of results", _precision),
        "result": ("rounding of sums", _direction),
        "k_order": ("order of k", _k_order),
        "adds_last": ("place of c", _addend),
    },
    ExactBlock: {"group": ("products in a group", _plain)},
    Pairwise: {
        "group": ("products in a group", _plain),
        "flushes": ("subnormal numbers", _flushes),
    },
    TwoStage: {
        "group": ("products in a group", _plain),
        "fraction_bits": ("fraction bits of aligned terms", _plain),
        "sum_bits": ("fraction bits of the sum of products", _plain),
        "addend_bits": ("fraction bits of c", _plain),
        "is_interleaved": ("order of k", _interleaved),
    },
    FmaChain: {},
    ScaledSums: {
        "group": ("products in a group", _plain),
        "part": ("products that are added before they are scaled", _plain),
        "fraction_bits": ("fraction bits of aligned terms", _plain),
        "floor": ("least e*", _floor),
    },
    Chain: {
        "k_block": ("k of a chain of instructions", _chained),
        "promote_every": ("promotion to a wider register", _split),
        "split_k": ("ranges of k", _plain),
        "order": ("order of ranges", _plain),
    },
}
"""The name of each field of each rule, and the text of its values."""

_RULE: Final = "kind of rule"


@dataclass(frozen=True)
class RuleRow:
    """A part of the rules of two units.

    Attributes:
        part: The part, in words.
        first: What the first unit does; "" if its rule has no such part.
        second: The same of the second one.
    """

    part: str
    first: str
    second: str

    @property
    def is_equal(self) -> bool:
        """Whether both units do the same."""
        return self.first == self.second


def rule_parts(unit: MatrixUnit) -> dict[str, str]:
    """Return every part of a unit's rule, and what it is."""
    u = unit.unit
    parts = {"operands": _operands(u), "output": unit.output, _RULE: KINDS[type(u.rule)]}
    if u.scales is not None:
        parts["scales"] = f"{u.scales.format.name}, one for each {u.scales.size} k"
    return {**parts, **dict(_texts(u.rule, u)), "NaN results": f"{u.nan:#x}", **_chain(u)}


def compare_rules(first: MatrixUnit, second: MatrixUnit) -> tuple[RuleRow, ...]:
    """Return the parts of two rules side by side, in the order of the first rule."""
    a, b = rule_parts(first), rule_parts(second)
    names = dict.fromkeys((*a, *b))
    return tuple(RuleRow(name, a.get(name, ""), b.get(name, "")) for name in names)


def _operands(unit: Unit) -> str:
    sides = [unit.left] if unit.left == unit.right else [unit.left, unit.right]
    return " and ".join(each.name for each in sides)


def _texts(owner: Any, unit: Unit) -> Iterator[tuple[str, str]]:
    known = FIELDS[type(owner)]
    for each in fields(owner):
        name, text = known[each.name]
        yield name, text(getattr(owner, each.name), unit)


def _chain(unit: Unit) -> dict[str, str]:
    return dict(_texts(unit.chain, unit))
