"""One source on every target: the same bits, integer instructions only, compiled once."""

import os
import re
import shutil
import subprocess
import sys

import numba
import numpy as np
import pytest

from numlean_kernels.formats import BFLOAT16, BINARY32, BINARY64, E4M3, parse_format
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.loops.elementwise import binary, elementwise, ternary, unary
from numlean_kernels.loops.matmul import MATMUL
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.elementary import BINARY as BINARY_FUNCTIONS
from numlean_kernels.tables.elementary import UNARY as UNARY_FUNCTIONS
from numlean_kernels.tables.hardware import MAKERS as HARDWARE_MAKERS
from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.tables.ieee import (
    FLAGGED_MAKERS,
    QUIET_MAKERS,
    ROUND_TO_INTEGRAL,
    TO_INT,
    ieee_table,
)
from numlean_kernels.targets import get_target

CPU, PYTHON = get_target("cpu"), get_target("python")
UNARY = {
    *("neg", "abs", "sqrt", "from_binary64", "to_binary64", "from_int64"),
    *("logb", "next_up", "next_down", "classify", *ROUND_TO_INTEGRAL, *TO_INT),
    *UNARY_FUNCTIONS,
}
ELEMENTARY = {**dict.fromkeys(UNARY_FUNCTIONS, 1), **dict.fromkeys(BINARY_FUNCTIONS, 2)}
RESULTS = {
    **dict.fromkeys(("eq", "lt", "le", "total_order"), np.bool_),
    **dict.fromkeys(("compare", "classify"), np.int8),
    **{name: np.dtype(name.split()[0].removeprefix("to_")) for name in TO_INT},
}
ROUTINES = [*FLAGGED_MAKERS, *QUIET_MAKERS]
FORMATS = (BINARY32, BINARY64, BFLOAT16, E4M3)


def formats_and_routines():
    """Pair each routine with a format of each word and a narrow one; a direction with one of all.

    ``numlean verify scalars --device cpu`` runs the conformance suite on all of them, compiled.
    """
    for k, name in enumerate(ROUTINES):
        if name in ROUND_TO_INTEGRAL or name in TO_INT:
            yield FORMATS[k % len(FORMATS)], name
        else:
            yield from ((format, name) for format in (*FORMATS[:2], FORMATS[2 + k % 2]))


def loop_of(name):
    return ternary(name) if name == "fma" else (unary if name in UNARY else binary)(name)


def encodings(format, count, arity):
    rng = np.random.default_rng(37)
    raw = rng.integers(0, 1 << format.width, (arity, count), dtype=np.uint64, endpoint=False)
    raw[:, ::3] &= np.uint64(format.sign_mask | format.trailing_mask)
    raw[:, 1::3] |= np.uint64(format.one)
    return list(raw.astype(format.storage_dtype))


def operands(name, format, arity):
    x = encodings(format, 400, arity)
    if name == "scaleb":
        x[1] = np.arange(-200, 200)
    return x


@pytest.mark.parametrize(
    ("format", "name"), list(formats_and_routines()), ids=lambda x: getattr(x, "name", x)
)
def test_the_interpreter_and_the_compiled_kernel_give_the_same_bits(format, name):
    arithmetic = Arithmetic(format)
    arity = 3 if name == "fma" else 1 if name in UNARY else 2
    if name in ("from_binary64", "from_int64"):
        wide = encodings(BINARY64, 400, 1)
        x = [wide[0].view(np.int64)] if name == "from_int64" else wide
    else:
        x = operands(name, format, arity)
    result = np.uint64 if name == "to_binary64" else RESULTS.get(name, format.storage_dtype)
    z = []
    for target in (CPU, PYTHON):
        z.append(np.empty(400, result))
        kernel_for(target, loop_of(name), ieee_table(arithmetic, target))((400,), *x, z[-1])
    assert np.array_equal(*z)


@pytest.mark.parametrize(
    ("format", "real", "name"),
    [
        # Functions are compared by tests/kernels/elementary: those of binary32 with the emulation,
        # those of binary64, which the emulation does not have, with MPFR.
        *((BINARY32, np.float32, name) for name in HARDWARE_MAKERS if name not in ELEMENTARY),
        *((BINARY64, np.float64, name) for name in HARDWARE_MAKERS if name not in ELEMENTARY),
    ],
    ids=lambda x: getattr(x, "name", getattr(x, "__name__", x)),
)
def test_hardware_floats_have_the_bits_of_the_emulation(format, real, name):
    arity = 3 if name == "fma" else 1 if name in UNARY else 2
    x = operands(name, format, arity)
    result = RESULTS.get(name, format.storage_dtype)
    emulated = np.empty(400, result)
    kernel_for(CPU, loop_of(name), ieee_table(Arithmetic(format), CPU))((400,), *x, emulated)
    for target in (CPU, PYTHON):
        z = np.empty(400, RESULTS.get(name, real))
        floats = [a if a.dtype == np.int64 else a.view(real) for a in x]
        kernel_for(target, loop_of(name), hardware_table(format, target))((400,), *floats, z)
        assert np.array_equal(z.view(result), emulated)


PROGRAM = """
import hashlib, sys
import numpy as np
from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

cpu, digest = get_target("cpu"), hashlib.sha256()
a = np.random.default_rng(1).integers(0, 1 << 32, (1, 24, 24), dtype=np.uint32)
for loop, table, x in (
    (MATMUL, ieee_table(Arithmetic(BINARY32), cpu), a),
    (MATMUL_FMA, hardware_table(BINARY32, cpu), a.view(np.float32)),
):
    c = np.empty_like(x)
    kernel_for(cpu, loop, table)(c.shape, x, x, c)
    digest.update(c.tobytes())
print(digest.hexdigest())
"""


def run_program(cache, program=PROGRAM, arguments=(), **environment):
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@pytest.fixture(scope="module")
def first_process(tmp_path_factory):
    """Fill a cache in one process; return the cache and the output."""
    cache = tmp_path_factory.mktemp("kernels")
    return cache, run_program(cache, NUMBA_DEBUG_CACHE="1")


def test_a_generic_processor_gives_the_bits_of_this_one(first_process, tmp_path):
    _, host = first_process
    assert run_program(tmp_path, NUMBA_CPU_NAME="generic").split()[-1] == host.split()[-1]


def test_a_second_process_loads_every_kernel_from_the_cache(first_process):
    cache, first = first_process
    second = run_program(cache, NUMBA_DEBUG_CACHE="1")
    assert first.count("data saved to") == 2
    assert second.count("data saved to") == 0
    assert second.count("data loaded from") == 2
    assert second.splitlines()[-1] == first.splitlines()[-1]


SEVERAL = """
import sys
import numpy as np
from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.loops.elementwise import binary
from numlean_kernels.protocol import KernelCall, kernel_for
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

cpu = get_target("cpu")
table, names = ieee_table(Arithmetic(BINARY32), cpu), sys.argv[1:]
a, b = np.float32([1]).view(np.uint32), np.float32([2]).view(np.uint32)
arrays = [(a, b, np.zeros(1, np.uint32)) for _ in names]
for name, operands in zip(names, arrays):
    kernel_for(cpu, binary(name), table)((1,), *operands)
z = [c.view(np.float32).item() for *_, c in arrays]
if len(names) > 1:
    cpu.compile([KernelCall(binary(n), table, (1,), x) for n, x in zip(names, arrays)])()
print(z, [c.view(np.float32).item() for *_, c in arrays])
"""


def test_kernels_of_several_processes_share_no_file_and_do_not_take_each_other_s_place(tmp_path):
    caches, files = [tmp_path / name for name in ("minimum", "maximum")], []
    for cache in caches:
        run_program(cache, SEVERAL, [cache.name])
        files.append({path.name for path in cache.rglob("*.nb?")})
    assert all(files)
    assert not files[0] & files[1]
    for cache in caches:
        shutil.copytree(cache, tmp_path / "both", dirs_exist_ok=True)
    values = {"minimum": 1.0, "maximum": 2.0}
    for names in (list(values), list(values)[::-1]):
        expected = [values[name] for name in names]
        assert run_program(tmp_path / "both", SEVERAL, names).strip() == f"{expected} {expected}"


def test_the_cache_of_a_kernel_knows_the_arithmetic():
    from numlean_kernels.targets.cpu import CpuTarget

    def key(rounding):
        table = ieee_table(Arithmetic(BINARY32, rounding), CPU)
        return CpuTarget().compiled(MATMUL, table)._cache._key

    usual = key(Rounding.TIES_TO_EVEN)
    assert key(Rounding.TO_ODD) != usual
    ocp, ieee = (ieee_table(Arithmetic(f), CPU).key for f in (E4M3, parse_format("e4m3")))
    assert ocp != ieee


# Arithmetic and conversions of x86's and Arm's floating-point units. Moves through vector
# registers (vmovaps, vbroadcastss, vpermps, vblendvps, fmov) compute nothing.
X86_FLOATING = re.compile(
    r"\bv?(add|sub|mul|div|sqrt|min|max|cmp\w*|ucomi|comi|round|rcp|rsqrt|rndscale|cvt\w*"
    r"|f(n?m)(add|sub)\w*)(ss|sd|ps|pd)\b|\bv?cvt\w+\b|\bf(add|sub|mul|div|ld|st)\w*\b"
)
ARM_FLOATING = re.compile(
    r"\bf(add|sub|mul|div|sqrt|madd|mla|cmp|cvt\w*|min|max|rint\w*)\b|\bscvtf"
)
INTEGER_KERNELS = ["add", "mul", "div", "sqrt", "fma", "from_binary64", "to_binary64", "minimum"]


def assembly(table, loop, *dtypes):
    # Compiled again: numba does not show the code of kernels that it loads from its cache.
    arrays = [numba.types.Array(numba.from_dtype(np.dtype(d)), loop.rank, "C") for d in dtypes]
    bounds = [numba.types.uint64] * (2 * loop.rank)
    run = numba.njit((*bounds, *arrays), error_model="numpy", nogil=True)(loop.make(table))
    (code,) = run.inspect_asm().values()
    # Directives, labels and comments are not instructions.
    lines = [line.split("#")[0] for line in code.splitlines() if line.startswith("\t")]
    return [line for line in lines if not line.lstrip().startswith(".")]


def floating(lines):
    return [line for line in lines if X86_FLOATING.search(line) or ARM_FLOATING.search(line)]


# Of several kinds. tools/read_ptx reads the GPU code of all from the same sources.
CORES = ("exp", "atan2", "erf")


@pytest.mark.parametrize("name", CORES)
def test_no_elementary_function_executes_a_floating_point_instruction(name):
    table = ieee_table(Arithmetic(BINARY32), CPU)
    lines = assembly(
        table, elementwise(name, ELEMENTARY[name]), *[np.uint32] * (ELEMENTARY[name] + 1)
    )
    assert len(lines) > 50
    assert floating(lines) == []


LIBRARY = re.compile(r"(?<![\w.])_?_?(exp|log|tanh|sin|cos|atan)[a-z0-9]*\b")


@pytest.mark.parametrize("name", ["exp", "sin"])
def test_the_accurate_phase_of_one_of_the_hardware_s_binary64_does_not_either(name):
    table = hardware_table(BINARY64, CPU)
    lines = assembly(table, elementwise(f"accurate {name}", 1), *[np.float64] * 2)
    assert len(lines) > 50
    assert floating(lines) == []
    assert [line for line in lines if LIBRARY.search(line)] == []


def test_a_fast_phase_of_the_hardware_calls_no_library():
    lines = assembly(hardware_table(BINARY64, CPU), elementwise("exp", 1), *[np.float64] * 2)
    assert floating(lines)
    assert [line for line in lines if LIBRARY.search(line)] == []


def test_the_search_for_a_library_s_function_would_find_it():
    run = numba.njit("float64(float64)")(lambda x: np.tanh(x))
    (code,) = run.inspect_asm().values()
    assert re.search(r"(?<![\w.])_?_?tanh\b", code)


@pytest.mark.parametrize("name", INTEGER_KERNELS)
def test_an_emulated_kernel_executes_no_floating_point_instruction(name):
    table = ieee_table(Arithmetic(BINARY32), CPU)
    arity = 3 if name == "fma" else 1 if name in UNARY else 2
    given = np.uint64 if name == "from_binary64" else np.uint32
    result = np.uint64 if name == "to_binary64" else np.uint32
    lines = assembly(table, loop_of(name), *[given] * arity, result)
    assert len(lines) > 50
    assert floating(lines) == []


def test_the_emulated_matmul_executes_no_floating_point_instruction():
    table = ieee_table(Arithmetic(BINARY32), CPU)
    lines = assembly(table, MATMUL, *[np.uint32] * 3)
    assert floating(lines) == []


def test_the_search_for_floating_point_instructions_finds_those_of_a_hardware_kernel():
    lines = assembly(hardware_table(BINARY32, CPU), MATMUL, *[np.float32] * 3)
    assert floating(lines)
