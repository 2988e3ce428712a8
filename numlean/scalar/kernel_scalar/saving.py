"""A Scalar as ``pickle`` takes it: by its dtype and device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numlean.errors import NumleanError
from numlean.scalar.noise import NoiseStream
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar, scalar_backend_of, scalar_named

if TYPE_CHECKING:
    from numlean.scalar.kernel_scalar.scalar import KernelScalar


def by_name(scalar: KernelScalar) -> tuple[Callable[..., Scalar], tuple[Any, ...]]:
    """Return how to find a Scalar again: by its dtype, its device and whether its kernels are fast.

    That of a run also keeps the position of its stream.

    Raises:
        NumleanError: Its dtype is that of another arithmetic, or of none.
    """
    backend = scalar_backend_of(scalar.name)
    usual: Any = None if backend is None else get_scalar(scalar.name, scalar.device)
    if usual != scalar:
        raise NumleanError(
            f"{scalar.name} on {scalar.device} cannot be pickled, because get_scalar does not make"
            " it: register its backend in the entry-point group numlean.backends"
        )
    found = scalar.name, scalar.device, scalar.table.key != usual.table.key
    if scalar.stream.belongs_to_run:
        return scalar_of_run, (*found, vars(scalar.stream).copy())
    return scalar_named, found


def scalar_of_run(name: str, device: str, fast_kernels: bool, stream: dict[str, Any]) -> Scalar:
    """Return the Scalar of a run that ``pickle`` kept, at the position of its stream."""
    usual: Any = scalar_named(name, device, fast_kernels)
    own: Scalar = replace(usual, stream=NoiseStream(**stream))
    return own
