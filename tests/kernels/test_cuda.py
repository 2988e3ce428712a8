"""The CPU's sources, compiled for CUDA without a GPU, and read."""

import ctypes
import re
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from numlean_kernels.elementary import BINARY, UNARY
from numlean_kernels.formats import BINARY32, BINARY64, E4M3
from numlean_kernels.hardware import hardware_table
from numlean_kernels.hardware.table import MAKERS as HARDWARE
from numlean_kernels.ieee import Arithmetic, Rounding, ieee_table
from numlean_kernels.ieee.table import FLAGGED_MAKERS, QUIET_MAKERS, ROUNDED_MAKERS, TO_INT
from numlean_kernels.loops.count import COUNT_FLAGS, NO_ROUTINES
from numlean_kernels.loops.elementwise import binary, elementwise, filled, flagged, with_single
from numlean_kernels.loops.matmul import BMM, BMM_FMA, MATMUL, MATMUL_FMA
from numlean_kernels.loops.place import (
    GROUP,
    MOVE,
    PICK,
    SCATTER_ADD,
    SCATTER_ADD_NOISILY,
    SCATTER_ADD_ROWS,
    SELECT,
    SPREAD,
    TAKE,
    TAKE_ROWS,
)
from numlean_kernels.loops.reduce import FIRST_GREATEST, MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.philox import philox_table
from numlean_kernels.targets.protocol import Called, DeviceFailedError, Launched, Moved

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from numlean_kernels.targets.cuda import CudaTarget

GPU = CudaTarget(simulated=False)
CAPABILITIES = [(8, 0), (9, 0)]
EMULATED = ieee_table(Arithmetic(BINARY32), GPU)
FLOAT32, FLOAT64 = (hardware_table(format, GPU) for format in (BINARY32, BINARY64))
SMALL = ieee_table(Arithmetic(E4M3), GPU)
STOCHASTIC = ieee_table(Arithmetic(BINARY32, Rounding.STOCHASTIC), GPU)

ARITIES = (
    dict.fromkeys(("add", "sub", "mul", "div", "rem", "scale_b", *BINARY), 2)
    | dict.fromkeys(("copy_sign", "minimum", "maximum", "min_num", "max_num"), 2)
    | dict.fromkeys(("eq", "lt", "le", "compare", "total_order"), 2)
    | {"fma": 3}
)
GIVEN = {"from_binary64": np.uint64, "from_int64": np.int64}
RESULTS = (
    dict.fromkeys(("eq", "lt", "le", "total_order"), np.bool_)
    | dict.fromkeys(("compare", "class_of"), np.int8)
    | {name: np.dtype(name.split()[0].removeprefix("to_")) for name in TO_INT}
    | {"to_binary64": np.uint64}
)
INT64, UINT64 = np.int64, np.uint64


def arrays(*kinds):
    """Arrays by (dtype, number of axes)."""
    return [np.empty((1,) * ndim, dtype) for dtype, ndim in kinds]


def operation(name, number):
    arity = ARITIES.get(name, 1)
    kinds = [GIVEN.get(name, number)] * arity
    if name == "scale_b":
        kinds[1] = INT64
    return arity, [(kind, 1) for kind in kinds], (RESULTS.get(name, number), 1)


def elementwise_kernels(table, number, names):
    for name in names:
        arity, operands, result = operation(name, number)
        yield elementwise(name, arity), table, arrays(*operands, result)


def flagged_kernels(table, number, names):
    for name in names:
        arity, operands, result = operation(name, number)
        yield flagged(name, arity), table, arrays(*operands, (np.uint8, 1), result)


def array_kernels(table, number):
    one, two, three = ((number, n) for n in (1, 2, 3))
    kinds = {MATMUL: (two,) * 3, MATMUL_FMA: (two,) * 3, BMM: (three,) * 3, BMM_FMA: (three,) * 3}
    kinds |= {with_single(n, k): (one,) * 3 for n in ("add", "sub", "mul", "div") for k in (0, 1)}
    kinds |= {SUM_ORDERED: (three, two), SUM_PAIRWISE: (three,), MAX: (three, two)}
    kinds[FIRST_GREATEST] = (three, (INT64, 2))
    kinds[TAKE] = (one, (INT64, 1), one)
    kinds[TAKE_ROWS] = (two, (INT64, 1), two)
    kinds[SELECT] = ((np.bool_, 1), one, one)
    kinds[SCATTER_ADD] = (one, (INT64, 1), (INT64, 1), one)
    kinds[SCATTER_ADD_ROWS] = (two, (INT64, 1), (INT64, 1), two)
    kinds[PICK] = (three, (INT64, 2), two)
    kinds[SPREAD] = (two, (INT64, 2), three)
    for loop, given in kinds.items():
        yield loop, table, arrays(*given)


def numberless_kernels():
    philox = philox_table(GPU)
    yield GROUP, NO_ROUTINES, arrays((INT64, 1), (INT64, 1), (INT64, 1))
    yield COUNT_FLAGS, NO_ROUTINES, arrays((np.uint8, 1), (UINT64, 1))
    yield filled("philox"), philox, arrays((UINT64, 1), (UINT64, 1))
    for size in (1, 2, 4, 8):
        x = np.empty((2, 2, 2, 2), f"u{size}").T[::2]
        yield MOVE, NO_ROUTINES, [x, x]


def stochastic_kernels(number):
    for name in ROUNDED_MAKERS:
        arity, operands, result = operation(name, number)
        loop = elementwise(name, arity + 1)
        yield loop, STOCHASTIC, arrays(*operands, (UINT64, 1), result)
    kinds = ((number, 2), (UINT64, 2), (INT64, 1), (INT64, 1), (number, 2))
    yield SCATTER_ADD_NOISILY, STOCHASTIC, arrays(*kinds)


class PretendedDevice:
    """numba asks the current device for this while it compiles; there need be none."""

    def __init__(self, capability):
        self.compute_capability = capability


@pytest.fixture
def ptx(monkeypatch):
    def compile_kernel(loop, table, operands, capability):
        device = PretendedDevice(capability)
        monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: device)
        return GPU.ptx(loop, table, operands, capability)

    return compile_kernel


FLOATING = re.compile(r"\.(f16x2|f16|f32|f64|bf16x2|bf16|tf32)\b")
MOVES = ("ld.", "st.", "mov.", "selp.")
# Each rounds once, to nearest, or not at all.
ALLOWED = re.compile(
    r"(add|sub|mul|div|sqrt)\.rn\.f(32|64)$|(neg|abs)\.f(32|64)$|setp\.\w+(\.\w+)?\.f(32|64)$"
)
FUSED = re.compile(r"fma\.rn\.f(32|64)$")


def instructions(text):
    """What each line does: the name of its instruction."""
    words = (line.split() for line in text.splitlines() if line.startswith(("\t", "@")))
    named = [[w for w in line if not w.startswith(("@", "{", "}"))] for line in words]
    return [line[0].rstrip(";") for line in named if line and not line[0].startswith((".", "//"))]


def violations(text, *, is_fused, is_integer):
    """Instructions that the arithmetic of a kernel does not allow."""
    names = instructions(text)
    assert any(name.startswith("st.") for name in names)
    wrong = []
    for name in names:
        is_move, is_exact = name.startswith(MOVES), ALLOWED.match(name)
        is_allowed = not is_integer and (is_move or is_exact or (is_fused and FUSED.match(name)))
        if FLOATING.search(name) and not is_allowed:
            wrong.append(name)
    return wrong


def all_violations(ptx, kernels, capabilities=CAPABILITIES, *, is_integer):
    found = {}
    for loop, table, operands in kernels:
        for capability in capabilities:
            text = ptx(loop, table, operands, capability)
            assert f".target sm_{capability[0]}{capability[1]}" in text
            wrong = violations(text, is_fused="fma" in loop.name, is_integer=is_integer)
            if wrong:
                found[loop.name, table.identity, capability] = sorted(set(wrong))
    return found


OPERATIONS = [name for name in (*FLAGGED_MAKERS, *QUIET_MAKERS) if name not in (*UNARY, *BINARY)]
FUNCTIONS = (*UNARY, *BINARY)
# Of what differs in a direction only, one for each: those of ieee32exec are all read.
FEWER = [name for name in OPERATIONS if " " not in name or name.endswith("ties_to_even")]
ARITHMETIC = [name for name in HARDWARE if name in FEWER]


def test_no_kernel_of_ieee32exec_has_a_floating_point_instruction(ptx):
    kernels = [
        *elementwise_kernels(EMULATED, np.uint32, [*OPERATIONS, *FUNCTIONS]),
        *flagged_kernels(EMULATED, np.uint32, ROUNDED_MAKERS),
        *array_kernels(EMULATED, np.uint32),
    ]
    assert all_violations(ptx, kernels, is_integer=True) == {}


def test_nor_has_one_of_a_small_format_or_of_stochastic_rounding_or_without_numbers(ptx):
    kernels = [
        *elementwise_kernels(SMALL, np.uint8, [*FEWER, "exp"]),
        *array_kernels(SMALL, np.uint8),
        *stochastic_kernels(np.uint32),
        *numberless_kernels(),
    ]
    assert all_violations(ptx, kernels, is_integer=True) == {}


@pytest.mark.parametrize(
    ("table", "number"), [(FLOAT32, np.float32), (FLOAT64, np.float64)], ids=["float32", "float64"]
)
def test_hardware_kernels_round_each_operation_once_and_contract_nothing(ptx, table, number):
    kernels = [*elementwise_kernels(table, number, ARITHMETIC), *array_kernels(table, number)]
    assert all_violations(ptx, kernels, is_integer=False) == {}
    # Integer routines between two moves; those of binary32 are read above, for both capabilities.
    # For one only: they take long to compile.
    kernels = elementwise_kernels(table, number, FUNCTIONS)
    assert all_violations(ptx, kernels, CAPABILITIES[1:], is_integer=False) == {}


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "sqrt", "fma"])
@pytest.mark.parametrize(("table", "number"), [(FLOAT32, "f32"), (FLOAT64, "f64")])
def test_each_hardware_operation_is_one_instruction(ptx, table, number, name):
    (kernel,) = elementwise_kernels(table, np.float32 if number == "f32" else np.float64, [name])
    names = instructions(ptx(*kernel, (8, 0)))
    computing = [n for n in names if FLOATING.search(n) and not n.startswith((*MOVES, "setp."))]
    expected = "add" if (name, number) == ("sub", "f64") else name
    assert [n for n in computing if not n.startswith("neg.")] == [f"{expected}.rn.{number}"]


@pytest.mark.parametrize(
    ("table", "number"), [(FLOAT32, np.float32), (FLOAT64, np.float64), (EMULATED, np.uint32)]
)
def test_a_product_keeps_its_sums_in_registers_and_its_operands_in_shared_memory(
    ptx, table, number
):
    for loop in (MATMUL, MATMUL_FMA):
        names = instructions(ptx(loop, table, arrays(*[(number, 2)] * 3), (9, 0)))
        for part in ("ld.shared.", "st.shared.", "bar.sync"):
            assert any(name.startswith(part) for name in names)
        assert not any(".local" in name for name in names)


class Stream:
    """A stream that can be captured, as cuda.core has it."""

    def __init__(self, handle, found):
        self.handle, self.found, self.captured = handle, found, None

    def create_graph_builder(self):
        assert self.handle
        return self

    def begin_building(self):
        self.captured = []

    def end_building(self):
        self.whole, self.captured = ["graph", *self.captured], None
        return self

    def complete(self):
        return self

    def launch(self, stream):
        assert stream is self
        self.found.extend(self.whole)


@pytest.fixture
def launches(monkeypatch, tmp_path):
    """A target all of whose work is done but the driver's; what would be launched is listed."""
    from numba.cuda import dispatcher

    from numlean_kernels.targets.cuda import gpu

    def launch(stream, config, kernel, *words):
        done = found if stream.captured is None else stream.captured
        done.append((config.grid, config.block, list(words)))

    class Streams:
        from_handle = staticmethod(lambda handle: streams.setdefault(handle, Stream(handle, found)))

    found, streams = [], {}
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: PretendedDevice((9, 0)))
    library = "numba.cuda.codegen.CUDACodeLibrary"
    monkeypatch.setattr(f"{library}._ensure_cc", lambda *_: (9, 0))
    monkeypatch.setattr(f"{library}.get_cufunc", lambda self: SimpleNamespace(kernel=self))
    monkeypatch.setattr("numba.cuda.codegen.JITCUDACodegen.magic_tuple", lambda _: ("cc", 9, 0))
    monkeypatch.setattr("numba.cuda.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(dispatcher._Kernel, "bind", lambda kernel: None)
    monkeypatch.setattr("numba.cuda.managed_array", np.empty)
    monkeypatch.setattr("numba.cuda.stream", lambda: 7)
    monkeypatch.setattr("cuda.core.launch", launch)
    monkeypatch.setattr("cuda.core.Stream", Streams)
    monkeypatch.setattr("numba.cuda.synchronize", lambda: found.append("wait"))
    gpu._shared_stream.cache_clear()
    yield found
    gpu._shared_stream.cache_clear()


def passed_array(array):
    return [0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides]


def test_arrays_are_passed_as_numba_passes_its_own(monkeypatch):
    """By the words, and by the types for which a kernel is compiled."""
    from numba.cuda.cudadrv.devicearray import DeviceNDArray
    from numba.cuda.dispatcher import _Kernel
    from numba.cuda.typing.typeof import typeof

    from numlean_kernels.targets.cuda.gpu import argument_types

    x = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    views = [x, x[:, ::2], x[0, 1], x.T, x[:1].view(np.int16), np.broadcast_to(x[:, :1], x.shape)]
    for view in [*views, np.zeros(1, bool)]:
        pointer = SimpleNamespace(
            __cuda_memory__=True, device_ctypes_pointer=ctypes.c_void_p(view.ctypes.data)
        )
        numba_s = DeviceNDArray(view.shape, view.strides, view.dtype, gpu_data=pointer)
        passed = []
        _Kernel._prepare_args(
            SimpleNamespace(extensions=[]), typeof(numba_s), numba_s, 0, [], passed
        )
        assert [getattr(word, "value", word) for word in passed] == passed_array(view)
        extents, (kind,) = argument_types(2, [view])
        assert extents == typeof((1, 2))
        found = typeof(numba_s)
        assert (kind.dtype, kind.ndim, kind.mutable) == (found.dtype, found.ndim, True)
        assert kind.layout == ("C" if found.layout == "C" else "A")


def test_a_launch_passes_the_arrays_own_addresses_and_a_program_is_launched_at_once(launches):
    gpu = CudaTarget(simulated=False)
    table = hardware_table(BINARY32, gpu)
    a, b, c = (gpu.empty(shape, np.float32) for shape in ((300, 7), (7, 130), (300, 130)))
    gpu.kernel_of(MATMUL, table)(c.shape, a, b, c)
    x, z = c.T[::2], gpu.empty((65, 300), np.float32)
    gpu.move(x, z)
    product = [300, 130, *(word for array in (a, b, c) for word in passed_array(array))]
    assert launches[0] == ((3 * 2, 1, 1), (16, 16, 1), product)
    blocks, threads, words = launches[2]
    assert (blocks, threads) == ((-(-z.size // 256), 1, 1), (256, 1, 1))
    assert {x.ctypes.data, z.ctypes.data} <= set(words)
    assert launches[1] == launches[3] == "wait"
    run = gpu.program([Launched(MATMUL, table, c.shape, (a, b, c)), Moved(x, z)])
    first = launches[:4]
    launches.clear()
    run()
    assert launches == ["graph", first[0], first[2], "wait"]


def test_what_no_kernel_does_comes_first_unless_it_depends_on_one(launches):
    gpu = CudaTarget(simulated=False)
    table = hardware_table(BINARY32, gpu)
    x, y, z, total = (gpu.empty(shape, np.float32) for shape in (9, 9, 9, (1, 1)))

    def called(*read, written):
        return Called(lambda: launches.append(f"write {written.shape}"), read, (written,))

    add, sums = Launched(binary("add"), table, (9,), (x, y, z)), z.reshape(1, 9, 1)
    fed, total_of = called(written=y), Launched(SUM_ORDERED, table, (1, 1), (sums, total))
    gpu.program([called(written=x), add, fed, called(written=gpu.empty(5, np.float32)), total_of])()
    kinds = [one if isinstance(one, str) else "launch" for one in launches]
    first = ["write (9,)", "graph", "launch", "wait"]
    assert kinds == [*first, "write (9,)", "write (5,)", "graph", "launch", "wait"]
    launches.clear()
    gpu.program(
        [add, called(z, written=total), called(written=gpu.empty(5, np.float32)), total_of]
    )()
    kinds = [one if isinstance(one, str) else "launch" for one in launches]
    assert kinds == ["graph", "launch", "wait", "write (1, 1)", "write (5,)", *first[1:]]
    launches.clear()
    gpu.program([add, called(written=gpu.empty(5, np.float32)), total_of])()
    kinds = [one if isinstance(one, str) else "launch" for one in launches]
    assert kinds == ["write (5,)", "graph", "launch", "launch", "wait"]


def test_a_long_tree_is_several_launches_and_a_short_one_none(launches):
    gpu = CudaTarget(simulated=False)
    table = hardware_table(BINARY32, gpu)
    shapes = {(1, 1, 1): [], (2, 2048, 1): [2], (1, 2049, 1): [2, 1], (3, 65, 70): [18, 9]}
    for shape, expected in shapes.items():
        work = gpu.empty(shape, np.float32)
        gpu.kernel_of(SUM_PAIRWISE, table)(shape[::2], work)
        assert [one[0][0] for one in launches if one != "wait"] == expected
        launches.clear()


def test_a_kernel_is_compiled_once_for_all_processes(launches, monkeypatch):
    from numba.cuda.dispatcher import _Kernel

    def run(loop):
        gpu = CudaTarget(simulated=False)
        x, z = gpu.empty((3, 4, 5), np.float32), gpu.empty((3, 5), np.float32)
        gpu.kernel_of(loop, hardware_table(BINARY32, gpu))(z.shape, x, z)
        return launches[-2]

    def refuse(*_, **__):
        raise AssertionError("compiled")

    blocks, threads, _ = run(SUM_ORDERED)
    monkeypatch.setattr(_Kernel, "__init__", refuse)
    assert run(SUM_ORDERED)[:2] == (blocks, threads)
    with pytest.raises(AssertionError, match="compiled"):
        run(MAX)


def test_what_cuda_complains_of_is_one_line(monkeypatch, capsys):
    from numba.cuda.cudadrv.driver import CudaAPIError

    from numlean.cli import main

    def refuse(*_):
        raise CudaAPIError(code, f"Call to cuSomething results in {name}\nand more")

    deferred = []
    monkeypatch.setattr("numba.cuda.defer_cleanup", lambda: nullcontext(deferred.append("all")))
    gpu = CudaTarget(simulated=False)
    monkeypatch.setattr("numba.cuda.managed_array", np.empty)
    nothing = gpu.empty(0, np.float32)
    monkeypatch.setattr("numba.cuda.managed_array", refuse)
    monkeypatch.setattr("numba.cuda.synchronize", refuse)
    code, name = 2, "CUDA_ERROR_OUT_OF_MEMORY"
    with pytest.raises(MemoryError, match=r"no room for 4194304 bytes more.*--device cpu$"):
        gpu.empty(1 << 20, np.float32)
    with pytest.raises(MemoryError, match=r"no room \(.*OUT_OF_MEMORY\).*--device cpu$"):
        gpu.move(nothing, nothing)
    assert not deferred
    code, name = 700, "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(DeviceFailedError, match=r"CUDA says: .*ILLEGAL_ADDRESS; .*--resume"):
        gpu.move(nothing, nothing)
    assert deferred == ["all"]
    monkeypatch.setattr("numlean_kernels.targets.find._cuda", lambda: gpu)
    assert main(["train", "xor", "--steps", "1", "--cuda", "--dtype", "float64"]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("numlean: error: device cuda: CUDA says: [700] Call to cuSomething")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"get_version": (12, 4)}, r"driver knows CUDA 12\.4, .* for CUDA 13\.\d+; .*cu12"),
        ({"gpus": []}, "the driver sees none; see CUDA_VISIBLE_DEVICES"),
        ({"gpus": [(7, 0)]}, r"compute capability 7\.0, .* 7\.5 and later"),
        ({"error": "Call to cuInit: CUDA_ERROR_NO_DEVICE"}, "the driver says: Call to cuInit"),
        ({"nvvm": False}, "compiler library NVVM.*pip install"),
        ({"nvjitlink": False}, "linker nvJitLink.*pip install"),
        ({}, "^$"),
    ],
)
def test_what_is_missing_is_said_in_one_line(monkeypatch, changes, words):
    from numba.cuda.cudadrv import driver, nvvm

    from numlean_kernels.targets.cuda import presence

    pretended = SimpleNamespace(
        is_available="error" not in changes,
        initialization_error=changes.get("error"),
        get_version=lambda: changes.get("get_version", (13, 1)),
    )
    gpus = [PretendedDevice(capability) for capability in changes.get("gpus", [(9, 0)])]
    monkeypatch.setattr(driver, "driver", pretended)
    monkeypatch.setattr(nvvm, "is_available", lambda: changes.get("nvvm", True))
    monkeypatch.setattr(driver, "_have_nvjitlink", lambda: changes.get("nvjitlink", True))
    monkeypatch.setattr("numba.cuda.gpus", gpus)
    found = presence.missing()
    assert re.search(words, found)
    assert "\n" not in found


def test_the_reading_finds_what_it_looks_for(ptx, monkeypatch):
    from numba import cuda, types

    def contracted(z, a, b, c):
        z[0] = a * b + c

    def approximate(z, a, b, c):
        z[0] = a / b + math.sqrt(c)

    import math

    numbers = types.void(types.float32[::1], types.float32, types.float32, types.float32)
    text, _ = cuda.compile_ptx(contracted, numbers, cc=(8, 0))
    assert violations(text, is_fused=False, is_integer=False) == ["fma.rn.f32"]
    assert violations(text, is_fused=True, is_integer=False) == []
    assert "fma.rn.f32" in violations(text, is_fused=True, is_integer=True)
    text, _ = cuda.compile_ptx(approximate, numbers, cc=(8, 0), fastmath=True)
    wrong = violations(text, is_fused=True, is_integer=False)
    assert any(".ftz" in name for name in wrong)
    assert any(".approx" in name for name in wrong)
    (kernel,) = elementwise_kernels(FLOAT32, np.float32, ["add"])
    assert violations(ptx(*kernel, (9, 0)), is_fused=False, is_integer=True)
