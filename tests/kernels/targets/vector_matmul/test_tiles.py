"""The machine code of tiles keeps all sums in registers, on processors with 16 and with 32."""

import platform
import re

import pytest
from llvmlite import binding, ir

from numlean_kernels.targets.vector_matmul.lanes import hardware_lanes
from numlean_kernels.targets.vector_matmul.machine import Caches, Machine
from numlean_kernels.targets.vector_matmul.shape import shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile

WORD = ir.IntType(64)
PROCESSORS = {
    "haswell": Machine(256, 16),
    "znver3": Machine(256, 16),
    "skylake-avx512": Machine(512, 32),
    "znver4": Machine(512, 32),
}
CACHES = Caches(32 << 10, 1 << 20)

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="LLVM has this machine's processors only"
)


@pytest.fixture(autouse=True, scope="module")
def initialized():
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def assembly(arithmetic, form, processor):
    """Return the machine code of a tile, optimised for a processor."""
    tile = make_tile(arithmetic, form)
    _, generate = tile._defn(None, *[None] * 11)
    types = [*[WORD] * 8, ir.IntType(1), WORD, WORD]
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.IntType(1), types), "caller")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(generate(None, builder, None, list(function.args)))
    parsed = binding.parse_assembly(str(module))
    target = binding.Target.from_triple("x86_64-unknown-linux-gnu")
    compiler = target.create_target_machine(cpu=processor, opt=3)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    passes = binding.create_pass_builder(compiler, options)
    passes.getModulePassManager().run(parsed, passes)
    return compiler.emit_assembly(parsed)


def inner_loops(code):
    """Return the loops without loops in them, each as lines of assembly code."""
    lines, labels, loops = code.splitlines(), {}, []
    for n, line in enumerate(lines):
        if label := re.match(r"(\.\w+):", line):
            labels[label[1]] = n
        jump = re.match(r"\s+j\w+\s+(\.\w+)", line)
        if jump and jump[1] in labels:
            body = lines[labels[jump[1]] + 1 : n + 1]
            if not any(re.match(r"\.\w+:", one) for one in body):
                loops.append(body)
    return loops


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("is_fused", [False, True])
@pytest.mark.parametrize("width", [32, 64])
def test_the_loop_over_terms_keeps_vectors_in_registers(processor, is_packed, is_fused, width):
    arithmetic = hardware_lanes(width, fused=is_fused)
    sizes = shape(PROCESSORS[processor], CACHES, width, arithmetic.temporaries)
    tile = sizes.packed if is_packed else sizes.direct
    form = TileForm(tile.rows, tile.vectors, tile.lanes, is_packed)
    product = "vfmadd" if is_fused else "vmulp"
    loops = [
        (sum(product in line for line in loop), loop)
        for loop in inner_loops(assembly(arithmetic, form, processor))
    ]
    loops = [loop for count, loop in loops if count >= tile.rows * tile.vectors]
    assert loops
    for loop in loops:
        assert not [x for x in loop if "(%rsp" in x and re.search("%[xyz]mm", x)]
