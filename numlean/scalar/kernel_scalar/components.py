"""The components of a KernelScalar, the checks of its operands, and its kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from numlean.errors import StorageError, UnavailableError
from numlean.scalar import shapes
from numlean.scalar.codec import Codec
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.protocol import Launch, Loop, Routine, Table, Target, kernel_for


class Components(Protocol):
    """The attributes of a Scalar that the functions of this package use; see ``KernelScalar``."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def table(self) -> Table: ...  # noqa: D102
    @property
    def target(self) -> Target: ...  # noqa: D102
    @property
    def codec(self) -> Codec: ...  # noqa: D102
    @property
    def rounding(self) -> str: ...  # noqa: D102
    @property
    def substitutes(self) -> Mapping[str, Routine]: ...  # noqa: D102
    @property
    def uses_code_tables(self) -> bool: ...  # noqa: D102
    @property
    def direct(self) -> dict[str, Callable[..., Storage | None]]: ...  # noqa: D102
    @property
    def direct_sums(self) -> dict[str, Callable[..., Storage | None]]: ...  # noqa: D102

    def without_recorder(self) -> Scalar:
        """Return the same arithmetic, none of whose operations are recorded."""


def kernel(s: Components, loop: Loop) -> Launch:
    """Return the kernel of a loop over the Scalar's routines.

    Raises:
        UnavailableError: The arithmetic lacks a routine that the loop uses.
    """
    try:
        return kernel_for(s.target, loop, s.table)
    except KeyError as error:
        (missing,) = error.args
        needed = "" if missing == loop.name else f", which {loop.name} needs"
        raise UnavailableError(f"{s.name} has no {missing}{needed}") from None


def check_storage(s: Components, operation: str, x: Storage) -> Storage:
    """Return an operand, if it is an array of the Scalar's numbers.

    Raises:
        StorageError: It is not.
    """
    dtype = s.codec.storage_dtype
    if not isinstance(x, np.ndarray) or x.dtype != dtype:
        given = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
        raise StorageError(
            f"{operation} of {s.name} takes {dtype} arrays, not {given}; use from_float to bring"
            " numbers in"
        )
    if dtype.hasobject:
        _check_elements(s, operation, x)
    return x


def _check_elements(s: Components, operation: str, x: Storage) -> None:
    is_element = s.codec.is_element
    for element in x.flat:
        if not is_element(element):
            raise StorageError(
                f"{operation} of {s.name} takes its own numbers, not {element!r}; use from_float"
                " or from_exact to bring numbers in"
            )


def ready(s: Components, operation: str, x: Storage) -> Storage:
    """Return an operand as kernels take it: in C order, aligned and writable.

    Kernels are compiled once, for arrays of this layout.
    """
    check_storage(s, operation, x)
    return x if x.flags.carray else copy(s, x)


def contiguous(s: Components, x: Storage) -> Storage:
    """Return an array of any dtype as kernels take it."""
    return x if x.flags.carray else copy(s, x)


def copy(s: Components, x: Storage) -> Storage:
    """Return the elements of an array or a view in C order."""
    z = s.target.empty(x.shape, x.dtype)
    s.target.copy_into(x, z)
    return z


def block(s: Components, operation: str, x: Storage, axes: tuple[int, ...]) -> Storage:
    """Return an operand with some of its axes joined as the middle one of three."""
    view, shape = shapes.middle_axis(x, axes)
    return ready(s, operation, view).reshape(shape)


def device_copy(s: Components, array: Storage, *, host_visible: bool = False) -> Storage:
    """Return a copy in C order where kernels reach it best, or where the host reaches it too."""
    make = s.target.empty_host_visible if host_visible else s.target.empty
    z = make(array.shape, array.dtype)
    z[...] = array
    return z


def compute_on_host(s: Components, function: Callable[[], Storage], *read: Storage) -> Storage:
    """Return the result of a function that runs without kernels, and runs again on each replay."""
    z = device_copy(s, function(), host_visible=True)
    s.target.on_replay(lambda: np.copyto(z, function()), read=read, written=z)
    return z


def flat(*arrays: Any) -> tuple[Any, ...]:
    """Return arrays in C order as arrays of one axis, of the same memory."""
    return tuple([x.reshape(-1) for x in arrays])  # a list is faster than a generator
