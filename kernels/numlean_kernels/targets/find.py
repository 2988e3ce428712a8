"""Targets by the name of their device. numba is imported only when a target needs it."""

from __future__ import annotations

from typing import Final

from numlean_kernels.targets.protocol import Target

DEVICES: Final = ("cpu", "python")


def get_target(device: str) -> Target:
    """The target of a device.

    Raises:
        ValueError: There is no such device.
    """
    if device == "cpu":
        from numlean_kernels.targets.cpu import CPU

        return CPU
    if device == "python":
        from numlean_kernels.targets.python import PYTHON

        return PYTHON
    raise ValueError(f"unknown device {device!r}; known: {', '.join(DEVICES)}")
