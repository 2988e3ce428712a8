"""Dot products that tell matrix units apart, with the answers of the units: data of the package.

The first ones are those in which the published models contradict each other (K/M and MMA; see
:mod:`numlean_kernels.matrix_units.chips`): a chip decides them. The others are the shortest product
that a search found for two chips, or for the two models of one, or an equally short one that is
simpler to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from numlean.analysis.matrix_units.shrinking import DotProduct


@dataclass(frozen=True)
class ShippedVector:
    """A dot product and the answers of units.

    Attributes:
        name: What it shows.
        operands: The format of a and b, as units name it.
        output: The format of c and of results.
        product: The encodings.
        answers: The result of each unit by its name, an encoding of the output.
    """

    name: str
    operands: str
    output: str
    product: DotProduct
    answers: Mapping[str, int]


def _vector(
    name: str,
    formats: str,
    a: tuple[int, ...],
    b: tuple[int, ...],
    c: int,
    answers: Mapping[str, int],
) -> ShippedVector:
    operands, _, output = formats.partition("->")
    return ShippedVector(name, operands, output, DotProduct(a, b, c), answers)


def _apart(formats: str, a: int, b: int, c: int, answers: Mapping[str, int]) -> ShippedVector:
    """Return a vector of one product, with a name of the units."""
    return _vector(" and ".join(answers), formats, (a,), (b,), c, answers)


def _sparse(terms: Mapping[int, tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a and b whose operands are zero but at a few k."""
    k = max(terms) + 1
    left, right = ([terms.get(i, (0, 0))[side] for i in range(k)] for side in (0, 1))
    return tuple(left), tuple(right)


CONTRADICTIONS: Final = (
    _vector(
        "contradiction 1, the least e*: eight products of 1.75 * 2^-152",
        "bf16->fp32",
        (0x19E0,) * 8,
        (0x1980,) * 8,
        0x00000000,
        {"H100:bf16": 0x00000001, "H100:bf16,model=mma": 0x00000000},
    ),
    _vector(
        "contradiction 2, zero times huge: 0 * 2^127 + 2^-30 * 1",
        "bf16->fp32",
        (0x0000, 0x3080),
        (0x7F00, 0x3F80),
        0x00000000,
        {
            "H100:bf16": 0x30800000,
            "H100:bf16,model=mma": 0x00000000,
            "A100:bf16": 0x30800000,
            "A100:bf16,model=mma": 0x00000000,
        },
    ),
    _vector(
        "contradiction 3, the order of sums: 2^24 + 1 - 2^24",
        "fp16->fp32",
        (0x6C00, 0x3C00, 0xEC00),
        (0x6C00, 0x3C00, 0x6C00),
        0x00000000,
        {"MI100:fp16": 0x3F800000, "MI100:fp16,model=mma": 0x00000000},
    ),
)
"""The products in which K/M and MMA contradict each other, with both answers."""

_FP8_APART: Final = tuple(
    _apart(f"{operands}->fp32", 0x00, 0x00, 0x3F800200, {first: 0x3F800000, second: 0x3F800200})
    for operands in ("e4m3", "e5m2")
    for first, second in (
        (f"Ada:{operands}", f"H100:{operands}:mma"),
        (f"H100:{operands}:wgmma", f"H100:{operands}:mma"),
        (f"H100:{operands}:wgmma", f"B200:{operands}:tcgen05"),
    )
)
"""A c with more than 13 fraction bits: e8m13 loses them."""

SHIPPED: Final[tuple[ShippedVector, ...]] = (
    *CONTRADICTIONS,
    _apart(
        "fp16->fp32",
        *(0x3C00, 0x3C00, 0xB3800000),
        {"V100:fp16": 0x3F800000, "T4:fp16": 0x3F7FFFFF},
    ),
    _apart(
        "fp16->fp32",
        *(0x3C00, 0x3C00, 0xB3800000),
        {"V100:fp16": 0x3F800000, "A100:fp16": 0x3F7FFFFF},
    ),
    _apart(
        "fp16->fp32",
        *(0x3C00, 0x3C00, 0xB3000000),
        {"A100:fp16": 0x3F800000, "H100:fp16": 0x3F7FFFFF},
    ),
    _apart(
        "bf16->fp32",
        *(0x3F80, 0x3F80, 0xB3000000),
        {"A100:bf16": 0x3F800000, "H100:bf16": 0x3F7FFFFF},
    ),
    _apart(
        "tf32->fp32",
        *(0x3F800000, 0x3F800000, 0xB3000000),
        {"A100:tf32": 0x3F800000, "H100:tf32": 0x3F7FFFFF},
    ),
    _apart(
        "fp16->fp16",
        *(0x5900, 0x5304, 0x0C00),
        {"V100:fp16->fp16": 0x7062, "A100:fp16->fp16": 0x7063},
    ),
    _vector(
        "A100:fp16->fp16 and H100:fp16->fp16",
        "fp16->fp16",
        (0x3C00, 0x3C00),
        (0x3C00, 0x6800),
        0x0400,
        {"A100:fp16->fp16": 0x6800, "H100:fp16->fp16": 0x6801},
    ),
    _vector(
        "Ada:e4m3 and H100:e4m3:wgmma",
        "e4m3->fp32",
        *_sparse({4: (0xEC, 0x74), 16: (0x38, 0x38)}),
        0x00000000,
        {"Ada:e4m3": 0xC6900000, "H100:e4m3:wgmma": 0xC68FFC00},
    ),
    _vector(
        "Ada:e5m2 and H100:e5m2:wgmma",
        "e5m2->fp32",
        *_sparse({10: (0x3C, 0x3C), 16: (0x3C, 0x04)}),
        0xBF800000,
        {"Ada:e5m2": 0x38800000, "H100:e5m2:wgmma": 0x00000000},
    ),
    _vector(
        "Ada:e4m3->fp16 and H100:e4m3:wgmma->fp16",
        "e4m3->fp16",
        *_sparse({8: (0x88, 0x90), 16: (0x38, 0x38)}),
        0xC000,
        {"Ada:e4m3->fp16": 0xBC00, "H100:e4m3:wgmma->fp16": 0xBBFF},
    ),
    _vector(
        "Ada:e5m2->fp16 and H100:e5m2:wgmma->fp16",
        "e5m2->fp16",
        *_sparse({8: (0xA4, 0xA8), 16: (0x3C, 0x3C)}),
        0xC000,
        {"Ada:e5m2->fp16": 0xBC00, "H100:e5m2:wgmma->fp16": 0xBBFF},
    ),
    *_FP8_APART,
    _apart(
        "e4m3->fp32",
        *(0x38, 0xC0, 0x33800000),
        {"B200:e4m3:mma": 0xC0000000, "B200:e4m3:tcgen05": 0xBFFFFFFF},
    ),
    _apart(
        "e5m2->fp32",
        *(0x3C, 0xC4, 0x34000000),
        {"B200:e5m2:mma": 0xC0800000, "B200:e5m2:tcgen05": 0xC07FFFFF},
    ),
    _apart(
        "e4m3->fp16",
        *(0x78, 0xF8, 0x5000),
        {"H100:e4m3:wgmma->fp16": 0xFBFF, "H100:e4m3:mma->fp16": 0xFC00},
    ),
    _apart(
        "e5m2->fp16",
        *(0x54, 0x64, 0xD000),
        {"H100:e5m2:wgmma->fp16": 0x7BFF, "H100:e5m2:mma->fp16": 0x7C00},
    ),
    _apart(
        "bf16->fp32",
        *(0x0000, 0x7F00, 0x33000000),
        {"H100:bf16": 0x33000000, "H100:bf16,model=mma": 0x00000000},
    ),
    _apart(
        "bf16->fp32",
        *(0x0000, 0x7F00, 0x33800000),
        {"A100:bf16": 0x33800000, "A100:bf16,model=mma": 0x00000000},
    ),
    _apart(
        "tf32->fp32",
        *(0x00000000, 0x7F000000, 0x33000000),
        {"H100:tf32": 0x33000000, "H100:tf32,model=mma": 0x00000000},
    ),
    _apart(
        "tf32->fp32",
        *(0x00000000, 0x7F000000, 0x33800000),
        {"A100:tf32": 0x33800000, "A100:tf32,model=mma": 0x00000000},
    ),
    _apart(
        "fp16->fp32",
        *(0x0000, 0x4000, 0x00000001),
        {"V100:fp16": 0x00000001, "V100:fp16,model=mma": 0x00000000},
    ),
    _apart(
        "fp16->fp32",
        *(0x0000, 0x4800, 0x00000002),
        {"A100:fp16": 0x00000002, "A100:fp16,model=mma": 0x00000000},
    ),
    _apart(
        "fp16->fp32",
        *(0x0000, 0x4800, 0x00000001),
        {"H100:fp16": 0x00000001, "H100:fp16,model=mma": 0x00000000},
    ),
    _apart(
        "fp16->fp32",
        *(0x0001, 0x3C00, 0x00000000),
        {"MI100:fp16": 0x33800000, "MI250:fp16": 0x00000000, "MI300:fp16": 0x33800000},
    ),
    _apart(
        "bf16->fp32",
        *(0x0001, 0x7F00, 0x00000000),
        {"MI100:bf16": 0x3C800000, "MI250:bf16:mfma": 0x00000000, "MI300:bf16": 0x3C800000},
    ),
    _vector(
        "MI100:fp16 and MI100:fp16,model=mma",
        "fp16->fp32",
        (0x3C00, 0x1400),
        (0x3C00, 0x0400),
        0xBF800000,
        {"MI100:fp16": 0x33800000, "MI100:fp16,model=mma": 0x00000000},
    ),
    _vector(
        "MI250:bf16:mfma and MI250:bf16:mfma_1k: the sign of a zero sum of a group that is padded",
        "bf16->fp32",
        (0x8000, 0x8000),
        (0x3F80, 0x3F80),
        0x80000000,
        {"MI250:bf16:mfma": 0x80000000, "MI250:bf16:mfma_1k": 0x00000000},
    ),
    _vector(
        "MI250:bf16:mfma and MI250:bf16:mfma_1k",
        "bf16->fp32",
        *_sparse({0: (0x4B80, 0x3F80), 2: (0x3F80, 0x3F80)}),
        0xCB800000,
        {"MI250:bf16:mfma": 0x3F800000, "MI250:bf16:mfma_1k": 0x00000000},
    ),
    _apart(
        "e4m3->fp32",
        *(0x00, 0x40, 0x00000400),
        {"Ada:e4m3": 0x00000400, "Ada:e4m3,model=mma": 0x00000000},
    ),
)
"""All vectors. `numlean compare-units` shows those of the units' formats for which they differ."""
