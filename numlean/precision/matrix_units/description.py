"""Rules of matrix units in words."""

from __future__ import annotations

from numlean_kernels.matrix_units.rule import (
    FLOORED,
    NEAREST,
    TRUNCATED,
    BlockFma,
    Chain,
    ExactBlock,
    FmaChain,
    Pairwise,
    Rule,
    ScaledSums,
    TwoStage,
    Unit,
)

_DIRECTIONS = {
    TRUNCATED: "truncated toward zero",
    FLOORED: "rounded toward negative",
    NEAREST: "rounded to nearest even",
}


def describe(name: str, evidence: str, unit: Unit) -> str:
    """Return a unit's rule, its chain and its evidence, as lines of text."""
    lines = [name, *rule_lines(unit), *chain_lines(unit.chain), f"evidence: {evidence}"]
    return "\n  ".join(lines)


def rule_lines(unit: Unit) -> list[str]:
    """Return what an instruction computes, a line for each step."""
    rule, output = unit.rule, unit.output
    lines = _lines_of(rule, unit)
    cut = [
        f"{x.name} operands are {x.format.name}, truncated to {x.precision - 1} fraction bits"
        for x in dict.fromkeys((unit.left, unit.right))
        if x.precision < x.format.precision
    ]
    return [*cut, *_scales(unit), *lines, f"NaN results are {unit.nan:#x} in {output.name}"]


def _scales(unit: Unit) -> list[str]:
    """Return what scales the operands have."""
    if unit.scales is None:
        return []
    format, size = unit.scales.format, unit.scales.size
    sign = ", its sign ignored" if format.is_signed else ""
    lines = [f"each {size} k have a scale on each side, in {format.name}{sign}; NaN gives NaN"]
    if isinstance(unit.rule, BlockFma):
        lines.append("the exponents of both scales are added to that of a product")
    return lines


def chain_lines(chain: Chain) -> list[str]:
    """Return how a long k is split."""
    lines = []
    if chain.split_k > 1:
        lines.append(
            f"k is cut into {chain.split_k} ranges, whose results are added in binary32,"
            f" {chain.order}"
        )
    if chain.k_block is not None:
        lines.append(f"each {chain.k_block} k have a chain; the results are added in the output")
    if chain.promote_every is not None:
        lines.append(f"each {chain.promote_every} k are added to a binary32 register")
    return lines or ["one chain of instructions in ascending k"]


def _lines_of(rule: Rule, unit: Unit) -> list[str]:
    if isinstance(rule, BlockFma):
        return _block(rule, unit)
    if isinstance(rule, ExactBlock):
        return [f"{rule.group} products and c are added exactly and rounded once, to nearest even"]
    if isinstance(rule, Pairwise):
        flushed = ["subnormal operands and c count as +0; subnormal results become zeros"]
        tree = f"{rule.group} products are added by a balanced tree, then to c; each is rounded"
        return [f"{tree} to nearest even", *(flushed if rule.flushes else [])]
    if isinstance(rule, TwoStage):
        return _two_stage(rule)
    if isinstance(rule, ScaledSums):
        return _scaled_sums(rule, unit)
    assert isinstance(rule, FmaChain)
    return ["fma(a, b, c) for each k, rounded to nearest even"]


def _block(rule: BlockFma, unit: Unit) -> list[str]:
    groups = rule.instruction // rule.group
    several = f"{groups} groups of {rule.group}, one after the other: k = {rule.k_order}"
    least = "no floor" if rule.floor is None else f"at least {rule.floor}"
    zeros = (
        "terms that are zero do not count"
        if rule.zero_exponent is None
        else f"a significand of zero has the exponent {rule.zero_exponent} and counts"
    )
    precision = rule.result_precision or unit.output.precision
    is_e8m13 = precision < unit.output.precision
    lines = [
        f"group of {rule.group} products" if groups == 1 else several,
        f"e*: the greatest exponent of the terms; {least}; {zeros}",
        f"terms are {_DIRECTIONS[rule.alignment]} to {rule.fraction_bits} fraction bits below 2^e*",
        f"the sum is {_DIRECTIONS[rule.result]} to {unit.output.name}"
        + (f" with {precision - 1} fraction bits" if is_e8m13 else ""),
    ]
    where = "c is added last, to nearest even" if rule.adds_last else "c is aligned with products"
    return [*lines, where]


def _scaled_sums(rule: ScaledSums, unit: Unit) -> list[str]:
    return [
        f"group of {rule.group} products; each {rule.part} are added exactly, and their sum times"
        " the significands of both scales is a term, whose exponent is the sum of the scales'",
        f"e*: the greatest exponent of the terms and c; at least {rule.floor}; terms that are zero"
        " do not count",
        f"terms and c are truncated toward zero to {rule.fraction_bits} fraction bits below 2^e*",
        f"the sum is truncated toward zero to {unit.output.name}",
    ]


def _two_stage(rule: TwoStage) -> list[str]:
    parts = "of even and of odd k apart, then together" if rule.is_interleaved else "together"
    return [
        f"group of {rule.group} products, truncated to {rule.fraction_bits} fraction bits below"
        f" their greatest exponent and added {parts}: T",
        f"T and c are aligned to the greater exponent, T at {rule.sum_bits} and c at"
        f" {rule.addend_bits} fraction bits, rounded toward negative, added, and rounded to nearest"
        " even",
    ]
