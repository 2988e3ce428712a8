"""CUDA without a GPU: its launches, memory and programs in numba's simulator, and its absence.

Only this finds errors in how all layers, losses and optimizers are launched, in what is staged
between host and device, and in loops over several blocks and parts, which are small here.
test_reading_ptx.py and test_executing_ptx.py check the compiled code. ``tools/simulate_cuda`` runs
all layers, all optimizers and trainings eager and compiled, and the doctor's trainings.
"""

import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

from numlean import get_scalar
from numlean.cli.main import main
from numlean.errors import UnavailableError
from numlean.scalar.registry import scalar_backends
from numlean_kernels.protocol import KernelCall
from numlean_kernels.targets.cuda.managed_memory import ManagedMemoryPool

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from layer_cases import CASES
from ptx import workloads
from ptx.simulate import simulated


@pytest.fixture(scope="module")
def digests():
    """Return the digests of the simulator and those of the interpreter."""
    return simulated()[1], workloads.digests("python")


def test_every_kernel_gives_the_interpreter_s_bits_in_the_simulator(digests):
    found, expected = digests
    assert len(expected) > 300
    assert [name for name in expected if found[name] != expected[name]] == []
    assert found.keys() == expected.keys()


def test_the_layers_chosen_launch_the_loops_of_all_layers():
    def launched(names):
        operations = []
        scalar = get_scalar("float32", "python").with_recorder(operations)
        list(workloads.layers(scalar, names))
        return {each.loop.name for each in operations if isinstance(each, KernelCall)}

    assert launched(workloads.LAYERS) == launched(tuple(CASES))


@pytest.fixture
def no_gpu():
    from numba import cuda

    if cuda.is_available():
        pytest.skip("this machine has a GPU")


def test_without_a_driver_the_error_is_one_line_with_a_fix(no_gpu, capsys):
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"libcuda.*--device cpu"):
            get_scalar("float32", "cuda")
    assert main(["train", "xor", "--steps", "1", "--cuda"]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("numlean: error: device cuda: NVIDIA's driver")


def test_the_simulator_is_described_as_one():
    command = [sys.executable, "-c", "from numlean.verification.doctor import gpu; print(gpu())"]
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "simulated by numba" in found.stdout
    assert not found.stderr


MISSING = """
import sys
sys.modules["numba_cuda"] = None
from numlean import NumleanError, get_scalar
try:
    get_scalar("ieee32exec", "cuda")
except NumleanError as error:
    print(error)
"""


def test_without_the_extra_the_error_names_it():
    result = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True)
    (line,) = result.stdout.splitlines()
    assert "numba" in line
    assert "numlean[cuda]" in line


def test_dtypes_that_numba_compiles_run_on_cuda_too_and_the_cpu_is_the_default():
    devices = {name: backend.devices for name, backend in scalar_backends()}
    on_cuda = {name for name, known in devices.items() if "cuda" in known}
    assert all(devices[name] == ("cpu", "cuda", "python") for name in on_cuda)
    assert {"float64", "float32", "ieee32exec", "binary16", "ieee", "e4m3"} <= on_cuda
    assert not {"mp", "softfloat32"} & on_cuda


class Host:
    """A memory of limited size that counts its allocations."""

    def __init__(self, room=1 << 25):
        self.room, self.allocations = room, 0

    def __call__(self, size):
        self.allocations += 1
        if size > self.room:
            raise MemoryError(f"no room for {size} bytes")
        self.room -= size
        return np.empty(size, np.uint8)


def test_a_block_is_reused_when_its_last_view_is_gone():
    memory = ManagedMemoryPool(Host())
    x = memory.empty((3, 100), np.float64)
    view = x.T[5:, 1].view(np.uint64)
    address = x.ctypes.data
    del x
    assert memory.empty(300, np.float64).ctypes.data != address
    assert memory.has(view)
    del view
    again = [memory.empty((300,), np.uint64) for _ in range(2)]
    assert address in {array.ctypes.data for array in again}


def test_small_blocks_are_cut_from_slabs_and_do_not_overlap():
    host = Host()
    memory = ManagedMemoryPool(host)
    rng = np.random.default_rng(8)
    arrays = [memory.empty(int(size), np.uint8) for size in rng.integers(1, 1 << 17, 60)]
    assert host.allocations < 5
    for k, array in enumerate(arrays):
        array[...] = k
    assert all((array == k).all() for k, array in enumerate(arrays))
    assert all(array.ctypes.data % 16 == arrays[0].ctypes.data % 16 for array in arrays)
    large = memory.empty(3 << 20, np.uint8)
    assert large.size == 3 << 20


def test_an_array_outside_the_pool_is_copied_once_and_one_of_the_pool_never():
    memory = ManagedMemoryPool(Host())
    x = np.arange(6.0).reshape(2, 3).T
    there = memory.to_device(x)
    assert np.array_equal(there, x)
    assert not memory.has(x)
    assert memory.to_device(there[1:]).ctypes.data == there[1:].ctypes.data
    assert memory.empty((0, 3), np.uint8).shape == (0, 3)
    assert memory.empty((), bool).flags.carray


def test_unused_blocks_are_freed_before_memory_is_reported_full():
    blocks = []

    def allocate(size):
        if any(block() is not None for block in blocks):
            raise MemoryError(f"no room for {size} bytes")
        block = np.empty(size, np.uint8)
        blocks.append(weakref.ref(block))
        return block

    memory = ManagedMemoryPool(allocate)
    x = memory.empty(1024, np.uint8)
    with pytest.raises(MemoryError, match="no room for 4194304 bytes"):
        memory.empty(4 << 20, np.uint8)
    del x
    assert memory.empty(4 << 20, np.uint8).size == 4 << 20
