"""Products that are written transposed, where only their transposed copies are read.

The gradient of a matrix W, where a layer multiplies by W transposed, is such a product. A copy of
as many numbers in another order takes longer than to read them twice.
"""

from __future__ import annotations

from collections.abc import Sequence
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
            uses = [access.step for access in accesses.of(memory_of(step.arrays[-1]))]
            last = steps[uses[-1]]
            if len(uses) == 2 and uses[0] == k and isinstance(last, CopyCall):
                product = _transposed(step, last, accesses, (k, uses[1]))
                if product is not None:
                    found[k], found[uses[1]] = product, None
    chosen = (found.get(k, step) for k, step in enumerate(steps))
    return [step for step in chosen if step is not None]


def _transposed(
    product: KernelCall, copy: CopyCall, accesses: Accesses, places: tuple[int, int]
) -> KernelCall | None:
    """Return the product that is written as the copy is; None if it cannot be."""
    flags, a, b, c = product.arrays
    target = copy.destination
    memory, steps = memory_of(target), set(places)
    between = range(places[0], places[1])
    if (
        flags[2]
        or not target.flags.carray
        or not _is_transpose(copy.source, c)
        or not accesses.is_private(memory_of(c), steps)
        or any(access.step in between for access in accesses.of(memory))
    ):
        return None
    is_transposed = np.array([*flags[:2], 1], flags.dtype)
    turned = target.reshape(c.shape[0], c.shape[2], c.shape[1])
    return KernelCall(product.loop, product.table, product.domain, (is_transposed, a, b, turned))


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
