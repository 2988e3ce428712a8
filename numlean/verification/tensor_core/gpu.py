"""A GPU that executes the kernel, through PyTorch or CuPy."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from numlean.display_text import one_line
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.verification.tensor_core.driver import Driver
from numlean.verification.tensor_core.fragments import LANES, Words
from numlean.verification.tensor_core.instructions import Capability

_UNWRITTEN: Final = 0xA5A5A5A5
_PATIENCE: Final = 60
"""Seconds that nvidia-smi may take."""


class Gpu(Protocol):
    """A GPU.

    Attributes:
        name: As NVIDIA names it, such as ``NVIDIA H200``.
        capability: Its compute capability.
        library: The library that reaches it, and its version.
    """

    name: str
    capability: Capability
    library: str

    def run(self, ptx: str, kernel: str, inputs: tuple[Words, Words, Words], chunks: int) -> Words:
        """Launch a kernel, one warp for each product, and return D.

        Args:
            ptx: The code.
            kernel: The name of the kernel in it.
            inputs: A, B and C. D has the shape of C.
            chunks: The last argument of the kernel.

        Raises:
            NumleanError: The GPU or its driver refuses it.
        """
        ...


class TorchGpu:
    """The current GPU of PyTorch, whose kernel the driver loads."""

    def __init__(self, torch: Any, driver: Driver) -> None:
        self._torch, self._driver = torch, driver
        torch.zeros(1, device="cuda")  # makes the context current
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        self.name = str(properties.name)
        self.capability = (int(properties.major), int(properties.minor))
        self.library = f"PyTorch {torch.__version__}, CUDA {driver.version}"

    @classmethod
    def find(cls) -> TorchGpu:
        """Return the GPU.

        Raises:
            UnavailableError: PyTorch, or a GPU of NVIDIA, is not there.
        """
        torch = _module("torch", "PyTorch")
        if not torch.version.cuda:
            raise UnavailableError(f"PyTorch {torch.__version__} is built without CUDA")
        if not torch.cuda.is_available():
            raise UnavailableError(f"PyTorch {torch.__version__} finds no NVIDIA GPU")
        with _naming(f"PyTorch {torch.__version__}"):
            return cls(torch, Driver.open())

    def run(self, ptx: str, kernel: str, inputs: tuple[Words, Words, Words], chunks: int) -> Words:
        """Launch a kernel; see :class:`Gpu`."""
        torch = self._torch
        function = self._driver.function(ptx, kernel)
        tensors = [torch.from_numpy(_contiguous(x).view(np.int32)).cuda() for x in inputs]
        shape, unwritten = inputs[2].shape, np.uint32(_UNWRITTEN).view(np.int32)
        tensors.append(torch.full(shape, int(unwritten), dtype=torch.int32, device="cuda"))
        addresses = [int(each.data_ptr()) for each in tensors]
        stream = int(torch.cuda.current_stream().cuda_stream)
        self._driver.launch(function, shape[0], stream, [*addresses, chunks])
        torch.cuda.synchronize()
        found: Words = tensors[-1].cpu().numpy().view(np.uint32)
        return found


class CupyGpu:
    """The current GPU of CuPy."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        runtime = cupy.cuda.runtime
        properties = runtime.getDeviceProperties(runtime.getDevice())
        name = properties["name"]
        self.name = name.decode() if isinstance(name, bytes) else str(name)
        self.capability = (int(properties["major"]), int(properties["minor"]))
        version = int(runtime.driverGetVersion())
        self.library = f"CuPy {cupy.__version__}, CUDA {version // 1000}.{version % 1000 // 10}"

    @classmethod
    def find(cls) -> CupyGpu:
        """Return the GPU.

        Raises:
            UnavailableError: CuPy, or a GPU of NVIDIA, is not there.
        """
        cupy = _module("cupy", "CuPy")
        if cupy.cuda.runtime.is_hip:
            raise UnavailableError(f"CuPy {cupy.__version__} is built for AMD's GPUs")
        with _naming(f"CuPy {cupy.__version__}"):
            if not cupy.cuda.runtime.getDeviceCount():
                raise UnavailableError(f"CuPy {cupy.__version__} finds no NVIDIA GPU")
            return cls(cupy)

    def run(self, ptx: str, kernel: str, inputs: tuple[Words, Words, Words], chunks: int) -> Words:
        """Launch a kernel; see :class:`Gpu`."""
        cupy = self._cupy
        arrays = [cupy.asarray(_contiguous(each)) for each in inputs]
        arrays.append(cupy.full(inputs[2].shape, _UNWRITTEN, dtype=np.uint32))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{kernel}.ptx"
            path.write_text(ptx, encoding="ascii")
            function = cupy.RawModule(path=str(path)).get_function(kernel)
            function((inputs[2].shape[0],), (LANES,), (*arrays, np.uint64(chunks)))
            cupy.cuda.runtime.deviceSynchronize()
        found: Words = np.asarray(cupy.asnumpy(arrays[-1]), np.uint32)
        return found


LIBRARIES: Final[dict[str, Callable[[], Gpu]]] = {"torch": TorchGpu.find, "cupy": CupyGpu.find}
"""How to reach a GPU, the preferred way first."""


def find_gpu(library: str | None = None) -> Gpu:
    """Return a GPU of NVIDIA.

    Args:
        library: A key of ``LIBRARIES``; None for the first one that works.

    Raises:
        UnavailableError: There is none; the message says why, for each library.
        UnknownNameError: The library is unknown.
    """
    if library is not None and library not in LIBRARIES:
        raise UnknownNameError("library", library, tuple(LIBRARIES))
    reasons = []
    for name in LIBRARIES if library is None else (library,):
        try:
            return LIBRARIES[name]()
        except UnavailableError as error:
            reasons.append(str(error))
    raise UnavailableError(
        f"recording needs an NVIDIA GPU, reached through PyTorch or CuPy: {'; '.join(reasons)}"
    )


def driver_version() -> str:
    """Return the version of NVIDIA's driver, as nvidia-smi prints it; "" where that fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.split("\n")[0].strip() if done.returncode == 0 else ""


def run_on(
    gpu: Gpu, ptx: str, kernel: str, inputs: tuple[Words, Words, Words], chunks: int
) -> Words:
    """Launch a kernel on a GPU; raise the errors of its library as ours.

    Raises:
        NumleanError: The kernel could not be executed.
    """
    with _naming(f"{gpu.name}, {gpu.library}"):
        return gpu.run(ptx, kernel, inputs, chunks)


@contextmanager
def _naming(owner: str) -> Iterator[None]:
    """Raise the errors of a library, which have classes of their own, as ours."""
    try:
        yield
    except NumleanError:
        raise
    except Exception as error:
        raise UnavailableError(f"{owner}: {one_line(error)}") from error


def _module(name: str, title: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        reason = "is not installed" if missing else f"cannot be imported: {one_line(error)}"
        raise UnavailableError(f"{title} {reason}") from None


def _contiguous(words: Words) -> Words:
    return np.ascontiguousarray(words, np.uint32)
