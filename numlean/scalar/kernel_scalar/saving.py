"""A Scalar as ``pickle`` takes it: by its dtype and device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar, scalar_backend_of, scalar_named

if TYPE_CHECKING:
    from numlean.scalar.kernel_scalar.scalar import KernelScalar


def by_name(scalar: KernelScalar) -> tuple[Callable[..., Scalar], tuple[str, str, bool]]:
    """Return how to find a Scalar again: by its dtype, its device and whether its kernels are fast.

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
    return scalar_named, (scalar.name, scalar.device, scalar.table.key != usual.table.key)
