"""The matrix units of chips: one list of rows, from which names, listings and tables follow.

Sources: K/M = Khattak and Mikaitis (arXiv 2512.07004, 2510.15884), MMA = MMA-Sim (arXiv
2511.10909), FHMP = Fasi, Higham, Mikaitis and Pranesh (10.7717/peerj-cs.330).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

from numlean_kernels.formats import (
    BFLOAT16,
    BINARY16,
    BINARY32,
    BINARY64,
    E4M3,
    E5M2,
    NAMED,
    Format,
)
from numlean_kernels.matrix_units.rule import (
    NEAREST,
    BlockFma,
    ExactBlock,
    FmaChain,
    Operands,
    Pairwise,
    Rule,
    ScaledSums,
    Scales,
    TwoStage,
)

_FORMATS: Final = {each.format.name: each.format for each in NAMED}

OPERANDS: Final[dict[str, Operands]] = {
    each.name: each
    for each in (
        Operands("fp16", BINARY16, 11),
        Operands("bf16", BFLOAT16, 8),
        Operands("tf32", BINARY32, 11),
        Operands("xf32", BINARY32, 11),
        Operands("fp32", BINARY32, 24),
        Operands("fp64", BINARY64, 53),
        Operands("e4m3", E4M3, 4),
        Operands("e5m2", E5M2, 3),
        Operands("e2m1", _FORMATS["e2m1"], 2),
        Operands("e4m3fnuz", _FORMATS["e4m3fnuz"], 4),
        Operands("e5m2fnuz", _FORMATS["e5m2fnuz"], 3),
    )
}
"""The operands of matrix units by name."""

OUTPUTS: Final[dict[str, Format]] = {"fp16": BINARY16, "fp32": BINARY32, "fp64": BINARY64}
"""The formats of results by name."""

CHIPS: Final = (
    *("V100", "T4", "A100", "A2", "Ada", "L40S", "H100", "H200", "B200"),
    *("MI100", "MI250", "MI300"),
)

MODELS: Final = {
    "km": "K/M: terms that are zero do not count in e*",
    "mma": "MMA: a significand of zero has the exponent -126 and counts in e*",
}
"""The published models where they contradict each other; the first is the default."""


@final
@dataclass(frozen=True)
class Row:
    """A matrix unit of some chips.

    Attributes:
        chips: The chips that have it.
        operands: The operands of its products, by name.
        rule: What an instruction computes.
        evidence: ``checked`` or ``unverified``, then why.
        kind: The instruction, where a chip has two for the operands; else empty.
        output: The format of results, by name.
        mma: What an instruction computes in the model of MMA, if that differs and is not K/M's.
        scales: The scales of blocks of operands; None if they have none.
    """

    chips: tuple[str, ...]
    operands: tuple[str, ...]
    rule: Rule
    evidence: str
    kind: str = ""
    output: str = "fp32"
    mma: Rule | None = None
    scales: Scales | None = None

    def rule_of(self, model: str) -> Rule:
        """Return the rule by one of the ``MODELS``."""
        return self.mma if model == "mma" and self.mma is not None else self.rule


_AMPERE: Final = ("A100", "A2")
_LOVELACE: Final = ("Ada", "L40S")
_HOPPER: Final = ("H100", "H200")
_BLACKWELL: Final = ("B200",)
_FP8: Final = ("e4m3", "e5m2")
_ZERO_EXPONENT: Final = -126
_E8M13_PRECISION: Final = 14
_SPLIT_K_ORDER: Final = tuple(k for pair in ((0, 1), (2, 3)) for k in range(32) if k % 4 in pair)
"""First all k with k mod 4 in {0, 1}, then the others."""

_CHECKED: Final = "checked: recorded outputs of chips with this rule, which fit both models"
_FLOORS_OF_A100: Final = (
    "unverified: group and fraction bits are MMA's, FHMP's test code expects the bits; no data; the"
    " floor of e* is that of A100, which is a choice of numlean"
)
_MMA_ONLY: Final = "unverified: MMA only; no data"
_BOTH_MODELS: Final = "unverified: MMA and K/M agree; no data"
_SCALED: Final = "unverified: MMA only, where zeros and c are at least of exponent -126; no data"
_SCALED_SUMS: Final = f"{_SCALED}; users measured 34 to 37 fraction bits (DeepGEMM, issue 176)"
_AMD: Final = "unverified: read from MMA and K/M; no data"
_AMD_CHAIN: Final = "unverified: a chain of fma by MMA and K/M; no data"


def _nvidia(
    chips: tuple[str, ...],
    operands: tuple[str, ...],
    rule: BlockFma,
    evidence: str = _CHECKED,
    kind: str = "",
    half_floor: int | None = None,
    half_evidence: str = "",
) -> tuple[Row, ...]:
    """Return the row of binary32 results, and that of binary16 results if it has evidence."""
    half = replace(rule, floor=half_floor, result_precision=None, result=NEAREST)
    rows = [Row(chips, operands, rule, evidence, kind, "fp32", _in_mma(rule))]
    if half_evidence:
        rows.append(Row(chips, operands, half, half_evidence, kind, "fp16", _in_mma(half)))
    return tuple(rows)


def _in_mma(rule: BlockFma) -> BlockFma:
    """Return MMA's variant of a rule: every term counts in e*, and so it needs no floor."""
    return replace(rule, floor=None, zero_exponent=_ZERO_EXPONENT)


def _block(group: int, fraction_bits: int, floor: int | None) -> BlockFma:
    return BlockFma(group, fraction_bits, floor)


def _fp8(group: int, floor: int) -> BlockFma:
    return BlockFma(group, 13, floor, result_precision=_E8M13_PRECISION)


_SPLIT_FP8: Final = BlockFma(16, 25, -133, k_order=_SPLIT_K_ORDER, adds_last=True)
_SPLIT_EVIDENCE: Final = (
    f"{_CHECKED}, from which the rule is derived; NVIDIA's assembler makes two products of fp16 of"
    " the instruction, so that fraction_bits is that of fp16"
)

ROWS: Final[tuple[Row, ...]] = (
    *_nvidia(("V100",), ("fp16",), _block(4, 23, None), half_evidence=_CHECKED),
    *_nvidia(
        ("T4",),
        ("fp16",),
        _block(8, 24, -132),
        _FLOORS_OF_A100,
        half_floor=-20,
        half_evidence=_FLOORS_OF_A100,
    ),
    *_nvidia(
        (*_AMPERE, *_LOVELACE),
        ("fp16",),
        _block(8, 24, -132),
        half_floor=-20,
        half_evidence=_CHECKED,
    ),
    *_nvidia((*_AMPERE, *_LOVELACE), ("bf16",), _block(8, 24, -132)),
    *_nvidia((*_AMPERE, *_LOVELACE), ("tf32",), _block(4, 24, -132)),
    *_nvidia(_LOVELACE, _FP8, _fp8(16, -132), half_floor=-132, half_evidence=_CHECKED),
    *_nvidia(
        (*_HOPPER, *_BLACKWELL),
        ("fp16",),
        _block(16, 25, -133),
        half_floor=-21,
        half_evidence=_CHECKED,
    ),
    *_nvidia((*_HOPPER, *_BLACKWELL), ("bf16",), _block(16, 25, -133)),
    *_nvidia(
        (*_HOPPER, *_BLACKWELL),
        ("tf32",),
        _block(8, 25, -133),
        f"{_CHECKED}; with k = 4 only",
    ),
    *_nvidia(
        _HOPPER,
        _FP8,
        _fp8(32, -133),
        f"{_CHECKED}; with c = 0 only",
        "wgmma",
        half_floor=-133,
        half_evidence=_BOTH_MODELS,
    ),
    *_nvidia(
        (*_HOPPER, *_BLACKWELL),
        _FP8,
        _SPLIT_FP8,
        _SPLIT_EVIDENCE,
        "mma",
        half_floor=-133,
        half_evidence=_SPLIT_EVIDENCE,
    ),
    *_nvidia(
        _BLACKWELL,
        _FP8,
        _block(32, 25, -133),
        _BOTH_MODELS,
        "tcgen05",
        half_floor=-133,
        half_evidence=_BOTH_MODELS,
    ),
    *_nvidia(
        _BLACKWELL,
        ("e2m1",),
        _block(32, 25, -133),
        _MMA_ONLY,
        half_floor=-133,
        half_evidence=_MMA_ONLY,
    ),
    Row(
        _BLACKWELL,
        (*_FP8, "e2m1"),
        _block(32, 25, _ZERO_EXPONENT),
        _SCALED,
        "mxf8f6f4",
        scales=Scales(_FORMATS["e8m0"], 32),
    ),
    *(
        Row(
            _BLACKWELL,
            ("e2m1",),
            ScaledSums(64, 16, 35, _ZERO_EXPONENT),
            _SCALED_SUMS,
            f"mxf4nvf4-{scale}x{size}",
            scales=Scales(_FORMATS[scale], size),
        )
        for scale in ("e8m0", "e4m3")
        for size in (16, 32)
    ),
    Row(
        ("A100", *_HOPPER, *_BLACKWELL),
        ("fp64",),
        FmaChain(),
        "unverified: a chain of fma to nearest even by both models; no data",
        output="fp64",
    ),
    Row(
        ("MI100",),
        ("fp16",),
        ExactBlock(4),
        "unverified: K/M; MMA contradicts it; no data",
        mma=Pairwise(4),
    ),
    Row(
        ("MI100",),
        ("bf16",),
        ExactBlock(2),
        "unverified: K/M; MMA contradicts it; no data",
        mma=Pairwise(2),
    ),
    Row(("MI250",), ("fp16",), Pairwise(4, flushes=True), _AMD),
    Row(("MI250",), ("bf16",), Pairwise(2, flushes=True), _AMD, "mfma"),
    Row(("MI250",), ("bf16",), Pairwise(4, flushes=True), _AMD, "mfma_1k"),
    Row(("MI300",), ("fp16", "bf16"), TwoStage(8), _AMD),
    Row(("MI300",), ("xf32",), TwoStage(4), _AMD),
    Row(("MI300",), ("e4m3fnuz", "e5m2fnuz"), TwoStage(16, is_interleaved=True), _AMD),
    Row(("MI100", "MI250", "MI300"), ("fp32",), FmaChain(), _AMD_CHAIN),
    Row(("MI250", "MI300"), ("fp64",), FmaChain(), _AMD_CHAIN, output="fp64"),
)
"""All rows. A row of several chips or operands is as many units."""
