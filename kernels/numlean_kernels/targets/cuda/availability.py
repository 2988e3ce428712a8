"""Whether there is a GPU, and all that it takes to use it; and what is there."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final

from numba import cuda
from numba.core import config

_INSTALL: Final = "install it with `pip install 'numlean[cuda]'`"
_SEE: Final = "see CUDA_VISIBLE_DEVICES and `nvidia-smi`"


def unavailable_reason() -> str:
    """What was looked for in vain, and the way out; empty if nothing."""
    if find_spec("numba_cuda") is None:
        return f"looked for the package numba-cuda, which is not installed; {_INSTALL}"
    from numba.cuda.cudadrv import driver, nvvm

    reason = _why_no_driver()
    if "cuInit" in reason:
        return f"the driver says: {reason}; {_SEE}"
    if reason:
        return (
            f"looked for NVIDIA's driver, libcuda, in vain ({reason}); install it on a machine with"
            " a GPU, or take --device cpu"
        )
    if not nvvm.is_available():
        return f"looked for the compiler library NVVM, a wheel of CUDA, in vain; {_INSTALL}"
    if not driver._have_nvjitlink():
        return f"looked for the linker nvJitLink, a wheel of CUDA, in vain; {_INSTALL}"
    return _why_not_this_gpu()


def _why_no_driver() -> str:
    """Why the driver cannot be used, in one line; empty if it can."""
    from numba.cuda.cudadrv.driver import driver
    from numba.cuda.cudadrv.error import CudaSupportError

    try:
        is_there = driver.is_available
    except CudaSupportError:  # when asked for the first time
        is_there = False
    words = " ".join(str(driver.initialization_error).split("\n", 2)[:2]).strip(" .")
    return "" if is_there else words


def _why_not_this_gpu() -> str:
    """Why the GPU cannot be used, in one line; empty if it can."""
    from numba.cuda.cudadrv import nvrtc
    from numba.cuda.cudadrv.driver import driver

    try:
        known, needed = driver.get_version(), cuda.runtime.get_version()
        least = nvrtc.get_lowest_supported_cc()
    except Exception as error:  # whatever a library that is not there says
        return f"looked for CUDA's runtime and NVRTC, and numba says: {error}; {_INSTALL}"
    if known[0] < needed[0]:
        return (
            f"NVIDIA's driver knows CUDA {_dotted(known)}, and what is installed is for CUDA"
            f" {_dotted(needed)}; install a newer driver, or `pip install"
            f" 'numba-cuda[cu{known[0]}]'`"
        )
    try:
        gpus = list(cuda.gpus)
    except Exception as error:  # whatever the driver says
        return f"looked for a GPU, and the driver says: {error}; {_SEE}"
    if not gpus:
        return f"looked for a GPU; the driver sees none; {_SEE}"
    found = gpus[0].compute_capability
    if found < least:
        return (
            f"the GPU has compute capability {_dotted(found)}, and CUDA {_dotted(needed)} compiles"
            f" for {_dotted(least)} and later; install an earlier CUDA, or take --device cpu"
        )
    return ""


def described() -> dict[str, str]:
    """The versions of CUDA's runtime and driver, and the GPUs; what is not there is left out."""
    if config.ENABLE_CUDASIM:
        return {"GPU": "none, but numba's simulation of one"}
    from numba.cuda.cudadrv.driver import driver

    facts = {}
    with suppress(Exception):  # whatever a library that is not there says
        facts["CUDA runtime"] = _dotted(cuda.runtime.get_version())
    if not _why_no_driver():
        facts["CUDA of the driver"] = _dotted(driver.get_version())
        for k, gpu in enumerate(cuda.gpus):
            facts[f"GPU {k}"] = f"{gpu.name}, compute capability {_dotted(gpu.compute_capability)}"
    return facts


def _dotted(version: Any) -> str:
    return ".".join(map(str, version))
