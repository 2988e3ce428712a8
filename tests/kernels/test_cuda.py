"""The CPU's sources, compiled for CUDA without a GPU, and read."""

import ctypes
import math
import pkgutil
from importlib import import_module

import numpy as np
import pytest

from numlean import get_scalar
from numlean_kernels import loops
from numlean_kernels.elementary import table as elementary_makers
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64, E4M3
from numlean_kernels.hardware import hardware_table
from numlean_kernels.hardware import table as hardware_makers
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.ieee import table as ieee_makers
from numlean_kernels.loops.elementwise import binary
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.reduce import MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.targets.protocol import Called, Launched, Loop, Moved

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

import simulated_cuda
from cuda_kernels import (
    CAPABILITIES,
    EMULATED,
    FUNCTIONS,
    NUMBERLESS,
    Floats,
    Kernel,
    arrays,
    elementwise_kernels,
    emulated,
    hardware,
    on_encodings,
    parts,
    variants,
)
from ptx_reading import FLOATING, PretendedDevice, instructions, ptx_of, read, violations

from numlean_kernels.targets.cuda import CudaTarget

USUAL, STOCHASTIC = Arithmetic(BINARY32), Arithmetic(BINARY32, Rounding.STOCHASTIC)
UNUSUAL = Arithmetic(
    BINARY16,
    Rounding.TOWARD_NEGATIVE,
    NanRule.ARM,
    Subnormal.FLUSH,
    Tininess.BEFORE,
    Overflow.SATURATE,
)
# In an order in which neighbours share routines. Of the last two without functions: those of
# every dtype and option are read by tools/read_ptx.
PARTS = [
    *parts(emulated(USUAL)),
    *parts(hardware(BINARY32)),
    *parts(on_encodings(BINARY32)),
    *parts(emulated(STOCHASTIC)),
    NUMBERLESS,
    *parts(emulated(Arithmetic(E4M3))),
    *parts(hardware(BINARY64)),
    *parts(emulated(Arithmetic(BINARY64))),
    *parts(emulated(UNUSUAL))[:2],
]


@pytest.fixture(autouse=True)
def pretended_device(monkeypatch):
    device = PretendedDevice((8, 0))
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: device)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_no_kernel_has_an_instruction_that_its_arithmetic_forbids(part):
    """None on hardware floats in emulated arithmetic; else roundings one by one, to nearest.

    And all can be assembled.
    """
    count, found = read(part.kernels(), CAPABILITIES[-1:])
    assert found == {}
    assert count


def listed(*several):
    """What is read of kernels: their loops, and the arrays they take."""
    kernels = [kernel for part in several for kernel in part.kernels()]
    return {(kernel.loop, kinds(kernel.arrays)) for kernel in kernels}


def kinds(several):
    return tuple((array.dtype, array.ndim) for array in several)


def test_every_loop_there_is_is_read():
    names = [m.name for m in pkgutil.iter_modules(loops.__path__, f"{loops.__name__}.")]
    known = [value for name in names for value in vars(import_module(name)).values()]
    ours = listed(*parts(emulated(USUAL)), *parts(emulated(STOCHASTIC)), NUMBERLESS)
    assert {x for x in known if isinstance(x, Loop)} <= {loop for loop, _ in ours}
    makers = [x for x in known if getattr(x, "__annotations__", {}).get("return") == "Loop"]
    of_operations = {"unary", "binary", "ternary", "elementwise", "flagged"}
    assert {make.__name__ for make in makers} == of_operations | {"with_single", "filled"}


def test_every_routine_with_a_name_is_read():
    modules = [elementary_makers, hardware_makers, ieee_makers]
    facts = [fact for module in modules for fact in vars(module).items()]
    tables = [value for key, value in facts if isinstance(value, dict) and key[:2] != "__"]
    names = {
        name.removeprefix("quick ").removeprefix("whole ")
        for table in tables
        for name, make in table.items()
        if isinstance(name, str) and callable(make)
    }
    of_products = {"apart", "together", "accumulate", "accumulate encodings"}
    assert names == {*EMULATED, *FUNCTIONS} | of_products
    for numbers in (emulated(USUAL), hardware(BINARY32), hardware(BINARY64)):
        read_here = {loop.name for loop, _ in listed(*parts(numbers))}
        assert read_here >= {*numbers.operations, *FUNCTIONS}
        assert all(numbers.table.get(name) for name in (*numbers.operations, *FUNCTIONS))
    assert {f"flagged {name}" for name in (*ieee_makers.FLAGGED_MAKERS, *FUNCTIONS)} <= {
        loop.name for loop, _ in listed(*parts(emulated(USUAL)))
    }


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        ("float32", [hardware(BINARY32)]),
        ("ieee32exec", [emulated(USUAL)]),
        ("ieee32exec@round=stochastic", [emulated(STOCHASTIC), emulated(USUAL)]),
    ],
)
def test_what_a_scalar_launches_is_read_with_arrays_like_its_own(dtype, numbers):
    operations = []
    scalar = get_scalar(dtype, "python").recorded(operations)
    some = ["reductions", "movement", "elementwise", "conversions", "functions"]
    for name in [*some, "counted"] if dtype == "ieee32exec" else some:
        list(getattr(simulated_cuda, name)(scalar))
    launched = [each for each in operations if isinstance(each, Launched)]
    ours = listed(*(part for some in numbers for part in parts(some)), NUMBERLESS)
    assert len({each.loop for each in launched}) > 40
    assert {(each.loop, kinds(each.arrays)) for each in launched} <= ours


def test_variants_of_a_format_make_each_choice_there_is():
    several = list(variants(BINARY32))
    assert len(set(several)) == len(several)
    for kind in (Rounding, NanRule, Subnormal, Tininess, Overflow):
        assert {choice for each in several for choice in vars(each).values()} >= set(kind)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "sqrt", "fma"])
@pytest.mark.parametrize(("format", "number"), [(BINARY32, "f32"), (BINARY64, "f64")])
def test_each_hardware_operation_is_one_instruction(format, number, name):
    (kernel,) = elementwise_kernels(hardware(format), (name,))
    for text in ptx_of(kernel):
        names = [n for n in instructions(text) if FLOATING.search(n)]
        computing = [n for n in names if not n.startswith(("ld.", "st.", "mov.", "selp.", "setp."))]
        expected = "add" if (name, number) == ("sub", "f64") else name
        assert [n for n in computing if not n.startswith("neg.")] == [f"{expected}.rn.{number}"]


@pytest.mark.parametrize("numbers", [hardware(BINARY32), hardware(BINARY64), emulated(USUAL)])
def test_a_product_keeps_its_sums_in_registers_and_its_operands_in_shared_memory(numbers):
    for loop in (MATMUL, MATMUL_FMA):
        given = arrays(*[(numbers.dtype, 2)] * 3)
        for text in ptx_of(Kernel(loop, numbers.table, given, numbers.floats(loop.name))):
            names = instructions(text)
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


def test_the_reading_finds_what_it_looks_for():
    from numba import cuda, types

    def contracted(z, a, b, c):
        z[0] = a * b + c

    def approximate(z, a, b, c):
        z[0] = a / b + math.sqrt(c)

    numbers = types.void(types.float32[::1], types.float32, types.float32, types.float32)
    text, _ = cuda.compile_ptx(contracted, numbers, cc=(8, 0))
    assert violations(text, Floats.SEPARATE) == ["fma.rn.f32"]
    assert violations(text, Floats.FUSED) == []
    assert violations(text, Floats.MOVED) == ["fma.rn.f32"]
    assert "fma.rn.f32" in violations(text, Floats.NOTHING)
    text, _ = cuda.compile_ptx(approximate, numbers, cc=(8, 0), fastmath=True)
    wrong = violations(text, Floats.SEPARATE)
    assert any(".ftz" in name for name in wrong)
    assert any(".approx" in name for name in wrong)
    (kernel,) = elementwise_kernels(hardware(BINARY32), ("add",))
    for forbidding in (Floats.NOTHING, Floats.MOVED, Floats.FUSED):
        _, found = read([kernel._replace(floats=forbidding)])
        assert len(found) == 2
        assert all("add.rn.f32" in wrong for wrong in found.values())


def test_instructions_are_read_wherever_they_stand_on_a_line():
    text = """
    \tld.param.u64 \t%rd1, [f_param_0]; // add.f32
    \t{ .reg .b32 tmp; mov.b64 {tmp, %r2}, %rd2; cvt.rn.f32.s32 %f1, %r2; }
    \t@!%p1 fma.rn.f32 \t%f3, %f1, %f2, %f1;
    $L__BB0_2: add.ftz.f32 %f4, %f3, %f3;
    """
    expected = ["ld.param.u64", "mov.b64", "cvt.rn.f32.s32", "fma.rn.f32", "add.ftz.f32"]
    assert instructions(text) == expected
