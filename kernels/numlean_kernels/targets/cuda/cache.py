"""The disk cache of numba-cuda's kernels."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, final

from numba.cuda.core import config
from numba.cuda.dispatcher import _Kernel

from numlean_kernels.targets.cache import KernelCache, machine_code_settings

_COMPILERS: Final = (
    *("numba-cuda", "cuda-core", "cuda-bindings", "cuda-toolkit"),
    *("nvidia-nvvm", "nvidia-nvjitlink", "nvidia-cuda-nvcc", "nvidia-cuda-nvrtc"),
)


@final
class CudaKernelCache(KernelCache):
    """The cache of one kernel: its machine code, by the compute capability."""

    def obstacle(self, compiled: Any) -> str | None:
        """Return why machine code cannot be saved: it depends on the launch, which is in no key."""
        if getattr(compiled, "launch_config_sensitive", False):
            return "it depends on the configuration of the launch"
        return None

    def reduce(self, compiled: Any) -> Any:
        """Return the code and the description of a kernel."""
        return compiled._reduce_states()

    def rebuild(self, target_context: Any, reduced: Any) -> Any:
        """Return a kernel, to be loaded onto the device at its first launch."""
        return _Kernel._rebuild(**reduced)

    def compiler(self) -> str:
        """Return numba-cuda's settings and the versions of CUDA's compilers."""
        return f"{_versions()} {machine_code_settings(config, cuda=True)}"


@cache
def _versions() -> str:
    from numba.cuda.cudadrv import nvvm

    found = [f"{name}={_version(name)}" for name in _COMPILERS]
    return " ".join([f"NVVM {nvvm.NVVM().get_version()}", *found])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
