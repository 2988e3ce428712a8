"""The ``mma`` instructions of PTX that the recorder can execute, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from numlean.errors import UnavailableError
from numlean.verification.tensor_core.fragments import Fragment

Capability: TypeAlias = tuple[int, int]
"""A compute capability of NVIDIA, such as (9, 0)."""

_GROUPS: Final = ((1, 0), (2, 0), (4, 0))
"""The steps of the upper bits of a lane's number: eight rows."""
_COLUMN_GROUPS: Final = ((0, 1), (0, 2), (0, 4))

_PTX_TYPES: Final = {"fp16": "f16", "bf16": "bf16", "tf32": "tf32", "e4m3": "e4m3", "e5m2": "e5m2"}
_OUTPUT_TYPES: Final = {"fp32": "f32", "fp16": "f16"}
_CODES_OF_1: Final = {
    "fp16": 0x3C00,
    "bf16": 0x3F80,
    "tf32": 0x3F800000,
    "e4m3": 0x38,
    "e5m2": 0x3C,
    "fp32": 0x3F800000,
}


@dataclass(frozen=True)
class MmaInstruction:
    """An instruction D = A B + C of a warp.

    Attributes:
        shape: The name of its shape, such as ``m16n8k16``.
        operands: The format of A and B, as units name it.
        output: The format of C and D.
        a: The layout of A, of shape (m, k).
        b: The layout of B, of shape (k, n).
        d: The layout of C and D, of shape (m, n).
        capability: The least compute capability.
        ptx: The least version of the PTX ISA.
    """

    shape: str
    operands: str
    output: str
    a: Fragment
    b: Fragment
    d: Fragment
    capability: Capability
    ptx: str

    @property
    def k(self) -> int:
        """The products of a dot product."""
        return self.a.shape[1]

    @property
    def opcode(self) -> str:
        """The instruction as PTX spells it."""
        operand, output = _PTX_TYPES[self.operands], _OUTPUT_TYPES[self.output]
        return f"mma.sync.aligned.{self.shape}.row.col.{output}.{operand}.{operand}.{output}"

    @property
    def ones(self) -> tuple[int, int]:
        """The encodings of 1 in the operands' format and in the output's."""
        return _CODES_OF_1[self.operands], _CODES_OF_1[self.output]


def _accumulator(output: str) -> Fragment:
    """Return the layout of C and D of 16 rows and 8 columns."""
    width = 32 if output == "fp32" else 16
    return Fragment((16, 8), width, ((0, 2), (0, 4), *_GROUPS), ((0, 1), (8, 0)))


def _quad_pair_accumulator(output: str) -> Fragment:
    """Return the layout of C and D of the four products of ``m8n8k4``, all of which are equal."""
    if output == "fp32":
        lane = ((1, 0), (0, 2), (0, 0), (0, 0), (4, 0))
        return Fragment((8, 8), 32, lane, ((0, 1), (2, 0), (0, 4)))
    lane = ((1, 0), (2, 0), (0, 0), (0, 0), (4, 0))
    return Fragment((8, 8), 16, lane, ((0, 1), (0, 2), (0, 4)))


def _m8n8k4(output: str) -> MmaInstruction:
    a = Fragment((8, 4), 16, ((1, 0), (2, 0), (0, 0), (0, 0), (4, 0)), ((0, 1), (0, 2)))
    b = Fragment((4, 8), 16, ((0, 1), (0, 2), (0, 0), (0, 0), (0, 4)), ((1, 0), (2, 0)))
    d = _quad_pair_accumulator(output)
    return MmaInstruction("m8n8k4", "fp16", output, a, b, d, (7, 0), "6.4")


def _m16n8k8(output: str) -> MmaInstruction:
    a = Fragment((16, 8), 16, ((0, 2), (0, 4), *_GROUPS), ((0, 1), (8, 0)))
    b = Fragment((8, 8), 16, ((2, 0), (4, 0), *_COLUMN_GROUPS), ((1, 0),))
    return MmaInstruction("m16n8k8", "fp16", output, a, b, _accumulator(output), (7, 5), "6.5")


def _m16n8k16(operands: str, output: str) -> MmaInstruction:
    a = Fragment((16, 16), 16, ((0, 2), (0, 4), *_GROUPS), ((0, 1), (8, 0), (0, 8)))
    b = Fragment((16, 8), 16, ((2, 0), (4, 0), *_COLUMN_GROUPS), ((1, 0), (8, 0)))
    return MmaInstruction("m16n8k16", operands, output, a, b, _accumulator(output), (8, 0), "7.0")


def _m16n8k8_tf32() -> MmaInstruction:
    a = Fragment((16, 8), 32, ((0, 1), (0, 2), *_GROUPS), ((8, 0), (0, 4)))
    b = Fragment((8, 8), 32, ((1, 0), (2, 0), *_COLUMN_GROUPS), ((4, 0),))
    return MmaInstruction("m16n8k8", "tf32", "fp32", a, b, _accumulator("fp32"), (8, 0), "7.0")


def _m16n8k32(operands: str, output: str, ptx: str) -> MmaInstruction:
    a = Fragment((16, 32), 8, ((0, 4), (0, 8), *_GROUPS), ((0, 1), (0, 2), (8, 0), (0, 16)))
    b = Fragment((32, 8), 8, ((4, 0), (8, 0), *_COLUMN_GROUPS), ((1, 0), (2, 0), (16, 0)))
    return MmaInstruction("m16n8k32", operands, output, a, b, _accumulator(output), (8, 9), ptx)


INSTRUCTIONS: Final = (
    _m8n8k4("fp32"),
    _m8n8k4("fp16"),
    _m16n8k8("fp32"),
    _m16n8k8("fp16"),
    _m16n8k16("fp16", "fp32"),
    _m16n8k16("fp16", "fp16"),
    _m16n8k16("bf16", "fp32"),
    _m16n8k8_tf32(),
    *(_m16n8k32(each, "fp32", "8.4") for each in ("e4m3", "e5m2")),
    *(_m16n8k32(each, "fp16", "8.7") for each in ("e4m3", "e5m2")),
)
"""Every instruction. Of those of equal formats, a GPU executes the last one that it has."""


def instruction_for(operands: str, output: str, capability: Capability | None) -> MmaInstruction:
    """Return the instruction that multiplies operands of a format on a GPU.

    Args:
        operands: The format of A and B.
        output: The format of C and D.
        capability: The compute capability of the GPU; None for that of any GPU.

    Raises:
        UnavailableError: There is no such instruction, or the GPU does not have it.
    """
    fitting = [each for each in INSTRUCTIONS if (each.operands, each.output) == (operands, output)]
    if not fitting:
        known = dict.fromkeys(f"{each.operands}->{each.output}" for each in INSTRUCTIONS)
        raise UnavailableError(
            f"there is no mma instruction for {operands} operands and {output} output here;"
            f" there are those for {', '.join(known)}"
        )
    usable = [each for each in fitting if capability is None or each.capability <= capability]
    if not usable:
        assert capability is not None
        least = ".".join(map(str, fitting[0].capability))
        given = ".".join(map(str, capability))
        raise UnavailableError(
            f"mma for {operands} operands and {output} output needs a GPU of compute capability"
            f" {least} or more; this one has {given}"
        )
    return usable[-1]
