"""Scalars that are ready to be compared with: no call of theirs waits for a compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import numpy as np

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.precision.matrix_units import get_matrix_unit
from numlean.scalar.flags import Flags
from numlean.scalar.operations import OPERATIONS, Kind, Operation
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar

_REFERENCE_DEVICE: Final = "python"
_INDEX: Final = np.zeros(1, dtype=np.intp)

_CALLS: Final[dict[str, Callable[[Scalar, Storage], Any]]] = {
    "scaleb": lambda s, x: s.scaleb(x, [1]),
    "matmul": lambda s, x: s.matmul(x.reshape(1, 1), x.reshape(1, 1)),
    "bmm": lambda s, x: s.bmm(x.reshape(1, 1, 1), x.reshape(1, 1, 1)),
    "scatter_add": lambda s, x: s.scatter_add(x, _INDEX, (1,)),
    "copy_into": lambda s, x: s.copy_into(x, s.copy(x)),
    "concat": lambda s, x: s.concat([x, x], 0),
    "pad": lambda s, x: s.pad(x, (2,), (slice(0, 1),)),
    "take": lambda s, x: s.take(x, _INDEX),
    "take_along_axis": lambda s, x: s.take_along_axis(x, _INDEX),
    "scatter_along_axis": lambda s, x: s.scatter_along_axis(x.reshape(()), _INDEX.reshape(()), 1),
    "where": lambda s, x: s.where(np.ones(1, dtype=np.bool_), x),
    "from_float": lambda s, x: s.from_float([1.0]),
    "from_int": lambda s, x: s.from_int([1]),
    "from_bits": lambda s, x: s.from_bits([0]),
    "from_exact": lambda s, x: s.from_exact([1]),
    "from_string": lambda s, x: s.from_string(["1"]),
    "cast_from": lambda s, x: s.cast_from(s, x),
    "exact_product": lambda s, x: s.exact_product(s, x.reshape(1, 1), s, x.reshape(1, 1)),
    "unit_product": lambda s, x: s.unit_product(
        s, x.reshape(1, 1), s, x.reshape(1, 1), unit=get_matrix_unit("A100:tf32").unit
    ),
    "from_host_callback": lambda s, x: None,
}
"""Calls of operations whose operands are not just arrays of numbers, on one number."""


def oracle(
    dtype: str, device: str | None = None, *, operations: Iterable[str] | None = None
) -> Scalar:
    """Return a Scalar to compare results with, each of whose operations has been called once.

    By default it runs on the device ``python``, the reference interpreter, if the dtype has it:
    nothing is compiled, now or later, and an operation on a few numbers takes less than a
    millisecond. So a test that calls it keeps Hypothesis's deadline, with an empty kernel cache
    too. For arrays of many thousands of numbers choose ``cpu``, whose kernels are compiled here.

    Args:
        dtype: The dtype, such as ``binary16`` or ``ieee32exec@round=toward_zero``.
        device: The device; by default ``python``, or the first one of a dtype without it.
        operations: The names of the operations to call once; by default all, which on ``cpu``
            takes minutes if the kernel cache is empty.

    Raises:
        UnknownNameError: There is no such operation.
        NumleanError: There is no such dtype or device.
    """
    names = tuple(OPERATIONS) if operations is None else tuple(operations)
    for name in names:
        if name not in OPERATIONS:
            raise UnknownNameError("operation", name, tuple(OPERATIONS))
    scalar = _scalar(dtype, device)
    with np.errstate(all="ignore"):
        one, two = scalar.from_float([0.5]), scalar.from_float([0.5, 0.5])
        for name in names:
            for call in _calls(scalar, OPERATIONS[name], one, two):
                with suppress(NumleanError):  # not every Scalar has every operation
                    call()
    return scalar


def _scalar(dtype: str, device: str | None) -> Scalar:
    if device is not None:
        return get_scalar(dtype, device)
    try:
        return get_scalar(dtype, _REFERENCE_DEVICE)
    except (UnknownNameError, UnavailableError):
        return get_scalar(dtype)


def _calls(
    scalar: Scalar, operation: Operation, one: Storage, two: Storage
) -> Iterable[Callable[[], Any]]:
    """Yield a call for each kernel that an operation may use."""
    name = operation.name
    if name in _CALLS:
        yield lambda: _CALLS[name](scalar, one)
    else:
        method, operands = getattr(scalar, name), [one] * operation.arity
        yield lambda: method(*operands)
        if operation.flags:
            yield lambda: method(*operands, flags=Flags())
        if operation.arity == 2 and operation.kind in (Kind.ARITHMETIC, Kind.INTEGRAL):
            yield lambda: method(one, two)  # a single number has a kernel of its own
            yield lambda: method(two, one)
