"""Availability of the GPU: the reason if it cannot be used, and the installed versions."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final

from numba import cuda
from numba.core import config

_INSTALL: Final = "install it with `pip install 'numlean[cuda]'`"
_SEE: Final = "see CUDA_VISIBLE_DEVICES and `nvidia-smi`"


def unavailable_reason() -> str:
    """Return why CUDA cannot be used and how to fix it; an empty string if it can be used."""
    if find_spec("numba_cuda") is None:
        return f"the package numba-cuda is not installed; {_INSTALL}"
    from numba.cuda.cudadrv import driver, nvvm

    reason = _driver_problem()
    if "cuInit" in reason:
        return f"the driver reports: {reason}; {_SEE}"
    if reason:
        return (
            f"NVIDIA's driver, libcuda, was not found ({reason}); install it on a machine with a"
            " GPU, or pass --device cpu"
        )
    if not nvvm.is_available():
        return f"the compiler library NVVM, one of CUDA's wheels, was not found; {_INSTALL}"
    if not driver._have_nvjitlink():
        return f"the linker nvJitLink, one of CUDA's wheels, was not found; {_INSTALL}"
    return _gpu_problem()


def _driver_problem() -> str:
    """Return why the driver cannot be used, in one line; an empty string if it can."""
    from numba.cuda.cudadrv.driver import driver
    from numba.cuda.cudadrv.error import CudaSupportError

    try:
        is_available = driver.is_available
    except CudaSupportError:  # raised by the first call
        is_available = False
    lines = " ".join(str(driver.initialization_error).split("\n", 2)[:2]).strip(" .")
    return "" if is_available else lines


def _gpu_problem() -> str:
    """Return why the GPU cannot be used, in one line; an empty string if it can."""
    from numba.cuda.cudadrv import nvrtc
    from numba.cuda.cudadrv.driver import driver

    try:
        supported, needed = driver.get_version(), cuda.runtime.get_version()
        minimum = nvrtc.get_lowest_supported_cc()
    except Exception as error:  # any error of a missing library
        return f"CUDA's runtime or NVRTC cannot be loaded: {error}; {_INSTALL}"
    if supported[0] < needed[0]:
        return (
            f"NVIDIA's driver supports CUDA {_join_version(supported)}, but the installed packages"
            f" need CUDA {_join_version(needed)}; install a newer driver, or `pip install"
            f" 'numba-cuda[cu{supported[0]}]'`"
        )
    try:
        gpus = list(cuda.gpus)
    except Exception as error:  # any error of the driver
        return f"the driver cannot list GPUs: {error}; {_SEE}"
    if not gpus:
        return f"the driver reports no GPU; {_SEE}"
    found = gpus[0].compute_capability
    if found < minimum:
        return (
            f"the GPU has compute capability {_join_version(found)}, but CUDA"
            f" {_join_version(needed)} needs at least {_join_version(minimum)}; install an earlier"
            " CUDA, or pass --device cpu"
        )
    return ""


def describe_installation() -> dict[str, str]:
    """Return the versions of CUDA's runtime and driver and the GPUs, as far as they exist."""
    if config.ENABLE_CUDASIM:
        return {"GPU": "simulated by numba"}
    from numba.cuda.cudadrv.driver import driver

    facts = {}
    with suppress(Exception):  # any error of a missing library
        facts["CUDA runtime"] = _join_version(cuda.runtime.get_version())
    if not _driver_problem():
        facts["CUDA of the driver"] = _join_version(driver.get_version())
        for k, gpu in enumerate(cuda.gpus):
            facts[f"GPU {k}"] = (
                f"{gpu.name}, compute capability {_join_version(gpu.compute_capability)}"
            )
    return facts


def _join_version(version: Any) -> str:
    return ".".join(map(str, version))
