"""The CPU's sources, compiled for CUDA without a GPU, and read."""

import re

import pytest

from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.hardware import hardware_table
from numlean_kernels.ieee import Arithmetic, ieee_table
from numlean_kernels.loops.elementwise import binary, ternary, unary
from numlean_kernels.loops.matmul import MATMUL
from numlean_kernels.targets import get_target

cuda = pytest.importorskip("numba.cuda", reason="the cuda extra is not installed")
pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from numba import types  # noqa: E402

EMULATED = ieee_table(Arithmetic(BINARY32), get_target("cpu"))
FLOATING = re.compile(r"\.(f16|f32|f64|bf16)\b")


class PretendedDevice:
    """numba asks the current device for this while it compiles; there need be none."""

    def __init__(self, capability):
        self.compute_capability = capability


@pytest.fixture(params=[(8, 0), (9, 0)], ids=["cc80", "cc90"])
def ptx(request, monkeypatch):
    monkeypatch.setattr(
        "numba.cuda.dispatcher.get_current_device", lambda: PretendedDevice(request.param)
    )

    def compile_loop(loop, operands, table=EMULATED, number=types.uint32):
        run = loop.make(table)
        run = cuda.jit(device=True)(run)
        if loop.rank == 2:

            def kernel(a, b, c):
                i, j = cuda.grid(2)
                if i < c.shape[0] and j < c.shape[1]:
                    run(i, i + 1, j, j + 1, a, b, c)

        elif operands == 1:

            def kernel(a, z):
                i = cuda.grid(1)
                if i < z.shape[0]:
                    run(i, i + 1, a, z)

        elif operands == 2:

            def kernel(a, b, z):
                i = cuda.grid(1)
                if i < z.shape[0]:
                    run(i, i + 1, a, b, z)

        else:

            def kernel(a, b, c, z):
                i = cuda.grid(1)
                if i < z.shape[0]:
                    run(i, i + 1, a, b, c, z)

        array = types.Array(number, loop.rank, "C")
        signature = types.void(*[array] * (operands + 1))
        text, _ = cuda.compile_ptx(kernel, signature, cc=request.param)
        return text

    return compile_loop


def instructions(text):
    return [line.strip() for line in text.splitlines() if line.startswith("\t")]


@pytest.mark.parametrize(
    ("loop", "operands"),
    [
        (MATMUL, 2),
        (binary("add"), 2),
        (binary("mul"), 2),
        (binary("div"), 2),
        (unary("sqrt"), 1),
        (ternary("fma"), 3),
        *((unary(name), 1) for name in ("exp", "log", "tanh", "sin", "atan", "cbrt", "erf")),
        (binary("pow"), 2),
        (binary("atan2"), 2),
        (binary("hypot"), 2),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_an_emulated_kernel_compiles_to_ptx_without_a_floating_point_instruction(
    ptx, loop, operands
):
    lines = instructions(ptx(loop, operands))
    assert any(line.startswith(("st.global", "st.b32", "st.u32")) for line in lines)
    assert [line for line in lines if FLOATING.search(line)] == []


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sin", "atan"])
def test_binary64_s_functions_compile_to_ptx_that_only_moves_floats(ptx, name):
    table = hardware_table(BINARY64, get_target("cpu"))
    lines = instructions(ptx(unary(name), 1, table, types.float64))
    floats = [line for line in lines if FLOATING.search(line)]
    assert [line for line in floats if not line.startswith(("ld.", "st.", "mov."))] == []
    assert not any("__nv_" in line for line in lines)


def test_the_search_finds_the_floating_point_instruction_of_a_hardware_kernel(ptx):
    table = hardware_table(BINARY32, get_target("cpu"))
    lines = instructions(ptx(binary("add"), 2, table, types.float32))
    assert any(FLOATING.search(line) for line in lines)
