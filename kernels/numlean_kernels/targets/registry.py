"""Targets by the name of their device. numba is imported only if a target needs it."""

from __future__ import annotations

from functools import cache
from typing import Final

from numlean_kernels.protocol import DeviceMissingError, Target

DEVICES: Final = ("cpu", "cuda", "python")


def get_target(device: str) -> Target:
    """Return the target of a device.

    Raises:
        ValueError: No device has that name.
        DeviceMissingError: The device cannot be used on this machine.
    """
    if device == "cpu":
        from numlean_kernels.targets.cpu import CPU

        return CPU
    if device == "cuda":
        return _cuda()
    if device == "python":
        from numlean_kernels.targets.python import PYTHON

        return PYTHON
    raise ValueError(f"unknown device {device!r}; known: {', '.join(DEVICES)}")


@cache
def _cuda() -> Target:
    try:
        from numlean_kernels.targets.cuda import cuda_target
    except ImportError as error:
        raise DeviceMissingError(
            f"device cuda: numba's CUDA support cannot be imported ({error}); install it with"
            " `pip install 'numlean[cuda]'`"
        ) from None
    return cuda_target()
