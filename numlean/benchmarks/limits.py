"""What a core can do at most: its clock, its arithmetic pipes, and the bandwidth of its memory.

Each figure is that of a loop which does nothing else, written in LLVM for the processor that numba
compiles for. LLVM's optimizer does not see these loops, so it leaves nothing out.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import numpy as np
from llvmlite import binding
from numba.core.registry import cpu_target

from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.timing import best_seconds
from numlean_kernels.targets.vector_matmul.machine import fuses, machine

BY: Final = "this processor"
"""Who computes the loops, in measurements."""

CLOCK: Final = "clock"
"""The work that takes one cycle a unit."""

CACHED: Final = 3 * (1 << 16)
"""The bytes of three arrays of 16,384 binary32 numbers, which other benchmarks use."""

_PASSES: Final = 20_000
_CYCLES: Final = 16
_L1_BYTES: Final = 1 << 14
_MEMORY_BYTES: Final = 3 * (1 << 26)
_LOADS: Final = 8
_LINE: Final = 64

_STEPS: Final = {
    "fma": ("{z} = call {v} @llvm.fma.{m}({v} {x}, {v} %a, {v} %b)",),
    "mul + add": ("{t} = fmul {v} {x}, %a", "{z} = fadd {v} {t}, %b"),
    "add": ("{z} = fadd {v} {x}, %b",),
    "mul": ("{z} = fmul {v} {x}, %a",),
    "div": ("{z} = fdiv {v} %b, {x}",),
    "sqrt": ("{t} = fmul {v} {x}, %b", "{z} = call {v} @llvm.sqrt.{m}({v} {t})"),
}
"""How a loop goes on from x to z; t is between them."""

_OPERATIONS: Final = {"fma": 2, "mul + add": 2}
"""The operations of a step, where it has more than one."""

CHAINS: Final = ("add", "fma")
"""The steps whose latency is measured, by one chain of them."""

FLOATS: Final = {32: "float32", 64: "float64"}
"""The arithmetic by the bits of its numbers."""


@dataclass(frozen=True)
class _Loop:
    """A loop to time.

    Attributes:
        work: Its name.
        unit: What it does.
        count: How many of it a run does.
        run: Runs it once.
        variant: The bits of the vectors, or the bytes that it touches.
    """

    work: str
    unit: str
    count: float
    run: Callable[[], object]
    variant: str | None = None


def measure(rounds: int, memory: int = _MEMORY_BYTES) -> list[Measurement]:
    """Measure all loops in alternating rounds.

    Args:
        rounds: The rounds, of which the best one of each loop counts.
        memory: The bytes of the arrays that no cache holds.
    """
    loops = {(one.work, one.variant): one for one in _loops(memory)}
    best = best_seconds({key: one.run for key, one in loops.items()}, rounds)
    return [
        Measurement(one.work, BY, best[key], one.count, one.unit, one.variant)
        for key, one in loops.items()
    ]


def _loops(memory: int) -> list[_Loop]:
    found = [_Loop(CLOCK, "cycle", _CYCLES * _PASSES, partial(_function(_clock()), _PASSES, 3, 5))]
    chains = min(machine().registers, 32) - 4
    bits = machine().bits
    for width, dtype in FLOATS.items():
        for step in _STEPS:
            if step == "fma" and not fuses():
                continue
            few = chains if step not in ("div", "sqrt") else 6
            operations = _OPERATIONS.get(step, 1) * few * _PASSES * bits // width
            run = partial(_function(_arithmetic(step, width, few)), _PASSES)
            found.append(_Loop(f"{step}, {dtype}", "operation", operations, run, f"{bits} bits"))
        for step in CHAINS:
            if step == "fma" and not fuses():
                continue
            run = partial(_function(_arithmetic(step, width, 1)), _PASSES)
            found.append(_Loop(f"chain of {step}, {dtype}", "operation", _PASSES, run))
    found.append(_load_loop())
    found += [_triad_loop(size) for size in (CACHED, memory)]
    return found


def _load_loop() -> _Loop:
    array = _aligned(_L1_BYTES, np.uint8)
    passes = _L1_BYTES // (_LOADS * machine().bits // 8)
    function = _function(_loads())

    def run() -> object:
        for _ in range(4):
            function(passes * 64, array.ctypes.data, _L1_BYTES - 1)
        return array

    return _Loop("loads", "byte", 4 * 64 * _L1_BYTES, run, f"{_L1_BYTES >> 10} KiB")


def _triad_loop(size: int) -> _Loop:
    x, y, z = (_aligned(size // 3, np.float32) for _ in range(3))
    lanes = machine().bits // 32
    passes = len(x) // lanes
    function = _function(_triad())
    addresses = [array.ctypes.data for array in (x, y, z)]

    def run() -> object:
        function(passes, *addresses)
        return x, y, z  # which keeps them

    name = f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"
    return _Loop("x + 3y", "byte", passes * machine().bits // 8 * 3, run, name)


def _aligned(size: int, dtype: Any) -> np.ndarray[Any, Any]:
    """Return an array of ones of so many bytes that begins at a line of the caches."""
    memory = np.ones(size + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    array: np.ndarray[Any, Any] = memory[start : start + size].view(dtype)
    array[:] = 1
    return array


@cache
def _function(source: str) -> Callable[..., object]:
    """Return a compiled function of 64-bit integers; its machine code is kept."""
    triple, name, features = cpu_target.target_context.codegen().magic_tuple()
    target = binding.Target.from_triple(triple)
    compiler = target.create_target_machine(cpu=name, features=features, opt=2, jit=True)
    module = binding.parse_assembly(f'target triple = "{triple}"\n{source}')
    engine = binding.create_mcjit_compiler(module, compiler)
    engine.finalize_object()
    parameters = source.partition("@run(")[2].partition(")")[0].count("i64")
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * parameters)
    function = prototype(engine.get_function_address("run"))
    _KEPT.append(engine)
    return function


_KEPT: Final[list[Any]] = []


def _arithmetic(step: str, width: int, chains: int) -> str:
    """Return a loop of independent chains of a step on vectors."""
    lanes = machine().bits // width
    element = {32: "float", 64: "double"}[width]
    vector, mangled = f"<{lanes} x {element}>", f"v{lanes}f{width}"
    body = []
    for k in range(chains):
        names = {"x": f"%x{k}", "z": f"%z{k}", "t": f"%t{k}", "v": vector, "m": mangled}
        body += [line.format(**names) for line in _STEPS[step]]
    results = [f"%z{k}" for k in range(chains)]
    declared = {"fma": f"declare {vector} @llvm.fma.{mangled}({vector}, {vector}, {vector})"}
    declared["sqrt"] = f"declare {vector} @llvm.sqrt.{mangled}({vector})"
    return (
        f"@constants = global [3 x {vector}] [{', '.join(_constants(vector, element, lanes))}]\n"
        f"@sink = global {vector} zeroinitializer\n{declared.get(step, '')}\n"
        + _loop(
            "i64 %passes",
            [
                f"%{name} = load volatile {vector}, ptr getelementptr"
                f" ([3 x {vector}], ptr @constants, i64 0, i64 {k})"
                for k, name in enumerate(("a", "b", "first"))
            ],
            [(f"%x{k}", vector, "%first", result) for k, result in enumerate(results)],
            body,
            [f"store volatile {vector} {result}, ptr @sink" for result in results],
        )
    )


def _constants(vector: str, element: str, lanes: int) -> list[str]:
    """Return a, b and the start of chains: numbers that no step makes large, small or special."""
    values = (0.99609375, 1.33203125, 1.7265625)  # exact in binary32
    return [f"{vector} <{', '.join([f'{element} {value!r}'] * lanes)}>" for value in values]


def _clock() -> str:
    """Return a loop of one chain of additions and exclusive ors, which take a cycle each."""
    body, value = [], "%x"
    for k in range(_CYCLES):
        other = ("%a", "%b")[k % 2]
        body.append(f"%y{k} = {('add', 'xor')[k % 2]} i64 {value}, {other}")
        value = f"%y{k}"
    return "@sink = global i64 0\n" + _loop(
        "i64 %passes, i64 %a, i64 %b",
        [],
        [("%x", "i64", "%a", value)],
        body,
        [f"store volatile i64 {value}, ptr @sink"],
    )


def _loads() -> str:
    """Return a loop that loads vectors of a small array again and again; mask is its size - 1."""
    size = machine().bits // 8
    vector = f"<{size // 8} x i64>"
    body = [
        f"%offset = mul i64 %k, {_LOADS * size}",
        "%within = and i64 %offset, %mask",
        "%start = add i64 %address, %within",
    ]
    states = []
    for n in range(_LOADS):
        body += [
            f"%at{n} = add i64 %start, {n * size}",
            f"%p{n} = inttoptr i64 %at{n} to ptr",
            f"%v{n} = load {vector}, ptr %p{n}, align 1",
            f"%z{n} = xor {vector} %x{n}, %v{n}",
        ]
        states.append((f"%x{n}", vector, "zeroinitializer", f"%z{n}"))
    sink = [f"store volatile {vector} %z{n}, ptr @sink" for n in range(_LOADS)]
    head = f"@sink = global {vector} zeroinitializer\n"
    return head + _loop("i64 %passes, i64 %address, i64 %mask", [], states, body, sink)


def _triad() -> str:
    """Return a loop of z = x + 3y on binary32 numbers."""
    lanes = machine().bits // 32
    vector = f"<{lanes} x float>"
    three = f"<{', '.join(['float 3.0'] * lanes)}>"
    body = [f"%offset = mul i64 %k, {4 * lanes}"]
    for name in "xyz":
        body += [
            f"%a{name} = add i64 %{name}, %offset",
            f"%p{name} = inttoptr i64 %a{name} to ptr",
        ]
    body += [
        f"%vx = load {vector}, ptr %px, align 4",
        f"%vy = load {vector}, ptr %py, align 4",
        f"%t = fmul {vector} %vy, {three}",
        f"%s = fadd {vector} %vx, %t",
        f"store {vector} %s, ptr %pz, align 4",
    ]
    return _loop("i64 %passes, i64 %x, i64 %y, i64 %z", [], [], body, [])


def _loop(
    parameters: str,
    before: list[str],
    states: list[tuple[str, str, str, str]],
    body: list[str],
    after: list[str],
) -> str:
    """Return a function that repeats lines, with values that pass from one pass to the next.

    A state is a name, its type, its start and its value after a pass.
    """
    phis = [
        f"{name} = phi {kind} [{start}, %entry], [{end}, %again]"
        for name, kind, start, end in states
    ]
    lines = [
        *("entry:", *before, "br label %again", "again:"),
        "%k = phi i64 [0, %entry], [%next, %again]",
        *(*phis, *body),
        "%next = add i64 %k, 1",
        "%more = icmp slt i64 %next, %passes",
        "br i1 %more, label %again, label %done",
        *("done:", *after, "ret void"),
    ]
    return f"define void @run({parameters}) {{\n" + "\n".join(lines) + "\n}\n"
