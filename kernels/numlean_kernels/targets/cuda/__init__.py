"""Kernels on a GPU: its launches, and the loops' forms there.

With ``NUMBA_ENABLE_CUDASIM=1`` there is no GPU but numba's simulation of one; the forms, the memory
and the programs are the same.
"""

from __future__ import annotations

from numba.core import config

from numlean_kernels.protocol import DeviceMissingError
from numlean_kernels.targets.cuda.availability import described, unavailable_reason
from numlean_kernels.targets.cuda.target import CudaTarget

__all__ = ["CudaTarget", "cuda_target", "described"]


def cuda_target() -> CudaTarget:
    """The target of the machine's GPU, or of a simulation if ``NUMBA_ENABLE_CUDASIM`` asks for it.

    Raises:
        DeviceMissingError: There is none, or something it needs is not installed.
    """
    if config.ENABLE_CUDASIM:
        return CudaTarget(simulated=True)
    reason = unavailable_reason()
    if reason:
        raise DeviceMissingError(f"device cuda: {reason}")
    return CudaTarget(simulated=False)
