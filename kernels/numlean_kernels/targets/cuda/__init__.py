"""Kernels on a GPU: launch configurations, memory and programs.

With ``NUMBA_ENABLE_CUDASIM=1`` numba simulates the GPU; launch configurations, memory and programs
are the same.
"""

from __future__ import annotations

from numba.core import config

from numlean_kernels.protocol import DeviceMissingError
from numlean_kernels.targets.cuda.availability import describe_installation, unavailable_reason
from numlean_kernels.targets.cuda.target import CudaTarget

__all__ = ["CudaTarget", "cuda_target", "describe_installation"]


def cuda_target() -> CudaTarget:
    """Return the target of the GPU, or of its simulation if ``NUMBA_ENABLE_CUDASIM`` is set.

    Raises:
        DeviceMissingError: The machine has no usable GPU, or a package is not installed.
    """
    if config.ENABLE_CUDASIM:
        return CudaTarget(simulated=True)
    reason = unavailable_reason()
    if reason:
        raise DeviceMissingError(f"device cuda: {reason}")
    return CudaTarget(simulated=False)
