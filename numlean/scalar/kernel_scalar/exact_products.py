"""Products of matrices whose sums are exact and rounded once.

Encodings are read where they are, each in its own format, and added in fixed point. Numbers without
encodings are added as exact values: see :mod:`.exact_values`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.codec import TaperedCodesCodec
from numlean.scalar.flags import Flags
from numlean.scalar.innermost import innermost
from numlean.scalar.kernel_scalar import elementwise
from numlean.scalar.kernel_scalar.casts import encodings_of
from numlean.scalar.kernel_scalar.components import (
    Components,
    check_storage,
    contiguous,
    kernel,
)
from numlean.scalar.kernel_scalar.exact_values import product_of_values
from numlean.scalar.kernel_scalar.product_operands import product_shape
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean_kernels.formats import Format
from numlean_kernels.ieee.exact_sums import ExactSum
from numlean_kernels.loops.exact_product import SumShape
from numlean_kernels.loops.exact_product import exact_product as loop_of
from numlean_kernels.tapered.formats import TaperedFormat
from numlean_kernels.tapered.sums import TaperedSum

_WORK_WORDS: Final = 1 << 18
"""The words of a work array, unless one sum needs more: 2 MiB."""


def exact_product(
    s: Components, a: Numbers, b: Numbers, c: Numbers | None, flags: Flags | None
) -> Storage:
    """Return the products of two matrices or two batches of them, and addends, rounded once."""
    shape = _shape(a, b, c)
    encoded = encodings(s, a, b, c)
    if encoded is None:
        return product_of_values(s, a, b, c, shape, flags)
    if flags is not None and not encoded[0].keeps_flags:
        raise UnavailableError(f"exact_product of {s.name} keeps no flags")
    z, raised = run(s, *encoded, shape=shape)
    if flags is not None:
        flags.count(elementwise.count(s, raised))
    return z


def random_product(
    s: Components,
    a: Numbers,
    b: Numbers,
    c: Numbers | None,
    *,
    draw: Callable[[tuple[int, ...]], Storage],
) -> tuple[Storage, Storage]:
    """Return the products rounded at random, and the flags of each as bits.

    Args:
        s: The Scalar whose table rounds at random.
        a: The left operand.
        b: The right operand.
        c: The addends, or None.
        draw: Returns a word of random bits for each element of an array of a shape.

    Raises:
        UnavailableError: An operand has no encodings.
    """
    shape, encoded = _shape(a, b, c), encodings(s, a, b, c)
    if encoded is None:
        raise UnavailableError(
            f"{s.name} rounds only sums of encodings at random; cast the operands to dtypes with"
            " encodings, such as float64, first"
        )
    return run(s, *encoded, draw(shape), shape=shape)


def _shape(a: Numbers, b: Numbers, c: Numbers | None) -> tuple[int, ...]:
    return product_shape("exact_product", a, b, c)


def encodings(
    s: Components, a: Numbers, b: Numbers, c: Numbers | None
) -> tuple[SumShape, Storage, Storage, Storage | None] | None:
    """Return what a kernel reads, b with its last axes swapped; None if there is no kernel.

    Raises:
        StorageError: An array is not of its Scalar's numbers.
    """
    shape = _shape(a, b, c)
    left = _encoded(s, a.scalar, a.storage)
    right = _encoded(s, b.scalar, b.storage.swapaxes(-1, -2))
    addend = None if c is None else _encoded(s, c.scalar, np.broadcast_to(c.storage, shape))
    if left is None or right is None or (c is not None and addend is None):
        return None
    kind = _sum_of(left[0], right[0], None if addend is None else addend[0])
    if kind is None or s.table.get(kind.product) is None:
        return None
    return kind, left[1], right[1], None if addend is None else addend[1]


def _encoded(
    s: Components, source: Scalar, x: Storage
) -> tuple[Format | TaperedFormat, Storage] | None:
    """Return the format of a source's numbers and their encodings; None if there are none."""
    found = encodings_of(s, source, x)
    if found is not None:
        assert source.format is not None
        return source.format, found
    codes = tapered_codes(source)
    if codes is None:
        return None
    return codes, contiguous(s, check_storage(innermost(source), "exact_product", x))  # type: ignore[arg-type]


def tapered_codes(scalar: Scalar) -> TaperedFormat | None:
    """Return the format of a Scalar's posits or takums; None if its numbers are others."""
    codec = getattr(innermost(scalar), "codec", None)
    return codec.codes if isinstance(codec, TaperedCodesCodec) else None


def _sum_of(
    left: Format | TaperedFormat,
    right: Format | TaperedFormat,
    addend: Format | TaperedFormat | None,
) -> SumShape | None:
    """Return the words of sums; None where formats of different kinds meet."""
    formats = (left, right, *(() if addend is None else (addend,)))
    if all(isinstance(each, Format) for each in formats):
        return ExactSum(*formats)
    if all(isinstance(each, TaperedFormat) for each in formats):
        return TaperedSum(*formats)
    return None


def run(
    s: Components,
    kind: SumShape,
    a: Storage,
    b: Storage,
    c: Storage | None,
    random_bits: Storage | None = None,
    *,
    shape: tuple[int, ...],
) -> tuple[Storage, Storage]:
    """Return the products, and the flags of each as bits; ``random_bits`` has ``shape``."""
    z, raised = s.target.empty(shape, s.codec.storage_dtype), s.target.empty(shape, np.uint8)
    a, b = (x if x.ndim == 3 else x[np.newaxis] for x in (a, b))
    none = s.target.empty(1, np.uint8)
    bits = s.target.empty(1, np.uint64) if random_bits is None else random_bits
    workers = max(1, min(z.size, _WORK_WORDS // kind.words))
    work = s.target.empty((workers, kind.words), np.int64)
    flat = [x.reshape(-1) for x in (none if c is None else c, bits)]
    launch = kernel(s, loop_of(kind, is_stochastic=random_bits is not None))
    launch((workers,), a, b, *flat, work, raised.reshape(-1), z.reshape(-1))
    return z, raised.reshape(-1)
