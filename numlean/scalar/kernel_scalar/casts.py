"""Numbers of one Scalar rounded to another.

A table has a routine that rounds an encoding of any format (``cast_name``). So a cast is one kernel
of the result's table, which reads the encodings where they are: as a view of the source's array.
Numbers without encodings go through exact values, on the host. A conversion with a rounding or an
overflow of its own is the same kernel of another table, or an encoder of exact values where the
result's numbers have no such table (:class:`numlean.scalar.conversion.Rounder`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import copysign
from typing import Any, Final

import numpy as np

from numlean.arguments import describe_value
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.conversion import Conversion, Rounder, RoundingCodec, rounder_of
from numlean.scalar.exact import Exact, exact_of
from numlean.scalar.flags import Flags
from numlean.scalar.innermost import innermost
from numlean.scalar.kernel_scalar import elementwise
from numlean.scalar.kernel_scalar.components import (
    Components,
    check_storage,
    compute_on_host,
    contiguous,
)
from numlean.scalar.kernel_scalar.random_words import random_words
from numlean.scalar.noise import NoiseStream
from numlean.scalar.precision import BINARY64_EXTENT, extent_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.real_numbers import exact_value, real_numbers
from numlean_kernels.flags import FLAGS, INEXACT
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.loops import elementwise as loops
from numlean_kernels.loops.elementwise import unary

_FROM_BINARY64: Final = "from_binary64"
_RANDOM_BITS: Final = 64


def cast_from(s: Components, source: Scalar, x: Storage, flags: Flags | None) -> Storage:
    """Round numbers of another Scalar once, as the Scalar itself rounds."""
    if flags is not None and _lacks_flags(s):
        z, raised = convert(s, source, x, Conversion(), flagged=True)
        flags.count(elementwise.count(s, raised.reshape(-1)))
        return z
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


def _lacks_flags(s: Components) -> bool:
    """Return whether only conversions with choices of their own have flags."""
    return s.table.get(f"flagged {_FROM_BINARY64}") is None and isinstance(s.codec, RoundingCodec)


def convert(
    s: Components,
    source: Scalar,
    x: Storage,
    conversion: Conversion,
    stream: NoiseStream | None = None,
    *,
    flagged: bool = False,
) -> tuple[Storage, Storage]:
    """Return numbers of another Scalar rounded once, and the flags of each as bits if ``flagged``.

    Args:
        s: The Scalar of the result.
        source: The Scalar of the numbers.
        x: The numbers.
        conversion: The rounding and the overflow.
        stream: Where a random rounding draws.
        flagged: Whether to keep flags; otherwise the second array is empty.

    Raises:
        StorageError: The array is not of the source's numbers.
        NumleanError: The numbers of the result do not have one of the choices.
    """
    rounder = rounder_of(s.name, s.codec, conversion)
    encodings = encodings_of(s, source, x)
    if encodings is None and not isinstance(x, np.ndarray):
        source.to_exact(x)  # raises the source's own error
    words = _words(s, conversion, stream, x.shape)
    codes = None if rounder.table is None else _codes(s, source, x, encodings)
    if codes is not None:
        return _by_kernel(s, rounder, codes[0], (codes[1], *words), flagged=flagged)

    def values() -> list[Exact]:
        return [exact_of(value) for value in source.to_exact(x).flat]

    return _by_values(s, rounder, values, (x, *words), flagged=flagged)


def enter_values(
    s: Components, values: Any, conversion: Conversion, stream: NoiseStream | None = None
) -> Storage:
    """Return real numbers rounded once; a NaN gives the default NaN.

    A random rounding draws, and is recorded, only if a number has to be rounded.
    """
    numbers = real_numbers(values, "from_float")
    rounder = rounder_of(s.name, s.codec, conversion)
    if conversion.is_random and not _is_rounded(s, numbers):
        conversion = replace(conversion, rounding="ties_to_even", seed=None)
        rounder = rounder_of(s.name, s.codec, conversion)
    words = _words(s, conversion, stream, numbers.shape)
    own: Any = s if words else s.without_recorder()
    if numbers.dtype == np.float64 and rounder.table is not None:
        codes = s.target.to_device(np.array(numbers, order="C").view(np.uint64))
        return _by_kernel(own, rounder, _FROM_BINARY64, (codes, *words), flagged=False)[0]
    exact = [_exact(value, s.codec.precision) for value in numbers.flat]
    z = _by_values(own, rounder, lambda: exact, (numbers, *words), flagged=False)[0]
    for place, value in np.ndenumerate(numbers):
        if value == 0 and copysign(1.0, float(value)) < 0:
            z[place] = s.codec.from_float(np.array([-0.0]))[0]
    return z


def _is_rounded(s: Components, numbers: np.ndarray[Any, Any]) -> bool:
    """Return whether a finite number is not one of the Scalar's."""
    encode = rounder_of(s.name, s.codec, Conversion("ties_to_even")).encode
    if numbers.dtype == np.float64:
        finite = numbers[np.isfinite(numbers)]
        extent = extent_of(s.without_recorder())
        if extent is not None and BINARY64_EXTENT.contains(extent):
            return not np.array_equal(s.codec.to_float(s.codec.from_float(finite)), finite)
        numbers = finite
    values = (_exact(value, s.codec.precision) for value in numbers.flat)
    return any(encode(value)[1] & INEXACT for value in values)


def _exact(value: Any, precision: int) -> Exact:
    """Return a value with all bits, or with as many as a random rounding may look at."""
    from decimal import Decimal

    if isinstance(value, Decimal):  # whose exponent may be beyond any integer
        from numlean.scalar.parsing import parse_number

        return Exact(*parse_number(str(value), precision + _RANDOM_BITS).value)
    return exact_value(value, precision + _RANDOM_BITS)


def _words(
    s: Components, conversion: Conversion, stream: NoiseStream | None, shape: tuple[int, ...]
) -> tuple[Storage, ...]:
    """Return the random word of each element, if the rounding draws."""
    if not conversion.is_random:
        return ()
    assert stream is not None
    return (random_words(s.target, stream, shape, conversion.seed),)


def _codes(
    s: Components, source: Scalar, x: Storage, encodings: Storage | None
) -> tuple[str, Storage] | None:
    """Return what a kernel reads, and the routine that reads it; None if there is no such form."""
    if encodings is not None and source.format is not None:
        return cast_name(source.format), encodings
    extent = extent_of(source)
    if extent is None or not BINARY64_EXTENT.contains(extent):
        return None
    floats = compute_on_host(s, lambda: source.to_float(x), x)  # exact
    return _FROM_BINARY64, floats.view(np.uint64)


def _by_kernel(
    s: Components, rounder: Rounder, name: str, operands: tuple[Storage, ...], *, flagged: bool
) -> tuple[Storage, Storage]:
    assert rounder.table is not None
    whole: Any = s
    own = replace(whole, table=rounder.table(s.target.without_recorder), substitutes={})
    dtype = rounder.code_dtype
    if flagged:
        z, raised = elementwise.run_flagged(own, name, operands, dtype)
    else:
        loop = loops.elementwise(name, len(operands))
        z, raised = elementwise.run(own, loop, operands, result=dtype), np.empty(0, np.uint8)
    return s.codec.from_bits(z), raised


def _by_values(
    s: Components,
    rounder: Rounder,
    values: Callable[[], Sequence[Exact]],
    read: tuple[Storage, ...],
    *,
    flagged: bool,
) -> tuple[Storage, Storage]:
    """Round exact values on the host; ``read`` is the operand and the random words, if any."""
    shape, words = read[0].shape, read[1:]

    def encoded() -> list[tuple[Any, int]]:
        drawn = [map(int, each.reshape(-1).tolist()) for each in words]
        return [rounder.encode(*each) for each in zip(values(), *drawn, strict=True)]

    def compute() -> Storage:
        return s.codec.from_elements((element for element, _ in encoded()), shape)

    raised = np.empty(0, np.uint8)
    if flagged:
        raised = np.array([flags for _, flags in encoded()], dtype=np.uint8).reshape(shape)
    return compute_on_host(s, compute, *read), raised


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
