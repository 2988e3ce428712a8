"""Operations that compute each element of the result from the same element of each operand."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar import shapes
from numlean.scalar.elementary import check_name
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar.code_tables import faster_results_of, flags_of, results_of
from numlean.scalar.kernel_scalar.components import (
    Components,
    compute_on_host,
    contiguous,
    flat,
    kernel,
    ready,
)
from numlean.scalar.protocol import Storage
from numlean_kernels.loops.elementwise import broadcast_operand, elementwise, flagged
from numlean_kernels.loops.flag_counts import BLOCK, COUNT_FLAGS, NO_ROUTINES, counts_of
from numlean_kernels.loops.lookup import looked_up, looked_up_single
from numlean_kernels.protocol import Loop, kernel_for


def unary(
    s: Components, name: str, x: Storage, *, result: Any = None, flags: Flags | None = None
) -> Storage:
    """Apply an operation to each element; ``result`` is the dtype, by default the Scalar's."""
    direct = s.direct.get(name)
    if direct is not None and flags is None:
        z = direct(x)
        if z is not None:
            return z
    return run(s, elementwise(name, 1), (ready(s, name, x),), result=result, flags=flags)


def binary(s: Components, name: str, x: Storage, y: Storage, *, result: Any = None) -> Storage:
    """Apply an operation that keeps no flags to each pair of elements."""
    direct = s.direct.get(name)
    if direct is not None:
        z = direct(x, y)
        if z is not None:
            return z
    return run(s, elementwise(name, 2), fit(s, name, (x, y)), result=result)


def arithmetic(s: Components, name: str, x: Storage, y: Storage, flags: Flags | None) -> Storage:
    """Apply an operation to each pair of elements; a single number is not spread over an array."""
    direct = s.direct.get(name)
    if direct is not None and flags is None:
        z = direct(x, y)
        if z is not None:
            return z
    x, y = ready(s, name, x), ready(s, name, y)
    if x.shape == y.shape:
        return run(s, elementwise(name, 2), (x, y), flags=flags)
    if flags is None and x.size and y.size:
        if x.size == 1 and x.ndim <= y.ndim:
            return _run_single(s, name, 0, x, y, y.shape)
        if y.size == 1 and y.ndim <= x.ndim:
            return _run_single(s, name, 1, x, y, x.shape)
    return run(s, elementwise(name, 2), _spread(s, name, (x, y)), flags=flags)


def _run_single(
    s: Components, name: str, place: int, x: Storage, y: Storage, shape: tuple[int, ...]
) -> Storage:
    z = s.target.empty(shape, s.codec.storage_dtype)
    results = faster_results_of(s, name, x, y)
    if results is None:
        kernel(s, broadcast_operand(name, place))((z.size,), *flat(x, y, z))
    else:
        look_up = kernel_for(s.target, looked_up_single(name, place), NO_ROUTINES)
        look_up((z.size,), results, *flat(x, y, z))
    return z


def is_nan(s: Components, x: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where numbers are NaNs: by a routine of the table, or as those that differ from all.

    A table has such a routine if its NaN equals itself.
    """
    if s.table.get("is_nan") is not None:
        return unary(s, "is_nan", x, result=np.bool_)
    z: np.ndarray[Any, np.dtype[np.bool_]] = ~binary(s, "eq", x, x, result=np.bool_)
    return z


def nary(
    s: Components, name: str, operands: tuple[Storage, ...], *, flags: Flags | None
) -> Storage:
    """Apply an operation to the elements of any number of operands."""
    direct = s.direct.get(name)
    if direct is not None and flags is None:
        z = direct(*operands)
        if z is not None:
            return z
    return run(s, elementwise(name, len(operands)), fit(s, name, operands), flags=flags)


def fit(s: Components, name: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
    """Return the operands, checked and broadcast, as ``run`` takes them."""
    operands = tuple([ready(s, name, x) for x in operands])
    for x in operands[1:]:
        if x.shape != operands[0].shape:
            return _spread(s, name, operands)
    return operands


def _spread(s: Components, name: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
    return tuple(contiguous(s, x) for x in shapes.broadcast(name, operands))


def run(
    s: Components,
    loop: Loop,
    operands: tuple[Storage, ...],
    *,
    result: Any = None,
    flags: Flags | None = None,
) -> Storage:
    """Run an elementwise loop over arrays of one shape, in C order.

    ``result`` is the dtype of the result, by default the Scalar's.
    """
    if flags is not None:
        z, raised = run_flagged(s, loop.name, operands, result)
        flags.count(count(s, raised.reshape(-1)))
        return z
    z = s.target.empty(operands[0].shape, s.codec.storage_dtype if result is None else result)
    results = faster_results_of(s, loop.name, *operands) if result is None else None
    if results is None:
        kernel(s, loop)((z.size,), *flat(*operands, z))
        _remember(s, loop, operands, z)
    else:
        look_up = kernel_for(s.target, looked_up(loop.name, len(operands)), NO_ROUTINES)
        look_up((z.size,), results, *flat(*operands, z))
    return z


def _remember(s: Components, loop: Loop, operands: tuple[Storage, ...], z: Storage) -> None:
    """Keep the short way to an operation whose operands and result are numbers of the Scalar."""
    if loop.name not in s.direct and {x.dtype for x in (*operands, z)} == {s.codec.storage_dtype}:
        direct = s.target.direct(loop, s.table, len(operands), z.dtype)
        if direct is not None:
            s.direct[loop.name] = direct


def run_flagged(
    s: Components, name: str, operands: tuple[Storage, ...], result: Any = None
) -> tuple[Storage, np.ndarray[Any, Any]]:
    """Apply an operation and return, for each element, the flags it raises as bits of an integer.

    Raises:
        UnavailableError: The operation keeps no flags.
    """
    if name in s.substitutes:
        raise UnavailableError(f"{name} of {s.name} keeps no flags")
    z = s.target.empty(operands[0].shape, s.codec.storage_dtype if result is None else result)
    raised = s.target.empty(z.shape, np.uint8)
    if z.dtype == s.codec.storage_dtype and _look_up_flagged(s, name, operands, raised, z):
        return z, raised
    kernel(s, flagged(name, len(operands)))((z.size,), *flat(*operands, raised, z))
    return z, raised


def _look_up_flagged(
    s: Components, name: str, operands: tuple[Storage, ...], raised: Storage, z: Storage
) -> bool:
    """Write results and flags from tables; return whether there are tables."""
    flags = flags_of(s, name, *operands)
    results = None if flags is None else results_of(s, name, *operands)
    if flags is None or results is None:
        return False
    for found, title, written in ((results, name, z), (flags, f"flags of {name}", raised)):
        look_up = kernel_for(s.target, looked_up(title, len(operands)), NO_ROUTINES)
        look_up((z.size,), found, *flat(*operands, written))
    return True


def count(s: Components, raised: np.ndarray[Any, Any]) -> list[int]:
    """Return how often each bit of the flags of operations is set, the lowest first."""
    counts = s.target.empty(-(-raised.size // BLOCK), np.uint64)
    kernel_for(s.target, COUNT_FLAGS, NO_ROUTINES)(counts.shape, raised, counts)
    return counts_of(counts)


def elementary(
    s: Components, name: str, operands: tuple[Storage, ...], flags: Flags | None
) -> Storage:
    """Apply an elementary function: a substitute, a routine of the table, or from exact values.

    Raises:
        UnknownNameError: There is no elementary function of that name.
    """
    direct = s.direct.get(name)
    if direct is not None and flags is None:
        z = direct(*operands)
        if z is not None:
            return z
    check_name(name)
    operands = fit(s, name, operands)
    if name in s.substitutes:
        return _substituted(s, name, operands, flags)
    is_looked_up = flags is None and faster_results_of(s, name, *operands) is not None
    if is_looked_up or _has_routine(s, name):
        return run(s, elementwise(name, len(operands)), operands, flags=flags)
    return _from_exact_values(s, name, operands, flags)


def _has_routine(s: Components, name: str) -> bool:
    try:
        s.table[name]
    except KeyError:
        return False
    return True


def _substituted(
    s: Components, name: str, operands: tuple[Storage, ...], flags: Flags | None
) -> Storage:
    _check_no_flags(s, name, flags)
    routine, shape = s.substitutes[name], operands[0].shape

    def compute() -> Storage:
        values = map(routine, *(x.ravel().tolist() for x in operands))
        return s.codec.from_elements(values, shape)

    return compute_on_host(s, compute, *operands)


def _from_exact_values(
    s: Components, name: str, operands: tuple[Storage, ...], flags: Flags | None
) -> Storage:
    _check_no_flags(s, name, flags)
    # mpmath is expensive to import, and most runs need none of this.
    from numlean.scalar.correct_rounding import compute

    scalar = s.without_recorder()
    return compute_on_host(s, lambda: compute(scalar, s.codec, name, operands), *operands)


def _check_no_flags(s: Components, name: str, flags: Flags | None) -> None:
    if flags is not None:
        raise UnavailableError(f"{name} of {s.name} keeps no flags")
