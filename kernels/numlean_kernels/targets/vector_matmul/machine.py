"""The vectors of the processor for which numba compiles, and its caches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, final

from llvmlite import binding
from numba.core.registry import cpu_target

from numlean_kernels.processor_caches import processor_caches

_PROBE: Final = """
target triple = "{triple}"
define <16 x float> @probe(<16 x float> %x, <16 x float> %y) {{
  %z = fadd <16 x float> %x, %y
  ret <16 x float> %z
}}
"""

_FUSED_PROBE: Final = """
target triple = "{triple}"
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
define <16 x float> @probe(<16 x float> %x, <16 x float> %y) {{
  %z = call <16 x float> @llvm.fma.v16f32(<16 x float> %x, <16 x float> %y, <16 x float> %y)
  ret <16 x float> %z
}}
"""

_HALF_PROBE: Final = """
target triple = "{triple}"
define <8 x half> @probe(<8 x half> %x) {{
  %y = fpext <8 x half> %x to <8 x float>
  %z = fadd <8 x float> %y, %y
  %r = fptrunc <8 x float> %z to <8 x half>
  ret <8 x half> %r
}}
"""


@final
@dataclass(frozen=True)
class Machine:
    """The vector registers of a processor.

    Attributes:
        bits: The bits of a register.
        registers: The number of registers.
    """

    bits: int
    registers: int


@final
@dataclass(frozen=True)
class Caches:
    """The bytes of the caches of a core.

    Attributes:
        first: The first cache, for data.
        second: The second cache.
    """

    first: int
    second: int


_LEAST_CACHES: Final = Caches(32 << 10, 256 << 10)
"""The caches of a processor whose system does not tell them."""


@cache
def caches() -> Caches:
    """Return the caches of this processor."""
    sizes = {each.level: each.size for each in processor_caches() if each.kind != "Instruction"}
    first, second = (sizes.get(level, 0) for level in (1, 2))
    return Caches(max(first, _LEAST_CACHES.first), max(second, _LEAST_CACHES.second))


_REGISTERS: Final = (
    ("zmm", Machine(512, 32)),
    ("ymm", Machine(256, 16)),
    ("xmm", Machine(128, 16)),
    ("v0.4s", Machine(128, 32)),
)
"""Names of registers in assembly code, wide ones first: AVX-512, AVX, SSE and NEON."""


@cache
def machine() -> Machine:
    """Return the vectors of the processor that numba compiles for, as LLVM uses them.

    LLVM compiles a sum of 16 numbers for that processor; the registers in its code tell their
    width. So this follows NUMBA_CPU_NAME and NUMBA_CPU_FEATURES. A processor with other registers
    counts as one with 16 of 128 bits.
    """
    code = _assembly(_PROBE)
    return next((found for register, found in _REGISTERS if register in code), Machine(128, 16))


@cache
def fuses() -> bool:
    """Return whether the processor has fused products and sums; else LLVM calls a library."""
    code = _assembly(_FUSED_PROBE)
    return any(instruction in code for instruction in ("vfmadd", "fmla", "fmadd"))


@cache
def converts_halves() -> bool:
    """Return whether the processor converts vectors of binary16; else LLVM calls a library."""
    code = _assembly(_HALF_PROBE)
    return any(there in code and back in code for there, back in _HALF_CONVERSIONS)


_HALF_CONVERSIONS: Final = (("vcvtph2ps", "vcvtps2ph"), ("fcvtl", "fcvtn"))
"""The instructions on x86, and on ARM."""


def _assembly(probe: str) -> str:
    triple, name, features = cpu_target.target_context.codegen().magic_tuple()
    target = binding.Target.from_triple(triple)
    compiler = target.create_target_machine(cpu=name, features=features, opt=2)
    code: str = compiler.emit_assembly(binding.parse_assembly(probe.format(triple=triple)))
    return code
