"""Whether there is a GPU, and all that it takes to use it; and what is there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from numba import cuda

_INSTALL: Final = "install it with `pip install 'numlean[cuda]'`"


def missing() -> str:
    """What was looked for in vain, and the way out; empty if nothing."""
    if find_spec("numba_cuda") is None:
        return f"looked for the package numba-cuda, which is not installed; {_INSTALL}"
    from numba.cuda.cudadrv import nvvm
    from numba.cuda.cudadrv.driver import driver

    if not driver.is_available:
        reason = " ".join(str(driver.initialization_error).split("\n", 2)[:2]).strip(" .")
        return (
            f"looked for NVIDIA's driver, libcuda, in vain ({reason}); install it on a machine with"
            " a GPU, or take --device cpu"
        )
    if not nvvm.is_available():
        return f"looked for the compiler library NVVM, a wheel of CUDA, in vain; {_INSTALL}"
    try:
        count = len(cuda.gpus)
    except Exception as error:  # whatever the driver says
        return f"looked for a GPU, and the driver says: {error}; see `nvidia-smi`"
    if not count:
        return "looked for a GPU; the driver sees none; see CUDA_VISIBLE_DEVICES and `nvidia-smi`"
    return ""


def described() -> dict[str, str]:
    """The versions of CUDA's runtime and driver, and the GPUs; what is not there is left out."""
    from numba.cuda.cudadrv.driver import driver

    facts = {"CUDA runtime": ".".join(map(str, cuda.runtime.get_version()))}
    if driver.is_available:
        facts["CUDA of the driver"] = ".".join(map(str, driver.get_version()))
        for k, gpu in enumerate(cuda.gpus):
            major, minor = gpu.compute_capability
            facts[f"GPU {k}"] = f"{gpu.name}, compute capability {major}.{minor}"
    return facts
