"""Hypothesis strategies for encodings, operands and arrays that are likely to reveal errors."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar, scalar_backends
from numlean.testing._oracle import oracle
from numlean_kernels.formats import Format

MOST_ELEMENTS = 64


def encodings(format: Format, *, nan: bool = True, infinity: bool = True) -> Any:
    """Return encodings of a format, as integers.

    A quarter each are uniform, special (zeros, the ends of the ranges, one, infinities, NaNs),
    near a boundary where the exponent changes, and of few significant bits, so that sums and
    products of two are often exact or ties. Shrinks toward +0.

    Args:
        format: The format.
        nan: Whether to include NaNs.
        infinity: Whether to include infinities.
    """
    magnitudes = st.one_of(
        st.sampled_from(_special_magnitudes(format)),
        _near_boundaries(format),
        _of_few_bits(format),
        st.integers(0, format.magnitude_mask),
    )

    def is_accepted(encoding: int) -> bool:
        is_nan, is_infinity = format.is_nan(encoding), format.is_infinite(encoding)
        return bool((nan or not is_nan) and (infinity or not is_infinity))

    return st.builds(
        lambda magnitude, negative: magnitude | (format.sign_mask if negative else 0),
        magnitudes,
        st.booleans(),
    ).filter(is_accepted)


def operand_pairs(format: Format) -> Any:
    """Return pairs of encodings chosen for each other.

    Some are independent. Others are nearly equal with opposite signs, so that their sum cancels;
    have exponents a precision apart, so that their sum is a tie or close to one; or have exponents
    whose sum or difference lies at an end of the range.
    """
    t, limit = format.trailing_bits, format.exponent_limit
    finite = encodings(format, nan=False, infinity=False)

    def cancelling(a: int, nudge: int) -> tuple[int, int]:
        magnitude = min(max((a & format.magnitude_mask) + nudge, 0), format.max_finite)
        return a, magnitude | (a & format.sign_mask ^ format.sign_mask)

    def with_exponent(a: int, b: int, exponent: int) -> tuple[int, int]:
        inside = min(max(exponent, 0), limit - 1)
        return a, b & (format.sign_mask | format.trailing_mask) | inside << t

    def apart(a: int, b: int, distance: int) -> tuple[int, int]:
        return with_exponent(a, b, ((a >> t) & limit) + distance)

    def at_an_end(a: int, b: int, end: int, nudge: int) -> tuple[int, int]:
        return with_exponent(a, b, format.bias + end - ((a >> t) & limit) + nudge)

    p = format.precision
    return st.one_of(
        st.tuples(encodings(format), encodings(format)),
        st.builds(cancelling, finite, st.integers(-4, 4)),
        st.builds(apart, finite, _of_few_bits(format), st.sampled_from([-p - 1, -p, 1 - p, p])),
        st.builds(at_an_end, finite, finite, st.sampled_from([0, limit - 1]), st.integers(-2, 2)),
    )


def arrays(scalar: Scalar, shape: Any = None) -> Any:
    """Return storage arrays of a Scalar.

    Args:
        scalar: The Scalar of the numbers.
        shape: A shape, or a strategy for one; by default up to 64 elements on up to three axes.
    """
    shapes = st.just(shape) if isinstance(shape, tuple) else shape
    if shapes is None:
        sides = st.lists(st.integers(0, 4), max_size=3)
        shapes = sides.map(tuple)

    def filled(shape: tuple[int, ...]) -> Any:
        count = int(np.prod(shape, dtype=int))
        return st.lists(_elements(scalar), min_size=count, max_size=count).map(
            lambda values: _storage(scalar, values).reshape(shape)
        )

    return shapes.flatmap(filled)


def scalars(*, device: str | None = None) -> Any:
    """Return the registered Scalars that need no argument, and ``mp:100`` and ``ieee:e6m9``.

    Args:
        device: The device; by default ``python``, on which no operation is compiled, or the first
            of a backend without it. On ``python`` each operation has been called once, so that a
            test keeps Hypothesis's deadline.
    """
    dtypes = [name for name, backend in scalar_backends() if ":" not in backend.pattern]
    known = [d for d in [*dtypes, "mp:100", "ieee:e6m9"] if _is_available(d, device)]
    # Ready before anything is drawn, as drawing has a time limit as well.
    ready = {dtype: _ready(dtype, device) for dtype in sorted(known)}
    return st.sampled_from(list(ready)).map(ready.__getitem__)


@cache
def _ready(dtype: str, device: str | None) -> Scalar:
    is_interpreted = device in (None, "python") and _is_available(dtype, "python")
    return oracle(dtype, "python") if is_interpreted else get_scalar(dtype, device)


def _is_available(dtype: str, device: str | None) -> bool:
    from numlean.errors import NumleanError

    try:
        get_scalar(dtype, device)
    except NumleanError:
        return False
    return True


def _elements(scalar: Scalar) -> Any:
    if scalar.format is not None:
        return encodings(scalar.format)
    return st.floats()


def _storage(scalar: Scalar, values: list[Any]) -> Storage:
    if scalar.format is not None:
        return scalar.from_bits(values)
    return scalar.from_float(np.array(values, dtype=np.float64))


def _special_magnitudes(format: Format) -> list[int]:
    least_normal, one = format.implicit_bit, format.one
    specials = [0, one, 1, least_normal, least_normal - 1, least_normal + 1, one - 1, one + 1]
    specials += [format.max_finite, format.max_finite - 1, format.infinity, format.default_nan]
    specials += [format.infinity + 1, format.magnitude_mask]
    return [each & format.magnitude_mask for each in specials]


def _near_boundaries(format: Format) -> Any:
    def near(exponent: int, nudge: int) -> int:
        return min(max((exponent << format.trailing_bits) + nudge, 0), format.magnitude_mask)

    return st.builds(near, st.integers(0, format.exponent_limit), st.integers(-2, 2))


def _of_few_bits(format: Format) -> Any:
    t = format.trailing_bits
    bits = st.sets(st.integers(0, t - 1), max_size=3) if t else st.just(set())
    exponents = st.integers(0, format.exponent_limit - 1)
    return st.builds(lambda e, ones: e << t | sum(1 << k for k in ones), exponents, bits)
