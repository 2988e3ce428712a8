import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from itertools import count
from types import CellType, FunctionType

import numpy as np
import pytest
from numba import njit

from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.loops.elementwise import binary, unary
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.protocol import Loop
from numlean_kernels.tables import hardware_table, ieee_table
from numlean_kernels.tables.elementary import UNARY
from numlean_kernels.targets import fingerprint as fingerprints
from numlean_kernels.targets.cache import source_hash
from numlean_kernels.targets.cpu import CpuTarget
from numlean_kernels.targets.fingerprint import UnknownContentError, fingerprint, jit_options

SOURCE = '''
"""Routines, and a kernel made of them."""
import numpy as np
from numba import njit, types
from numba.extending import intrinsic

STEP, UNUSED = 3, 4
TABLE = np.array([1, 2, 3], np.int64)


@intrinsic
def plus(typing_context, a, b):
    def generate(context, builder, signature, given):
        return builder.add(*given)

    return types.int64(types.int64, types.int64), generate


@njit
def inner(x):
    """Add a step."""
    return plus(x, STEP)


@njit
def middle(x, factor=2):
    return inner(x) * factor + TABLE[1]


def make():
    routine = middle

    def kernel(start, stop, x, z):
        for i in range(start, stop):
            z[i] = routine(x[i]) if x[i] != 1_000 else 7

    return kernel


kernel = make()
'''
NUMBERS = count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load source as a module; each has its own file, and so its own package."""

    def load_source(source, name=None):
        name = name or f"routines_{next(NUMBERS)}"
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            spec.loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = before
        return module

    return load_source


def edited(*replacement):
    assert SOURCE.count(replacement[0]) == 1
    return SOURCE.replace(*replacement)


@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        "# The first line.\n\n" + SOURCE,
        edited("Add a step.", "Add another."),
        edited('    """Add a step."""\n', ""),
        edited("def middle(x, factor=2):\n", 'def middle(x, factor=2):\n    """Described."""\n'),
        edited("    routine = middle\n", "    # As it is.\n    routine = middle\n\n"),
        edited("1_000", "1000"),
        edited("UNUSED = 3, 4", "UNUSED = 3, 5"),
    ],
)
def test_edits_that_change_no_kernel_change_no_fingerprint(load, source):
    assert fingerprint(load(source).kernel) == fingerprint(load(SOURCE).kernel)


@pytest.mark.parametrize(
    "replacement",
    [
        ("STEP, UNUSED = 3, 4", "STEP, UNUSED = 5, 4"),
        ("STEP, UNUSED = 3, 4", "STEP, UNUSED = 3.0, 4"),
        ("[1, 2, 3], np.int64", "[1, 2, 4], np.int64"),
        ("[1, 2, 3], np.int64", "[1, 2, 3], np.uint64"),
        ("builder.add", "builder.sub"),
        ("types.int64(types.int64, types.int64)", "types.int64(types.int64, types.int32)"),
        ("factor=2", "factor=3"),
        ("else 7", "else 8"),
        ("1_000", "1_001"),
        ("@njit\ndef inner", "@njit(fastmath=True)\ndef inner"),
        ("plus(x, STEP)", "plus(STEP, x)"),
    ],
)
def test_edits_that_change_a_kernel_change_its_fingerprint(load, replacement):
    assert fingerprint(load(edited(*replacement)).kernel) != fingerprint(load(SOURCE).kernel)


CONSTANTS = "USED = 1\nOTHER = 2\n"
DIRECT = "import {name}\ndef kernel(x): return x + {name}.USED\n"
INDIRECT = "import {name}\ndef kernel(x):\n    own = {name}\n    return x + own.USED\n"


@pytest.mark.parametrize("user", [DIRECT, INDIRECT])
def test_names_looked_up_in_a_module_count(load, user):
    def key(constants):
        name = "constants_of_a_kernel"
        load(constants, name)
        # Sources are read once a process.
        fingerprints._sources.cache_clear()
        return fingerprint(load(user.format(name=name)).kernel)

    usual = key(CONSTANTS)
    assert key(CONSTANTS) == usual
    assert key("USED = 3\nOTHER = 2\n") != usual
    # All names count where the code does not show which ones are looked up.
    assert (key("USED = 1\nOTHER = 3\n") != usual) == (user == INDIRECT)


def test_overloads_count(load):
    source = """
from numba import njit
from numba.extending import overload

def plain(x): ...

@overload(plain)
def _(x):
    return lambda x: x + 1

@njit
def kernel(x):
    return plain(x)
"""
    registrations = fingerprints._REGISTRATIONS
    found = list(registrations.all())
    try:
        first = fingerprint(load(source).kernel)
        registrations._found[:] = found
        assert fingerprint(load(source.replace("x + 1", "x + 2")).kernel) != first
    finally:
        registrations._found[:] = found


CIRCLE = """
def even(n):
    return True if n == 0 else odd(n - 1)

def odd(n):
    return False if n == 0 else even(n - 1)

def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)
"""


def test_functions_may_call_themselves_and_each_other(load):
    one, other = load(CIRCLE), load(CIRCLE)
    keys = {name: fingerprint(getattr(one, name)) for name in ("even", "odd", "factorial")}
    assert len(set(keys.values())) == 3
    for name in ("factorial", "odd", "even"):
        assert fingerprint(getattr(other, name)) == keys[name]
    changed = load(CIRCLE.replace("False", "None"))
    assert fingerprint(changed.even) != keys["even"]
    assert fingerprint(changed.factorial) == keys["factorial"]


class Side(Enum):
    LEFT = 1
    RIGHT = 2


@dataclass
class Pair:
    a: int
    b: object


def closed_over(value):
    def function():
        return value

    return function


DIFFERENT = [
    *(None, 0, 0.0, -0.0, False, "0", b"0", 0j, (), [], {}, (0,), [0], {0: 0}, {0: False}, {0}),
    *(np.uint32(0), np.int32(0), np.float32(0), np.zeros(1), np.zeros((1, 1)), np.dtype("u4")),
    *(np.uint32, np.add, np, len, min, Side.LEFT, Side.RIGHT, Side, Pair(1, 2), Pair(1, (2,))),
    *([0, 1], [1, 0], {0: 1, 1: 0}, {1: 0, 0: 1}, [(0,), 1], [(0, 1)], (None, 0), [].append),
]


def test_values_that_differ_have_fingerprints_that_differ():
    assert len({fingerprint(closed_over(value)) for value in DIFFERENT}) == len(DIFFERENT)
    for value in DIFFERENT:
        assert fingerprint(closed_over(value)) == fingerprint(closed_over(value))


@pytest.mark.parametrize("value", [object(), iter(()), np.ma.zeros(1), np.frompyfunc(len, 1, 1)])
def test_values_of_unknown_content_have_no_fingerprint(value):
    with pytest.raises(UnknownContentError, match=r"content|belong"):
        fingerprint(closed_over([value]))


def test_a_cell_may_be_empty_and_an_error_within_one_is_an_error():
    function = closed_over(1)
    empty = FunctionType(function.__code__, {}, closure=(CellType(),))
    assert fingerprint(empty) != fingerprint(function)
    with pytest.raises(UnknownContentError):
        fingerprint(closed_over(closed_over(object())))


def test_a_function_that_looks_names_up_counts_by_all_sources(load):
    source = "USED = {}\ndef kernel(): return globals()['US' + 'ED']\n"
    one, other = (load(source.format(value), f"looks_up_{value}") for value in (1, 2))
    assert fingerprint(one.kernel) != fingerprint(other.kernel)


def test_a_kernel_that_is_not_known_is_not_kept():
    unknown = object()

    def make(table):
        def kernel(start, stop, z):
            for i in range(start, stop):
                z[i] = 1 if unknown is None else 2

        return kernel

    target = CpuTarget()
    with pytest.warns(RuntimeWarning, match="the kernel odd .* is not cached on disk"):
        run = target.compiled(Loop("odd", 1, make), ieee_table(Arithmetic(BINARY32), target))
    assert type(run._cache).__name__ == "NullCache"


def test_how_a_function_is_compiled_counts():
    options = [{}, {"error_model": "numpy"}, {"error_model": "numpy", "nogil": True}]
    runs = [njit(**given)(closed_over(1)) for given in options]
    assert len({fingerprint(run) for run in runs}) == len(runs)
    assert len({fingerprint(run.py_func, jit_options(run)) for run in runs}) == len(runs)


def test_no_kernel_of_the_cpu_counts_by_all_sources(monkeypatch):
    monkeypatch.setattr(fingerprints, "_sources", lambda root: pytest.fail(f"sources of {root}"))
    target = CpuTarget()
    tables = ieee_table(Arithmetic(BINARY32), target), hardware_table(BINARY32, target, fast=True)
    for table in tables:
        for loop in (MATMUL, MATMUL_FMA, *map(binary, ("add", "pow")), *map(unary, UNARY)):
            assert target.compiled(loop, table)._cache._key


def test_no_kernel_of_a_gpu_does(monkeypatch):
    pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")
    from numlean_kernels.targets.cuda.gpu import Gpu
    from numlean_kernels.targets.cuda.target import CudaTarget

    monkeypatch.setattr(fingerprints, "_sources", lambda root: pytest.fail(f"sources of {root}"))
    target, gpu = CudaTarget(simulated=False), Gpu()
    tables = ieee_table(Arithmetic(BINARY32), target), hardware_table(BINARY32, target)
    keys = [
        gpu.compiled(target.launch_config(loop, table), loop.name)._run._cache._key
        for table in tables
        for loop in (MATMUL, MATMUL_FMA, binary("add"), unary("exp"))
    ]
    assert len(set(keys)) == len(keys)


IDENTITIES = """
import sys
from numlean_kernels.formats import BINARY32
from numlean_kernels.tables import hardware_table
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.tables import ieee_table
from numlean_kernels.loops.elementwise import binary, unary
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.targets import get_target
from numlean_kernels.targets import native_program as native
from numlean_kernels.targets.fingerprint import fingerprint

cpu = get_target("cpu")
tables = ieee_table(Arithmetic(BINARY32), cpu), hardware_table(BINARY32, cpu, fast=True)
loops = MATMUL, MATMUL_FMA, binary("add"), binary("pow"), unary("exp"), unary("sin")
order = int(sys.argv[1])
found = [(loop.name, cpu.compiled(loop, t)._cache._key)
         for t in tables[::order] for loop in loops[::order]]
print(sorted(found), fingerprint(native._run_all), native._run_all._cache._key)
"""


def run(path, cache, *arguments, **environment):
    result = subprocess.run(
        [sys.executable, "-B", str(path), *arguments],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_processes_agree_on_the_fingerprints_of_kernels(tmp_path):
    program = tmp_path / "identities.py"
    program.write_text(IDENTITIES)
    first = run(program, tmp_path, "1", PYTHONHASHSEED="1")
    assert "native" not in first
    assert run(program, tmp_path, "-1", PYTHONHASHSEED="2") == first


KEPT = """
import numpy as np
from numba import njit
from numlean_kernels.targets.cache import enable_disk_cache as keep

STEP = 3

@njit(forceinline=True)
def inner(x):
    return x + STEP

def make():
    def kernel(x, z):
        for i in range(x.shape[0]):
            z[i] = inner(x[i])
    return kernel

run = njit(make())
keep(run, run.py_func, "a kernel")
z = np.zeros(1, np.int64)
run(np.ones(1, np.int64), z)
print("result", z[0])
"""


def test_a_kernel_is_compiled_anew_if_it_changes_and_only_then(tmp_path):
    program, cache = tmp_path / "kept.py", tmp_path / "cache"
    shifted = "# A comment.\n\n" + KEPT.replace(
        "):\n    return x", '):\n    """S."""\n    return x'
    )
    sources = KEPT, shifted, KEPT.replace("STEP = 3", "STEP = 4")
    saved, results = [], []
    for source in sources:
        program.write_text(source)
        shown = run(program, cache, NUMBA_DEBUG_CACHE="1")
        saved.append(shown.count("data saved to"))
        results.append(shown.split()[-1])
    assert saved == [1, 0, 1]
    assert results == ["4", "4", "5"]


def test_a_kernel_that_calls_another_compiled_function_is_not_saved(tmp_path):
    """Processes give functions the same name, and a kernel would call the one loaded first."""
    program, cache = tmp_path / "kept.py", tmp_path / "cache"
    # numba does not inline a function that calls itself twice.
    recursive = (
        "@njit\ndef inner(x):\n    return inner(x - 1) + inner(x - 2) if x > 2 else x + STEP"
    )
    inlined = "@njit(forceinline=True)\ndef inner(x):\n    return x + STEP"
    program.write_text(KEPT.replace(inlined, recursive))
    shown = run(program, cache, NUMBA_DEBUG_CACHE="1", PYTHONWARNINGS="ignore")
    assert "data saved to" not in shown
    assert shown.split()[-1] == "4"


PRODUCTS = """
import sys
import numpy as np
from numlean import get_scalar

fast = get_scalar("float32", fast_kernels=True)
x = fast.from_float(np.random.default_rng(0).standard_normal((32, 32)))
for contraction in sys.argv[1:]:
    print(contraction, hash(fast.matmul(x, x, contraction=contraction).tobytes()))
"""


def test_vector_products_cached_by_two_processes_do_not_run_each_other_s_code(tmp_path):
    program, cache = tmp_path / "products.py", tmp_path / "cache"
    program.write_text(PRODUCTS)
    results = {}
    for contractions in (["separate"], ["fma"], ["fma", "separate"], ["separate", "fma"]):
        for line in run(program, cache, *contractions, PYTHONHASHSEED="0").splitlines():
            contraction, digest = line.split()
            assert results.setdefault(contraction, digest) == digest
    assert results["separate"] != results["fma"]


def test_all_sources_have_a_hash():
    assert len(source_hash()) == 64
