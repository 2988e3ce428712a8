"""Operands that are likely to reveal errors in elementary functions.

They extend those of :mod:`numlean.verification.operands` by numbers at and next to points where a
function is exact or changes, and by pairs whose result lies at an end of the range or near a
number. Every other operand of the first batch is one of :mod:`.boundary_operands`, as far as they
go. A batch is a function of the function's name, its number and the seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean.scalar.kernel_scalar import KernelScalar
from numlean.verification.elementary.boundary_operands import boundary_operands
from numlean.verification.elementary.functions import Function
from numlean.verification.encoding import Floats
from numlean.verification.operands import BATCH, Bits, operands
from numlean_kernels.formats import Format

_NUDGE: Final = 2


def elementary_operands(
    scalar: KernelScalar, function: Function, batch: int, seed: int
) -> list[Bits]:
    """Return an array of ``BATCH`` encodings for each operand; batches never end."""
    format = scalar.format
    assert format is not None
    key = batch, zlib.crc32(function.name.encode())
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
    general = operands(format, function.arity, batch, seed)
    make = _PAIRS.get(function.name, _landmarks)
    with np.errstate(all="ignore"):
        chosen = make(rng, scalar, format)
    special = rng.integers(0, 2, BATCH) == 0
    x = [
        np.where(special, _nudged(rng, format, scalar.to_bits(scalar.from_float(a))), b)
        for a, b in zip(chosen, general, strict=True)
    ]
    if batch == 0:
        for a, boundary in zip(x, boundary_operands(format, function.name), strict=True):
            a[::2][: len(boundary)] = boundary[: BATCH // 2]
    return x


def _nudged(rng: np.random.Generator, format: Format, x: Bits) -> Bits:
    """Return encodings of which half are moved a little, within their sign."""
    by = rng.integers(-_NUDGE, _NUDGE + 1, BATCH) * rng.integers(0, 2, BATCH)
    magnitude = (x & x.dtype.type(format.magnitude_mask)).astype(np.int64) + by
    sign = x & x.dtype.type(format.sign_mask)
    return sign | np.clip(magnitude, 0, format.magnitude_mask).astype(x.dtype)


def _signed(rng: np.random.Generator, x: Floats) -> Floats:
    return np.where(rng.integers(0, 2, BATCH) == 0, x, -x)


def _any_magnitude(rng: np.random.Generator, format: Format) -> Floats:
    return np.exp2(rng.uniform(format.emin - format.trailing_bits, format.emax + 1, BATCH))


def _integers(rng: np.random.Generator, bits: int) -> Floats:
    """Return integers whose number of bits is uniform, up to a maximum."""
    return np.floor(np.exp2(rng.uniform(0, bits, BATCH)))


def _powers_of_two(rng: np.random.Generator, format: Format) -> Floats:
    return np.exp2(rng.integers(format.emin - format.trailing_bits, format.emax + 1, BATCH))


def _exponents_of_scales(rng: np.random.Generator, format: Format) -> np.ndarray[Any, Any]:
    """Return exponents whose triple is within the range."""
    most = max(format.emax // 6, 1)
    return rng.integers(-most, most + 1, BATCH)


def _landmarks(rng: np.random.Generator, scalar: KernelScalar, format: Format) -> list[Floats]:
    """Return halves of integers, multiples of pi/4 and log(2), powers of ten, squares, cubes."""
    p, k = format.precision, _integers(rng, format.exponent_bits + 1)
    root, scale = _integers(rng, p // 2), np.exp2(_exponents_of_scales(rng, format))
    kinds = [
        k / 2,
        _integers(rng, 2 * p) * (np.pi / 4),
        k * np.log(2),
        10.0
        ** rng.integers(
            int((format.emin - format.trailing_bits) * np.log10(2)) - 2,
            int(format.emax * np.log10(2)) + 2,
            BATCH,
        ),
        (root * scale) ** 2,
        (np.floor(np.cbrt(root)) * scale) ** 3,
        1 + _integers(rng, p) * 2.0 ** (1 - p) * rng.choice([-1, 1], BATCH),
    ]
    return [_signed(rng, np.choose(rng.integers(0, len(kinds), BATCH), kinds))]


def _bases_and_powers(
    rng: np.random.Generator, scalar: KernelScalar, format: Format
) -> list[Floats]:
    p = format.precision
    base, half = (
        _any_magnitude(rng, format),
        _signed(rng, _integers(rng, format.exponent_bits + 1) / 2),
    )
    near_one = 1 + _integers(rng, p // 2) * 2.0 ** (1 - p) * rng.choice([-1, 1], BATCH)
    root, subnormal = _integers(rng, p // 2), np.exp2(rng.uniform(1 - p, 0, BATCH) + format.emin)
    a = [_signed(rng, base), near_one, base, root**2 * _powers_of_two(rng, format) ** 2, subnormal]
    a = [scalar.to_float(scalar.from_float(v)) for v in a]
    ends = rng.choice([format.emax + 1, format.emin, format.emin - p + 1, format.emin - p], BATCH)
    b = [
        half,
        rng.uniform(format.emin - p, format.emax + 2, BATCH) / np.log2(a[1]),
        ends / np.log2(a[2]),
        half,
        _signed(rng, rng.uniform(0, 2, BATCH)),
    ]
    kind = rng.integers(0, len(a), BATCH)
    return [np.choose(kind, a), np.choose(kind, b)]


def _legs(rng: np.random.Generator, scalar: KernelScalar, format: Format) -> list[Floats]:
    p = format.precision
    m, n, scale = _integers(rng, p // 2), _integers(rng, p // 2), _powers_of_two(rng, format)
    a, great = _any_magnitude(rng, format), 2.0**format.emax * rng.uniform(0.5, 2, (2, BATCH))
    apart = np.exp2(rng.uniform(-p - 2, 2 - p / 2, BATCH))
    kind = rng.integers(0, 4, BATCH)
    legs = [
        np.choose(kind, [np.abs(m**2 - n**2) * scale, a, a, great[0]]),
        np.choose(kind, [2 * m * n * scale, a, a * apart, great[1]]),
    ]
    return [_signed(rng, leg) for leg in legs]


def _coordinates(rng: np.random.Generator, scalar: KernelScalar, format: Format) -> list[Floats]:
    a, power = _any_magnitude(rng, format), _powers_of_two(rng, format)
    kinds = [_any_magnitude(rng, format), a, power, a * power]
    x = np.choose(rng.integers(0, len(kinds), BATCH), kinds)
    return [_signed(rng, a), _signed(rng, x)]


_PAIRS: Final[dict[str, Callable[..., list[Floats]]]] = {
    "pow": _bases_and_powers,
    "hypot": _legs,
    "atan2": _coordinates,
}
