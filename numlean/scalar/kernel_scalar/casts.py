"""Numbers of one Scalar rounded to another.

A table has a routine that rounds an encoding of any format (``cast_name``). So a cast is one kernel
of the result's table, which reads the encodings where they are: as a view of the source's array.
Numbers without encodings go through exact values, on the host.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.arguments import describe_value
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.exact import exact_of
from numlean.scalar.flags import Flags
from numlean.scalar.innermost import innermost
from numlean.scalar.kernel_scalar import elementwise
from numlean.scalar.kernel_scalar.components import (
    Components,
    check_storage,
    compute_on_host,
    contiguous,
)
from numlean.scalar.precision import BINARY64_EXTENT, extent_of
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.flags import FLAGS
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.loops.elementwise import unary


def cast_from(s: Components, source: Scalar, x: Storage, flags: Flags | None) -> Storage:
    """Round numbers of another Scalar once."""
    encodings = encodings_of(s, source, x)
    if encodings is not None and source.format is not None:
        name = cast_name(source.format)
        if s.table.get(name) is not None:
            return elementwise.run(s, unary(name), (encodings,), flags=flags)
    return _from_exact_values(s, source, x, flags)


def encodings_of(s: Components, source: Scalar, x: Storage) -> Storage | None:
    """Return a view of the encodings of a source's numbers, in C order; None if there is none.

    The view shares memory with x, or with a recorded copy of it, so a recorded kernel on it is
    right in every replay.

    Raises:
        StorageError: The array is not of the source's numbers.
        NumleanError: The source is not a Scalar.
    """
    if not hasattr(source, "to_exact"):
        raise NumleanError(
            f"cast_from takes the Scalar of its numbers first, got {describe_value(source)}; a"
            " dtype's Scalar is get_scalar(dtype)"
        )
    inner: Any = innermost(source)
    if source.format is None or not hasattr(inner, "codec"):
        return None
    numbers = contiguous(s, check_storage(inner, "cast_from", x))
    encodings: Storage = inner.codec.to_bits(numbers)
    return encodings if np.may_share_memory(encodings, numbers) else None


def _from_exact_values(s: Components, source: Scalar, x: Storage, flags: Flags | None) -> Storage:
    if flags is not None:
        flags.add(_exceptions(s, source, x))

    extent = extent_of(source)
    is_binary64 = extent is not None and BINARY64_EXTENT.contains(extent)

    def compute() -> Storage:
        if is_binary64:
            return s.codec.from_float(source.to_float(x))  # exact, and keeps the sign of a zero
        values = (s.codec.encode(exact_of(value)) for value in source.to_exact(x).flat)
        return s.codec.from_elements(values, x.shape)

    return compute_on_host(s, compute, x)


def _exceptions(s: Components, source: Scalar, x: Storage) -> Flags:
    """Return the flags that the conversions of exact values raise."""
    raised = Flags()
    try:
        for value in source.to_exact(x).flat:
            _, bits = s.codec.encode_flagged(exact_of(value))
            raised.count([int(bits >> k & 1) for k in range(len(FLAGS))])
    except NotImplementedError:
        raise UnavailableError(f"cast_from of {s.name} keeps no flags") from None
    return raised
