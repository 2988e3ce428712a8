"""Vectors of a format by its rules."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from numlean.errors import NumleanError
from numlean.precision.blocks import BlockFormat
from numlean.scalar.kernel_scalar.blocks import greatest_magnitude
from numlean.verification.block_vectors.inputs import Block, tensors
from numlean.verification.block_vectors.vector import Vector
from numlean_kernels.blocks.rules import PowerRule


def make_vectors(f: BlockFormat) -> Iterator[Vector]:
    """Yield the vectors of a format: boundaries, corner cases and random blocks.

    Raises:
        NumleanError: Elements are rounded at random.
    """
    check_direction(f)
    for blocks in tensors(f):
        yield from vectors_of(f, blocks)


def check_direction(f: BlockFormat) -> None:
    """Check that the codes of a format follow from the numbers alone.

    Raises:
        NumleanError: Elements are rounded at random.
    """
    if f.rule.elements.is_stochastic:
        raise NumleanError(f"{f.name} rounds at random; vectors are for a direction")


def vectors_of(f: BlockFormat, blocks: list[Block]) -> Iterator[Vector]:
    """Yield the vectors of one tensor's blocks."""
    x = np.stack(blocks)
    q = f.quantize(x.view(np.float32))
    powers = f.rule.scale.rule.value if isinstance(f.rule, PowerRule) else None
    amax = None if isinstance(f.rule, PowerRule) else greatest_magnitude(x, f.rule)
    for block, scale, elements in zip(x, q.scales, q.elements, strict=True):
        yield Vector(
            f.name,
            powers,
            f.preset,
            tuple(block.tolist()),
            int(q.tensor_scale),
            int(scale[0]),
            tuple(elements.tolist()),
            amax,
        )
