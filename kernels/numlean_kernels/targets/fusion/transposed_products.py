"""Products that are written transposed, where only their transposed copies are read.

The gradient of a matrix W, where a layer multiplies by W transposed, is such a product. A copy of
as many numbers in another order takes longer than to read them twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from numlean_kernels.loops.matmul_of_views import MATMUL_FMA_OF_VIEWS, MATMUL_OF_VIEWS
from numlean_kernels.protocol import Array, CopyCall, KernelCall, ProgramStep
from numlean_kernels.targets.dead_code import memory_of
from numlean_kernels.targets.fusion.accesses import Accesses

_PRODUCTS: Final = {MATMUL_OF_VIEWS, MATMUL_FMA_OF_VIEWS}


def write_transposed(
    steps: Sequence[ProgramStep], kept: Sequence[Array] | None
) -> list[ProgramStep]:
    """Return the program with products in place of those of which transposed copies are read.

    Args:
        steps: The program.
        kept: The arrays that are read after it, or by steps that are not in it; None for all.
    """
    accesses = Accesses(steps, kept)
    found: dict[int, ProgramStep | None] = {}
    for k, step in enumerate(steps):
        if isinstance(step, KernelCall) and step.loop.source in _PRODUCTS:
            first, *others = (access.step for access in accesses.of(memory_of(step.arrays[-1])))
            copies = {n: copy for n in others if isinstance(copy := steps[n], CopyCall)}
            if copies and first == k and len(copies) == len(others):
                found |= _transposed(k, step, copies, accesses)
    chosen = (found.get(k, step) for k, step in enumerate(steps))
    return [step for step in chosen if step is not None]


def _transposed(
    place: int, product: KernelCall, copies: Mapping[int, CopyCall], accesses: Accesses
) -> dict[int, ProgramStep | None]:
    """Return what replaces a product and its copies, by place; nothing if they must stay.

    The product is written as the first copy is, and the others are copied from there.
    """
    flags, a, b, c = product.arrays
    first, *others = copies
    target = copies[first].destination
    uses = accesses.of(memory_of(target))
    if (
        flags[2]
        or not target.flags.carray
        or not all(_is_transpose(copy.source, c) for copy in copies.values())
        or not accesses.is_private(memory_of(c), {place, *copies})
        or any(place <= use.step < first for use in uses)
        or any(use.writes and first < use.step <= max(copies) for use in uses)
    ):
        return {}
    is_transposed = np.array([*flags[:2], 1], flags.dtype)
    turned = target.reshape(c.shape[0], c.shape[2], c.shape[1])
    arrays = is_transposed, a, b, turned
    found: dict[int, ProgramStep | None] = {first: None}
    found[place] = KernelCall(product.loop, product.table, product.domain, arrays)
    for n in others:
        found[n] = CopyCall(target.reshape(copies[n].source.shape), copies[n].destination)
    return found


def _is_transpose(x: Array, c: Array) -> bool:
    """Return whether a view has all matrices of a batch with their axes exchanged."""
    turned = c.swapaxes(1, 2)
    if min(c.shape[1:]) < 2 or x.dtype != c.dtype or x.size != c.size:
        return False
    same_place = x.__array_interface__["data"][0] == c.__array_interface__["data"][0]
    return same_place and _long_axes(x) == _long_axes(turned)


def _long_axes(x: Array) -> list[tuple[int, int]]:
    """Return the extents and strides of the axes with more than one place."""
    return [(n, step) for n, step in zip(x.shape, x.strides, strict=True) if n > 1]
