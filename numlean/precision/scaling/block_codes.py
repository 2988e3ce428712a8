"""Operands in block formats: the codes of their elements, and the scales of their blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from numlean.errors import UnavailableError
from numlean.precision.accumulation import cast_storage
from numlean.precision.scaling.quantized import Quantized
from numlean.precision.scaling.regions import Regions, contiguous
from numlean.precision.scaling.scaling import Scaling
from numlean.precision.scaling.shared import SCALE_DTYPES
from numlean.scalar.innermost import innermost
from numlean.scalar.kernel_scalar.blocks import quantize
from numlean.scalar.kernel_scalar.casts import encodings_of
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.record import recorded_like
from numlean.scalar.registry import get_scalar


@runtime_checkable
class _Drawing(Protocol):
    """A Scalar that rounds at random."""

    def random_bits(self, shape: tuple[int, ...]) -> Storage: ...


def in_blocks(elements: Scalar, scaling: Scaling, wide: Scalar, v: Storage) -> Quantized:
    """Return rows (..., n, k) in a block format.

    Blocks are cut from rows as ``Regions`` cuts them. The factors are scales of blocks in binary64,
    in which a product of two of them is exact, and the scale of the tensor in ``wide``.

    Args:
        elements: The Scalar of the codes, whose rounding is that of elements.
        scaling: The scaling, by the rules of a block format.
        wide: The Scalar of the numbers, of binary32.
        v: The numbers.

    Raises:
        UnavailableError: The numbers have no binary32 encodings.
        NumleanError: There is no format of such elements.
    """
    shared = scaling.shared
    assert shared is not None
    if shared.hadamard is not None:
        v = shared.hadamard.transformed(wide, v)
    regions = Regions.of(scaling.granularity, v.shape)
    parts = regions.split(wide, v)
    numbers = regions.rows * regions.terms
    blocks = wide.copy(parts.swapaxes(-3, -2)).reshape(-1, numbers)
    rule = replace(shared.block_format(elements, numbers).rule, size=numbers)
    scalar: Any = innermost(wide)
    encodings = encodings_of(scalar, wide, blocks)
    if encodings is None or encodings.dtype != np.uint32:
        raise UnavailableError(
            f"block formats take numbers with binary32 encodings, not those of {wide.name}"
        )
    words = _words(elements, blocks.shape) if rule.elements.is_stochastic else None
    found = quantize(scalar, encodings, rule, random_bits=words)
    # Codes lie in memory as blocks do, one after the other.
    turned = (*parts.shape[:-3], parts.shape[-2], regions.rows, regions.terms)
    codes = contiguous(elements, found.elements.reshape(turned).swapaxes(-3, -2))
    factors = recorded_like(wide, get_scalar("float64", wide.device))
    of_scales = get_scalar(SCALE_DTYPES[shared.kind], wide.device)
    down, across = parts.shape[-4], parts.shape[-2]
    spread = (*parts.shape[:-4], down, 1, across, 1)
    scales = factors.cast_from(of_scales, found.scales).reshape(spread)
    whole = None
    if shared.kind == "nvfp4":
        as_float = get_scalar("float32", wide.device)
        whole = Numbers(wide, cast_storage(wide, as_float, found.tensor_scale))
    return Quantized(
        regions.join(codes, v.shape),
        regions.each_row(factors, scales),
        factors,
        scaling.granularity.terms,
        whole=whole,
        numbers=Numbers(wide, v),
    )


def _words(elements: Scalar, shape: tuple[int, ...]) -> Storage:
    """Return a word of random bits for each element, from the stream of their Scalar."""
    scalar: Any = elements
    while not isinstance(scalar, _Drawing):
        scalar = scalar.inner
    return scalar.random_bits(shape)
