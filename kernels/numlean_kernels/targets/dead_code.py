"""Removal of recorded steps that need not run again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from numlean_kernels.protocol import Array, HostCall, ProgramStep


def prune(
    operations: Sequence[ProgramStep], variables: Iterable[Array], results: Iterable[Array]
) -> list[ProgramStep]:
    """Return the steps without those whose results cannot change or are never read.

    Args:
        operations: The steps, in the order in which they ran.
        variables: Arrays that are written before the steps run again.
        results: Arrays that are read afterwards.
    """
    return _select_useful(_select_varying(operations, variables), results)


def owner_of(array: Array) -> Array:
    """Return the array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def memory_of(array: Array) -> int:
    """Return an identifier of the memory of a view."""
    return id(owner_of(array))


def _select_varying(
    operations: Sequence[ProgramStep], variables: Iterable[Array]
) -> list[ProgramStep]:
    """Return the steps that depend on a variable."""
    varies = {memory_of(array) for array in variables}
    kept = []
    for operation in operations:
        touched = {memory_of(array) for array in (*operation.read, *operation.written)}
        if isinstance(operation, HostCall) or touched & varies:
            varies.update(memory_of(array) for array in operation.written)
            kept.append(operation)
    return kept


def _select_useful(
    operations: Sequence[ProgramStep], results: Iterable[Array]
) -> list[ProgramStep]:
    """Return the steps that a result depends on."""
    needed = {memory_of(array) for array in results}
    kept = []
    for operation in reversed(operations):
        if any(memory_of(array) in needed for array in operation.written):
            needed.update(memory_of(array) for array in operation.read)
            kept.append(operation)
    return kept[::-1]
