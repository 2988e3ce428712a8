"""The kernel that executes one dot product a warp on the tensor cores, as PTX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from numlean.verification.tensor_core.fragments import LANES
from numlean.verification.tensor_core.instructions import MmaInstruction

KERNEL: Final = "numlean_dot"
"""The name of the kernel. Its arguments are the addresses of A, B, C and D, and the chunks of k."""

_SIZE: Final = 4
"""The bytes of a register."""


def kernel_ptx(instruction: MmaInstruction) -> str:
    """Return the kernel for an instruction.

    Block v of 32 threads computes product v. A and B hold registers, as ``Fragment.pack`` gives
    them, of shape (products, chunks, 32, registers); C and D of shape (products, 32, registers).
    The chunks of k are multiplied in ascending order, each added to the result of the one before.
    """
    return "\n".join(_lines(instruction)) + "\n"


def _lines(instruction: MmaInstruction) -> Iterator[str]:
    a, b, d = (part.registers for part in (instruction.a, instruction.b, instruction.d))
    major, minor = instruction.capability
    kind, letter = ("f32", "f") if instruction.output == "fp32" else ("b32", "d")
    yield f".version {instruction.ptx}"
    yield f".target sm_{major}{minor}"
    yield ".address_size 64"
    yield f".visible .entry {KERNEL}("
    yield ",\n".join(f"    .param .u64 {KERNEL}_{k}" for k in range(5))
    yield ")"
    yield "{"
    yield "    .reg .pred %p<1>;"
    yield "    .reg .b32 %r<2>;"
    yield "    .reg .b64 %rd<9>;"
    yield f"    .reg .b32 %a<{a}>;"
    yield f"    .reg .b32 %b<{b}>;"
    yield f"    .reg .{kind} %{letter}<{d}>;"
    for k in range(5):
        yield f"    ld.param.u64 %rd{k}, [{KERNEL}_{k}];"
    for k in range(4):
        yield f"    cvta.to.global.u64 %rd{k}, %rd{k};"
    yield "    mov.u32 %r0, %ctaid.x;"
    yield "    mov.u32 %r1, %tid.x;"
    # rd5 = product, rd6 = lane; rd7 = the warp's first lane of A and B, counted in lanes
    yield "    cvt.u64.u32 %rd5, %r0;"
    yield "    cvt.u64.u32 %rd6, %r1;"
    yield "    mul.lo.u64 %rd7, %rd5, %rd4;"
    yield from _advance("%rd0", "%rd7", a)
    yield from _advance("%rd1", "%rd7", b)
    yield from _advance("%rd2", "%rd5", d)
    yield from _advance("%rd3", "%rd5", d)
    for k in range(d):
        yield f"    ld.global.{kind} %{letter}{k}, [%rd2+{_SIZE * k}];"
    yield "$next:"
    yield from (f"    ld.global.b32 %a{k}, [%rd0+{_SIZE * k}];" for k in range(a))
    yield from (f"    ld.global.b32 %b{k}, [%rd1+{_SIZE * k}];" for k in range(b))
    both = _registers(letter, d)
    operands = f"{both}, {_registers('a', a)}, {_registers('b', b)}, {both}"
    yield f"    {instruction.opcode} {operands};"
    yield f"    add.u64 %rd0, %rd0, {LANES * a * _SIZE};"
    yield f"    add.u64 %rd1, %rd1, {LANES * b * _SIZE};"
    yield "    sub.u64 %rd4, %rd4, 1;"
    yield "    setp.ne.u64 %p0, %rd4, 0;"
    yield "    @%p0 bra $next;"
    for k in range(d):
        yield f"    st.global.{kind} [%rd3+{_SIZE * k}], %{letter}{k};"
    yield "    ret;"
    yield "}"


def _advance(address: str, groups: str, registers: int) -> Iterator[str]:
    """Add to an address that many groups of 32 lanes, and the lane."""
    yield f"    mul.lo.u64 %rd8, {groups}, {LANES};"
    yield "    add.u64 %rd8, %rd8, %rd6;"
    yield f"    mul.lo.u64 %rd8, %rd8, {registers * _SIZE};"
    yield f"    add.u64 {address}, {address}, %rd8;"


def _registers(letter: str, count: int) -> str:
    return "{" + ", ".join(f"%{letter}{k}" for k in range(count)) + "}"
