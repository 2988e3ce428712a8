"""The calls that the device cuda makes to the driver: all but the driver is real.

Only this finds wrong words, addresses and orders of launches, and errors of the driver that are
reported badly.
"""

import ctypes
import re
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from numlean_kernels.formats import BINARY32
from numlean_kernels.loops.elementwise import binary
from numlean_kernels.loops.matmul import MATMUL
from numlean_kernels.loops.reduce import MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.protocol import CopyCall, DeviceFailedError, HostCall, KernelCall
from numlean_kernels.tables.hardware import hardware_table

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from numlean_kernels.targets.cuda import CudaTarget
from ptx.fake_driver import FakeDevice, replace_driver


@pytest.fixture
def launches(monkeypatch, tmp_path):
    """Yield the list of launches of a target whose driver is replaced by a recorder."""

    def launch(stream, config, kernel, *words):
        entry = config.grid, config.block, list(words)
        if stream.captured is None:
            found.append(entry)
        else:
            entries = [entry] if stream.captured else ["graph", entry]
            stream.captured += [partial(found.append, one) for one in entries]

    found = []
    replace_driver(monkeypatch, launch)
    monkeypatch.setattr("numba.cuda.codegen.JITCUDACodegen.magic_tuple", lambda _: ("cc", 9, 0))
    monkeypatch.setattr("numba.cuda.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("numba.cuda.synchronize", lambda: found.append("wait"))
    return found


def passed_array(array):
    return [0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides]


def test_arrays_are_passed_like_numba_arrays(monkeypatch):
    """Compare the words, and the types for which a kernel is compiled."""
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
    a, b, c = (gpu.empty(shape, np.float32) for shape in ((1, 300, 7), (1, 7, 130), (1, 300, 130)))
    gpu.kernel_of(MATMUL, table)(c.shape, a, b, c)
    x, z = c[0].T[::2], gpu.empty((65, 300), np.float32)
    gpu.copy_into(x, z)
    product = [1, 300, 130, *(word for array in (a, b, c) for word in passed_array(array))]
    assert launches[0] == ((3 * 2, 1, 1), (16, 16, 1), product)
    blocks, threads, words = launches[2]
    assert (blocks, threads) == ((-(-z.size // 256), 1, 1), (256, 1, 1))
    assert {x.ctypes.data, z.ctypes.data} <= set(words)
    assert launches[1] == launches[3] == "wait"
    run = gpu.compile([KernelCall(MATMUL, table, c.shape, (a, b, c)), CopyCall(x, z)])
    first = launches[:4]
    launches.clear()
    run()
    assert launches == ["graph", first[0], first[2], "wait"]


def test_host_calls_run_first_unless_they_depend_on_a_kernel(launches):
    gpu = CudaTarget(simulated=False)
    table = hardware_table(BINARY32, gpu)
    x, y, z, total = (gpu.empty(shape, np.float32) for shape in (9, 9, 9, (1, 1)))

    def called(*read, written):
        return HostCall(lambda: launches.append(f"write {written.shape}"), read, (written,))

    add, sums = KernelCall(binary("add"), table, (9,), (x, y, z)), z.reshape(1, 9, 1)
    fed, total_of = called(written=y), KernelCall(SUM_ORDERED, table, (1, 1), (sums, total))
    gpu.compile([called(written=x), add, fed, called(written=gpu.empty(5, np.float32)), total_of])()
    kinds = [one if isinstance(one, str) else "launch" for one in launches]
    first = ["write (9,)", "graph", "launch", "wait"]
    assert kinds == [*first, "write (9,)", "write (5,)", "graph", "launch", "wait"]
    launches.clear()
    gpu.compile(
        [add, called(z, written=total), called(written=gpu.empty(5, np.float32)), total_of]
    )()
    kinds = [one if isinstance(one, str) else "launch" for one in launches]
    assert kinds == ["graph", "launch", "wait", "write (1, 1)", "write (5,)", *first[1:]]
    launches.clear()
    gpu.compile([add, called(written=gpu.empty(5, np.float32)), total_of])()
    kinds = [one if isinstance(one, str) else "launch" for one in launches]
    assert kinds == ["write (5,)", "graph", "launch", "launch", "wait"]


def test_host_visible_arrays_are_copied_once_before_kernels_read_them(launches):
    gpu = CudaTarget(simulated=False)
    table = hardware_table(BINARY32, gpu)
    given, shown = gpu.empty_host_visible((3, 3), np.float32), gpu.empty_host_visible(9, np.float32)
    z = gpu.empty(9, np.float32)
    row = given[1]
    total = gpu.empty(3, np.float32)
    add = KernelCall(binary("add"), table, (9,), (given.reshape(-1), z, z))
    add_row = KernelCall(binary("add"), table, (3,), (row, row, total))
    called = HostCall(lambda: launches.append("call"), (z,), (given,))
    gpu.compile([add, add_row, CopyCall(z, shown), called, add_row])()
    graph, fetched, added, row_added, moved, *after = launches
    assert graph == "graph"
    addresses = [set(words) for *_, words in (fetched, added, row_added, moved)]
    assert given.ctypes.data in addresses[0]
    assert given.ctypes.data not in addresses[1]
    (copy,) = addresses[0] & addresses[1] - {9, 1, 0, 4, 3}
    assert copy + 12 in addresses[2]
    assert {z.ctypes.data, shown.ctypes.data} <= addresses[3]
    assert [one if isinstance(one, str) else one[2] for one in after] == [
        *("wait", "call", "graph", fetched[2], row_added[2], "wait")
    ]


def test_host_visible_results_are_copied_again_before_kernels_read_them(launches):
    gpu = CudaTarget(simulated=False)
    add, table = binary("add"), hardware_table(BINARY32, gpu)
    given, x, z = (
        gpu.empty_host_visible(9, np.float32),
        *(gpu.empty(9, np.float32) for _ in range(2)),
    )
    read = KernelCall(add, table, (9,), (given, x, z))
    gpu.compile([read, read, CopyCall(z, given), read])()
    _, fetched, first, second, moved, *again, wait = launches
    assert again == [fetched, first]
    assert (first, wait) == (second, "wait")
    assert moved != fetched


def test_overlapping_views_are_copied_through_a_temporary(launches):
    gpu = CudaTarget(simulated=False)
    x = gpu.empty(9, np.float32)
    gpu.copy_into(x[:-1], x[1:])
    (*_, there), (*_, back), wait = launches
    assert x.ctypes.data in there
    assert x.ctypes.data + 4 in back
    assert x.ctypes.data not in back
    assert wait == "wait"


def test_a_mirror_is_refreshed_if_any_bit_has_changed():
    from numlean_kernels.targets.cuda.staging import DeviceMirror

    array = np.array([0.0, np.nan])
    copy = array.copy()
    mirror = DeviceMirror(array, copy)
    for values in ([-0.0, np.nan], [-0.0, -np.nan]):
        array[...] = values
        mirror.refresh()
        assert copy.tobytes() == array.tobytes()
    copy[...] = 7
    mirror.refresh()
    assert (copy == 7).all()


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


def test_errors_of_cuda_are_one_line(monkeypatch, capsys):
    from numba.cuda.cudadrv.driver import CudaAPIError

    from numlean.cli.main import main

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
    with pytest.raises(MemoryError, match=r"cannot allocate 4194304 more bytes.*--device cpu$"):
        gpu.empty(1 << 20, np.float32)
    with pytest.raises(MemoryError, match=r"out of memory \(.*OUT_OF_MEMORY\).*--device cpu$"):
        gpu.copy_into(nothing, nothing)
    assert not deferred
    code, name = 700, "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(DeviceFailedError, match=r"CUDA reports: .*ILLEGAL_ADDRESS; .*--resume"):
        gpu.copy_into(nothing, nothing)
    assert deferred == ["all"]

    def no_context():
        raise CudaAPIError(code, "there is no context")

    monkeypatch.setattr("numba.cuda.defer_cleanup", no_context)
    with pytest.raises(DeviceFailedError, match="CUDA reports"):
        gpu.copy_into(nothing, nothing)
    code, name = 5, "something that no driver says"
    with pytest.raises(DeviceFailedError, match=r"CUDA reports: .*no driver says$"):
        gpu.copy_into(nothing, nothing)
    code, name = 700, "CUDA_ERROR_ILLEGAL_ADDRESS"
    monkeypatch.setattr("numlean_kernels.targets.registry._cuda", lambda: gpu)
    assert main(["train", "xor", "--steps", "1", "--cuda", "--dtype", "float64"]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("numlean: error: device cuda: CUDA reports: [700] Call to cuSomething")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"get_version": (12, 4)}, r"driver supports CUDA 12\.4, .* need CUDA 13\.\d+; .*cu12"),
        ({"gpus": []}, "the driver reports no GPU; see CUDA_VISIBLE_DEVICES"),
        ({"gpus": [(7, 0)]}, r"compute capability 7\.0, .* at least 7\.5; "),
        ({"error": "Call to cuInit: CUDA_ERROR_NO_DEVICE"}, "the driver reports: Call to cuInit"),
        ({"nvvm": False}, "compiler library NVVM.*pip install"),
        ({"nvjitlink": False}, "linker nvJitLink.*pip install"),
        ({}, "^$"),
    ],
)
def test_the_reason_why_a_gpu_cannot_be_used_is_one_line(monkeypatch, changes, words):
    from numba.cuda.cudadrv import driver, nvvm

    from numlean_kernels.targets.cuda import availability

    fake = SimpleNamespace(
        is_available="error" not in changes,
        initialization_error=changes.get("error"),
        get_version=lambda: changes.get("get_version", (13, 1)),
    )
    gpus = [FakeDevice(capability) for capability in changes.get("gpus", [(9, 0)])]
    monkeypatch.setattr(driver, "driver", fake)
    monkeypatch.setattr(nvvm, "is_available", lambda: changes.get("nvvm", True))
    monkeypatch.setattr(driver, "_have_nvjitlink", lambda: changes.get("nvjitlink", True))
    monkeypatch.setattr("numba.cuda.gpus", gpus)
    found = availability.unavailable_reason()
    assert re.search(words, found)
    assert "\n" not in found
