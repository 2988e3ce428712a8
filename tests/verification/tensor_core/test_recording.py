"""The recorder of real tensor cores, on a model of a warp, and its errors without a GPU."""

import ctypes
import shutil
import subprocess
import sys
from ctypes import POINTER, c_void_p
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from numlean.analysis.matrix_units.encodings import from_binary32, to_binary32
from numlean.analysis.matrix_units.vectors import UnitVectors
from numlean.errors import NumleanError, UnavailableError
from numlean.verification.tensor_core import gpu as gpus
from numlean.verification.tensor_core.driver import ARGUMENTS, Driver
from numlean.verification.tensor_core.instructions import INSTRUCTIONS, instruction_for
from numlean.verification.tensor_core.kernel import KERNEL, kernel_ptx
from numlean.verification.tensor_core.recording import record
from numlean_kernels.formats import BINARY16, BINARY32
from numlean_kernels.matrix_units.chips import OPERANDS
from warp_model import ArrayMemory, ModelGpu, Warp, places

NAMES = {"f16": "fp16", "f32": "fp32"}
IDS = [f"{each.shape} {each.operands} {each.output}" for each in INSTRUCTIONS]


def exact_matmul(kind, out, a, b, c):
    """Return a b + c for numbers so simple that binary64 is exact, rounded once."""
    operand = OPERANDS[NAMES.get(kind, kind)].format
    output = BINARY32 if out == "f32" else BINARY16
    x, y, z = (
        to_binary32(f, m).view(np.float32).astype(np.float64)
        for f, m in ((operand, a), (operand, b), (output, c))
    )
    return from_binary32(output, (x @ y + z).astype(np.float32).view(np.uint32), "d")


def codes(name, values):
    return from_binary32(OPERANDS[name].format, np.float32(values).view(np.uint32), "values")


def simple_vectors(instruction, count=2):
    """Return products of small integers, longer than two instructions."""
    rng = np.random.default_rng(instruction.k)
    k = 2 * instruction.k + 1
    a, b = (codes(instruction.operands, rng.integers(-2, 3, (count, k))) for _ in range(2))
    c = from_binary32(
        BINARY32 if instruction.output == "fp32" else BINARY16,
        np.float32(rng.integers(-3, 4, count)).view(np.uint32),
        "c",
    )
    return UnitVectors(instruction.operands, instruction.output, a, b, c)


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=IDS)
def test_every_kernel_multiplies_on_a_warp_that_places_elements_as_the_manual_says(instruction):
    gpu = ModelGpu(instruction.capability, exact_matmul)
    vectors = simple_vectors(instruction)
    recording = record(vectors, gpu)
    assert instruction.opcode in gpu.opcodes
    out = "f32" if instruction.output == "fp32" else "f16"
    kind = {"fp16": "f16"}.get(instruction.operands, instruction.operands)
    expected = [
        int(exact_matmul(kind, out, a[None, :], b[:, None], np.array([[c]]))[0, 0])
        for a, b, c in zip(vectors.a, vectors.b, vectors.c, strict=True)
    ]
    assert recording.result.tolist() == expected
    assert recording.about["ptx_instruction"] == instruction.opcode


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=IDS)
def test_every_layout_holds_different_elements_where_the_manual_says(instruction):
    kind = {"fp16": "f16"}.get(instruction.operands, instruction.operands)
    for fragment, matrix in (
        (instruction.a, "a"),
        (instruction.b, "b"),
        (instruction.d, f"d{instruction.d.width}"),
    ):
        rows, columns = fragment.places
        for i in range(rows.shape[1]):
            row, column = places(instruction.shape, kind, matrix, i)
            assert (rows[:, i] == row).all()
            assert (columns[:, i] == column).all()
        elements = np.arange(np.prod(fragment.shape), dtype=np.uint32).reshape(fragment.shape)
        elements = elements % (1 << min(fragment.width, 31))
        packed = fragment.pack(elements)
        assert packed.shape == (32, fragment.registers)
        assert (fragment.elements(packed) == elements[rows, columns]).all()


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=IDS)
def test_the_assembler_takes_every_kernel(instruction, tmp_path):
    ptxas = shutil.which("ptxas")
    if ptxas is None:
        pytest.skip("ptxas of the CUDA toolkit is not installed")
    architecture = "sm_{}{}".format(*instruction.capability)
    listed = subprocess.run([ptxas, "--help"], capture_output=True, text=True).stdout
    if f"'{architecture}'" not in listed:
        pytest.skip(f"this ptxas does not know {architecture}")
    path = tmp_path / "kernel.ptx"
    path.write_text(kernel_ptx(instruction))
    command = [ptxas, f"-arch={architecture}", str(path), "-o", str(tmp_path / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


OPCODE_SIZE = 16
HMMA, QMMA, FADD = 0x23C, 0x27A, 0x221
"""The low 12 bits of machine code: a product of fp16 matrices, of fp8 matrices, an addition."""


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [("sm_89", [QMMA]), ("sm_90", [HMMA] * 2 + [FADD] * 4), ("sm_100", [HMMA] * 2 + [FADD] * 4)],
)
def test_fp8_mma_is_two_fp16_products_and_an_addition_on_hopper_and_blackwell(
    architecture, expected, tmp_path
):
    """The assembler confirms the rule of the units H100:e4m3:mma and B200:e4m3:mma."""
    ptxas = shutil.which("ptxas")
    if ptxas is None:
        pytest.skip("ptxas of the CUDA toolkit is not installed")
    (tmp_path / "k.ptx").write_text(kernel_ptx(instruction_for("e4m3", "fp32", None)))
    output = tmp_path / "k.cubin"
    command = [ptxas, f"-arch={architecture}", str(tmp_path / "k.ptx"), "-o", str(output)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"this ptxas does not know {architecture}")
    words = np.frombuffer(code_section(output.read_bytes()), "<u8")[::2] & 0xFFF
    assert [int(w) for w in words if w in (HMMA, QMMA, FADD)] == expected


def code_section(elf):
    """Return the bytes of the section .text of an ELF file of 64 bits."""
    at = lambda kind, offset: int(np.frombuffer(elf, kind, 1, offset)[0])  # noqa: E731
    table, count, names = at("<u8", 0x28), at("<u2", 0x3C), at("<u2", 0x3E)
    start_of_names = at("<u8", table + 64 * names + 24)
    for k in range(count):
        section = table + 64 * k
        name = start_of_names + at("<u4", section)
        if elf[name:].startswith(b".text"):
            start, size = at("<u8", section + 24), at("<u8", section + 32)
            return elf[start : start + size]
    raise AssertionError("no code")


def test_a_gpu_executes_the_best_instruction_that_it_has_and_errors_name_what_is_needed():
    assert instruction_for("fp16", "fp32", (7, 0)).shape == "m8n8k4"
    assert instruction_for("fp16", "fp16", (7, 5)).shape == "m16n8k8"
    assert instruction_for("fp16", "fp32", (12, 0)).shape == "m16n8k16"
    with pytest.raises(UnavailableError, match=r"needs a GPU of compute capability 8\.9 or more"):
        instruction_for("e4m3", "fp32", (8, 6))
    with pytest.raises(UnavailableError, match=r"there is no mma instruction for bf16 .* fp16"):
        instruction_for("bf16", "fp16", None)


def test_results_that_are_wrong_or_not_written_are_not_recorded():
    vectors = simple_vectors(instruction_for("fp16", "fp32", None))

    def forgets_the_last(kind, out, a, b, c):
        return exact_matmul(kind, out, a[:, :-1], b[:-1], c)

    with pytest.raises(
        NumleanError, match=r"at k = 15 and c = 1 give 0x3f800000 .* nothing is recorded"
    ):
        record(vectors, ModelGpu((8, 0), forgets_the_last))

    def wrong_in_one_place(kind, out, a, b, c):
        d = exact_matmul(kind, out, a, b, c)
        d[3, 2] ^= 1
        return d

    with pytest.raises(NumleanError, match="different results in one matrix of equal rows"):
        record(vectors, ModelGpu((8, 0), wrong_in_one_place))

    class Idle(ModelGpu):
        def run(self, ptx, kernel, inputs, chunks):
            return np.full(inputs[2].shape, 0xA5A5A5A5, np.uint32)

    with pytest.raises(NumleanError, match="nothing is recorded"):
        record(vectors, Idle((8, 0), None))


def test_vectors_of_another_instruction_are_refused():
    vectors = replace(simple_vectors(instruction_for("e4m3", "fp32", None)), instruction="wgmma")
    with pytest.raises(UnavailableError, match="for the instruction wgmma; only mma can be"):
        record(vectors, ModelGpu((9, 0), exact_matmul))


def test_errors_of_a_library_become_one_line():
    class Broken(ModelGpu):
        def run(self, *_):
            raise RuntimeError("CUDA error:\nillegal address")

    vectors = simple_vectors(instruction_for("fp16", "fp32", None))
    with pytest.raises(UnavailableError, match=r"model of a GPU, .*CUDA error:.*illegal address"):
        record(vectors, Broken((8, 0), None))


def test_without_a_gpu_the_reason_names_what_was_looked_for(monkeypatch):
    torch = SimpleNamespace(__version__="2.0+cpu", version=SimpleNamespace(cuda=None))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(UnavailableError) as error:
        gpus.find_gpu()
    assert str(error.value) == (
        "recording needs an NVIDIA GPU, reached through PyTorch or CuPy: PyTorch 2.0+cpu is built"
        " without CUDA; CuPy is not installed"
    )
    with pytest.raises(NumleanError, match="unknown library 'jax'; known: torch, cupy"):
        gpus.find_gpu("jax")


class FakeDriver:
    """A driver behind C function pointers; kernels run on the model of a warp, in our memory."""

    def __init__(self):
        self.modules = []
        calls = {
            "cuGetErrorString": self._error_string,
            "cuDriverGetVersion": self._driver_version,
            "cuModuleLoadDataEx": self._load,
            "cuModuleGetFunction": self._get_function,
            "cuLaunchKernel": self._launch,
        }
        for name, call in calls.items():
            prototype = ctypes.CFUNCTYPE(ctypes.c_int, *ARGUMENTS[name])
            setattr(self, name, prototype(call))

    def _error_string(self, status, text):
        self.reason = ctypes.create_string_buffer(b"invalid PTX")
        ctypes.cast(text, POINTER(c_void_p))[0] = ctypes.addressof(self.reason)
        return 0

    def _driver_version(self, number):
        ctypes.cast(number, POINTER(ctypes.c_int))[0] = 13000
        return 0

    def _load(self, module, image, count, options, values):
        if b".entry" not in image:
            chosen = ctypes.cast(options, POINTER(ctypes.c_int))[:count]
            log, size = ctypes.cast(values, POINTER(c_void_p))[:count]
            assert (chosen, size) == ([5, 6], 4096)
            ctypes.memmove(log, b"line 1: nothing\0", 16)
            return 218
        self.modules.append(image.decode())
        ctypes.cast(module, POINTER(c_void_p))[0] = len(self.modules)
        return 0

    def _get_function(self, function, module, name):
        assert f".entry {name.decode()}(" in self.modules[module - 1]
        ctypes.cast(function, POINTER(c_void_p))[0] = module
        return 0

    def _launch(self, function, *rest):
        *sizes, stream, pointers, extra = rest
        blocks = sizes[0]
        assert (sizes, stream, extra) == ([blocks, 1, 1, 32, 1, 1, 0], 7, None)
        places = ctypes.cast(pointers, POINTER(c_void_p))[:5]
        words = [ctypes.cast(each, POINTER(ctypes.c_uint64))[0] for each in places]

        def memory(address, value):
            cell = ctypes.cast(address, POINTER(ctypes.c_uint32))
            if value is None:
                return cell[0]
            cell[0] = value
            return None

        warp = Warp(self.modules[function - 1], memory, exact_matmul)
        for block in range(blocks):
            warp.run(block, words)
        return 0


class HostTensor:
    """A tensor of PyTorch in the memory of this process."""

    def __init__(self, array):
        self.array = array

    def cuda(self):
        return HostTensor(self.array.copy())

    def data_ptr(self):
        return self.array.ctypes.data

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def fake_torch():
    properties = SimpleNamespace(name="NVIDIA H200", major=9, minor=0)
    return SimpleNamespace(
        __version__="2.11.0",
        version=SimpleNamespace(cuda="13.0"),
        int32=np.int32,
        zeros=lambda *_, device: None,
        from_numpy=HostTensor,
        full=lambda shape, value, dtype, device: HostTensor(np.full(shape, value, dtype)),
        cuda=SimpleNamespace(
            is_available=lambda: True,
            current_device=lambda: 0,
            get_device_properties=lambda _: properties,
            current_stream=lambda: SimpleNamespace(cuda_stream=7),
            synchronize=lambda: None,
        ),
    )


def test_through_pytorch_the_driver_gets_the_kernel_and_the_addresses_of_tensors(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch())
    monkeypatch.setattr(Driver, "open", lambda: Driver(FakeDriver()))
    gpu = gpus.find_gpu("torch")
    vectors = simple_vectors(instruction_for("bf16", "fp32", None))
    recording = record(vectors, gpu)
    expected = record(vectors, ModelGpu((9, 0), exact_matmul))
    assert recording.result.tolist() == expected.result.tolist()
    about = recording.about
    assert (about["gpu"], about["capability"]) == ("NVIDIA H200", "9.0")
    assert about["library"] == "PyTorch 2.11.0, CUDA 13.0"


def test_a_gpu_that_a_library_cannot_use_is_a_reason_of_one_line(monkeypatch):
    torch = fake_torch()

    def refuse(*_, device):
        raise RuntimeError("CUDA error: the driver is\ntoo old")

    torch.zeros = refuse
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(Driver, "open", lambda: Driver(FakeDriver()))
    with pytest.raises(UnavailableError, match=r"PyTorch 2\.11\.0: CUDA error: the driver is"):
        gpus.find_gpu("torch")


def test_the_log_of_the_driver_is_in_the_error():
    with pytest.raises(UnavailableError) as error:
        Driver(FakeDriver()).function("nothing", KERNEL)
    assert str(error.value) == (
        "NVIDIA's driver, cuModuleLoadDataEx: invalid PTX (218): line 1: nothing"
    )


def test_through_cupy_a_module_is_loaded_from_a_file(monkeypatch):
    class RawModule:
        def __init__(self, path):
            with open(path, encoding="ascii") as file:  # noqa: PTH123
                self.text = file.read()

        def get_function(self, name):
            def launch(grid, block, arguments):
                *arrays, chunks = arguments
                assert (block, type(chunks)) == ((32,), np.uint64)
                memory = ArrayMemory(arrays)
                warp = Warp(self.text, memory, exact_matmul)
                for index in range(grid[0]):
                    warp.run(index, [*memory.starts, int(chunks)])

            return launch

    runtime = SimpleNamespace(
        is_hip=False,
        getDeviceCount=lambda: 1,
        getDevice=lambda: 0,
        getDeviceProperties=lambda _: {"name": b"NVIDIA L40S", "major": 8, "minor": 9},
        driverGetVersion=lambda: 12040,
        deviceSynchronize=lambda: None,
    )
    cupy = SimpleNamespace(
        __version__="13.0",
        cuda=SimpleNamespace(runtime=runtime),
        asarray=np.array,
        full=np.full,
        asnumpy=np.asarray,
        RawModule=RawModule,
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    gpu = gpus.find_gpu("cupy")
    vectors = simple_vectors(instruction_for("e5m2", "fp16", None))
    recording = record(vectors, gpu)
    expected = record(vectors, ModelGpu((8, 9), exact_matmul))
    assert recording.result.tolist() == expected.result.tolist()
    assert (gpu.name, gpu.library) == ("NVIDIA L40S", "CuPy 13.0, CUDA 12.4")
