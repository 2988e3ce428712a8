"""What of a record need not be done again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from numlean_kernels.protocol import Array, HostCall, ProgramStep


def pruned(
    operations: Sequence[ProgramStep], variables: Iterable[Array], results: Iterable[Array]
) -> list[ProgramStep]:
    """The operations without those whose outcome cannot change, or matters to nobody.

    Args:
        operations: In the order in which they were done.
        variables: Arrays that are written before they are done again.
        results: Arrays that are read afterwards.
    """
    return _useful(_varying(operations, variables), results)


def owner_of(array: Array) -> Array:
    """The array that has the memory that an array is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def memory_of(array: Array) -> int:
    """Names the memory that an array is a view of."""
    return id(owner_of(array))


def _varying(operations: Sequence[ProgramStep], variables: Iterable[Array]) -> list[ProgramStep]:
    """Those that something which varies flows into."""
    varies = {memory_of(array) for array in variables}
    kept = []
    for operation in operations:
        touched = {memory_of(array) for array in (*operation.read, *operation.written)}
        if isinstance(operation, HostCall) or touched & varies:
            varies.update(memory_of(array) for array in operation.written)
            kept.append(operation)
    return kept


def _useful(operations: Sequence[ProgramStep], results: Iterable[Array]) -> list[ProgramStep]:
    """Those that flow into a result."""
    needed = {memory_of(array) for array in results}
    kept = []
    for operation in reversed(operations):
        if any(memory_of(array) in needed for array in operation.written):
            needed.update(memory_of(array) for array in operation.read)
            kept.append(operation)
    return kept[::-1]
