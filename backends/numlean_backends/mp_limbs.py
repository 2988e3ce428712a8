"""Numbers of ``mp`` in limbs: their conversions, and their table of kernels on the CPU."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from typing import Any, Final, NoReturn

import numpy as np
from mpmath import libmp, mp

from numlean.scalar.conversion import Conversion, Rounder
from numlean.scalar.correct_rounding import compute
from numlean.scalar.exact import Exact
from numlean.scalar.exact_text import format_fields
from numlean.scalar.protocol import Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.work_limit import is_below_default
from numlean_backends.codecs import encode_raw
from numlean_backends.exact_rounders import MpRounder
from numlean_kernels.formats import BINARY64, Format
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.limbs.layout import (
    FINITE,
    HEAD,
    INFINITE,
    KIND,
    LIMB_BITS,
    LONG_EXPONENT,
    MINUS,
    MOST_EXPONENT,
    NAN,
    limb_dtype,
    limbs_of,
)
from numlean_kernels.protocol import Array, Launch, Loop, Routine, Table
from numlean_kernels.targets.python import PYTHON

_BINARY64: Final = Arithmetic(BINARY64)
_PRECISION_OF_FLOATS: Final = 53
_LEAST_NORMAL: Final = -1021
"""The exponent, of a fraction in [1/2, 1), of the least normal number of binary64."""
_BEYOND_FLOATS: Final = 2000
_MASK: Final = (1 << LIMB_BITS) - 1

_SPECIALS: Final = {
    libmp.fzero: 0,
    libmp.finf: INFINITE,
    libmp.fninf: INFINITE | MINUS,
    libmp.fnan: NAN,
}
_VALUES: Final = {header: Exact(*value) for value, header in _SPECIALS.items()}


_long_numbers: dict[tuple[int, int], int] = {}
_by_place: list[tuple[int, int]] = []
_lock = Lock()


def _place_of(significand: int, exponent: int) -> int:
    """Return the place of a magnitude whose exponent does not fit a word: the same for equal ones.

    They are kept as long as the process lives: numbers that refer to them are copied as words.
    """
    with _lock:
        place = _long_numbers.setdefault((significand, exponent), len(_by_place))
        if place == len(_by_place):
            _by_place.append((significand, exponent))
    return place


def _has_long_numbers() -> bool:
    return bool(_by_place)


@dataclass(frozen=True)
class LimbCodec:
    """Storage holds numbers in limbs: see :mod:`numlean_kernels.limbs.layout`.

    See :class:`numlean.scalar.codec.Codec` for the documentation of every method.

    Attributes:
        precision: Bits every number is rounded to.
    """

    precision: int

    @property
    def format(self) -> Format | None:
        """None: there is no encoding of fixed width."""
        return None

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """A header, an exponent and limbs."""
        return limb_dtype(self.precision)

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round binary64 values once."""
        with np.errstate(invalid="ignore"):
            fractions, exponents = np.frexp(np.abs(values.reshape(-1)))
            tops = (fractions * 2.0**_PRECISION_OF_FLOATS).astype(np.uint64)
        tops <<= np.uint64(LIMB_BITS - _PRECISION_OF_FLOATS)
        return self._of_tops(values, np.isnan(values), np.isinf(values), tops, exponents)

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round int64 values once."""
        flat = values.reshape(-1)
        magnitudes = flat.astype(np.uint64)
        magnitudes = np.where(flat < 0, np.uint64(0) - magnitudes, magnitudes)
        exponents = np.zeros(flat.shape, np.int64)
        for step in (32, 16, 8, 4, 2, 1):
            is_long = magnitudes >> np.uint64(LIMB_BITS - step) == 0
            magnitudes = np.where(is_long, magnitudes << np.uint64(step), magnitudes)
            exponents += np.where(is_long, step, 0)
        none = np.zeros(values.shape, np.bool_)
        return self._of_tops(values, none, none, magnitudes, LIMB_BITS - exponents)

    def _of_tops(
        self, values: Array, is_nan: Array, is_infinite: Array, tops: Array, exponents: Array
    ) -> Storage:
        """Return numbers of a shape and signs whose significands are words."""
        unused = LIMB_BITS - self.precision
        exponents = exponents.astype(np.int64)
        if unused > 0:
            unit, half = np.uint64(1 << unused), np.uint64(1 << (unused - 1))
            grown = tops + (half - np.uint64(1)) + (tops >> np.uint64(unused) & np.uint64(1))
            is_beyond = grown < tops
            kept = grown & ~(unit - np.uint64(1))
            tops = np.where(is_beyond, np.uint64(1 << (LIMB_BITS - 1)), kept)
            exponents += is_beyond
        negative = np.where(values.reshape(-1) < 0, np.uint64(MINUS), np.uint64(0))
        is_nan, is_infinite = is_nan.reshape(-1), is_infinite.reshape(-1)
        is_number = (values.reshape(-1) != 0) & ~is_nan & ~is_infinite
        z = np.zeros(values.shape, self.storage_dtype)
        words = z.reshape(-1).view(np.uint64).reshape(-1, HEAD + limbs_of(self.precision))
        kinds = np.where(is_number, FINITE, np.where(is_infinite, INFINITE, 0)).astype(np.uint64)
        words[:, 0] = np.where(is_nan, np.uint64(NAN), kinds | np.where(kinds, negative, 0))
        words[:, 1] = np.where(is_number, exponents, 0).astype(np.int64).view(np.uint64)
        words[:, -1] = np.where(is_number, tops, np.uint64(0))
        return z

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Round the values once to binary64."""
        flat = np.ascontiguousarray(x).reshape(-1)
        words = flat.view(np.uint64).reshape(-1, HEAD + limbs_of(self.precision))
        kinds, is_negative = words[:, 0] & np.uint64(KIND), words[:, 0] & np.uint64(MINUS) != 0
        exponents = words[:, 1].view(np.int64)
        # A bit below the 53 that stands for all lower limbs suffices to round to nearest.
        tops = words[:, -1] | (words[:, HEAD:-1] != 0).any(axis=1)
        near = np.clip(exponents, -_BEYOND_FLOATS, _BEYOND_FLOATS).astype(np.int32)
        with np.errstate(all="ignore"):
            values = np.ldexp(tops.astype(np.float64), near - LIMB_BITS)
        values = np.where(kinds == INFINITE, np.inf, np.where(kinds == NAN, np.nan, values))
        values = np.where(is_negative, -values, values)
        for k in np.flatnonzero((kinds == FINITE) & (exponents < _LEAST_NORMAL)):
            bits = encode_raw(_BINARY64, self.decode(flat[k].item()))
            values[k] = np.array(bits, np.uint64).view(np.float64)
        return values.reshape(x.shape)

    def encode(self, value: Exact) -> tuple[int, ...]:
        """Round one exact value."""
        sign, significand, exponent, bits = libmp.mpf_pos(tuple(value), self.precision, "n")
        count = limbs_of(self.precision)
        if not significand:
            return (_SPECIALS[tuple(value)], *(0,) * (count + 1))
        leading = int(exponent) + int(bits)
        header = FINITE | (MINUS if sign else 0)
        if not -MOST_EXPONENT <= leading <= MOST_EXPONENT:
            place = LONG_EXPONENT + _place_of(int(significand), int(exponent))
            top = 1 << (LIMB_BITS - 1)
            return (header, place if leading > 0 else -place, *(0,) * (count - 1), top)
        whole = int(significand) << (LIMB_BITS * count - int(bits))
        limbs = (whole >> LIMB_BITS * k & _MASK for k in range(count))
        return (header, leading, *limbs)

    def encode_flagged(self, value: Exact) -> tuple[Any, int]:
        """Raise: no flags are kept."""
        raise NotImplementedError("mp keeps no flags")

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion."""
        return Rounder(LimbRounder(self, MpRounder(self.precision, conversion)))

    def decode(self, element: Any) -> Exact:
        """Return the exact value of a number."""
        header, exponent, *limbs = element if isinstance(element, tuple) else element.item()
        if header & KIND != FINITE:
            return _VALUES[header]
        sign = -1 if header & MINUS else 1
        if abs(exponent) >= LONG_EXPONENT:
            significand, power = _by_place[abs(exponent) - LONG_EXPONENT]
            return Exact(*libmp.from_man_exp(sign * significand, power))
        whole = 0
        for limb in reversed(limbs):
            whole = whole << LIMB_BITS | limb
        return Exact(*libmp.from_man_exp(sign * whole, exponent - LIMB_BITS * len(limbs)))

    def from_elements(self, elements: Iterable[Any], shape: tuple[int, ...]) -> Storage:
        """Return an array of numbers."""
        return np.array(list(elements), self.storage_dtype).reshape(shape)

    def is_element(self, element: Any) -> bool:
        """Return True; never called, because the dtype suffices."""
        return True

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Raise: numbers have no encodings."""
        raise NotImplementedError("mp has no encodings")

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Raise: numbers have no encodings."""
        raise NotImplementedError("mp has no encodings")

    def to_bytes(self, x: Storage) -> bytes:
        """Return the sign, significand and exponent of each number in hexadecimal."""
        return "\n".join(format_fields(self.decode(a)) for a in x.ravel().tolist()).encode()

    def to_objects(self, x: Storage) -> Storage:
        """Return the numbers as ``mpmath.mpf`` objects."""
        values = (mp.make_mpf(tuple(self.decode(a))) for a in x.ravel().tolist())
        return np.fromiter(values, dtype=object, count=x.size).reshape(x.shape)


@dataclass(frozen=True)
class LimbRounder:
    """Rounds exact values under choices.

    Attributes:
        codec: The numbers.
        inner: Rounds to ``mpmath.mpf`` objects.
    """

    codec: LimbCodec
    inner: MpRounder

    def __call__(self, value: Exact, *word: int) -> tuple[tuple[int, ...], int]:
        """Return the number and the flags."""
        rounded, flags = self.inner(value, *word)
        return self.codec.encode(rounded._mpf_), flags


@cache
def limb_table(precision: int, reference: Table) -> Table:
    """Return the table of numbers in limbs.

    Args:
        precision: The bits.
        reference: The routines on ``mpmath.mpf`` objects; loops without a kernel run with them.
    """
    # numba is expensive to import, and the interpreter needs none of this.
    from numlean_kernels.limbs.launches import FUNCTIONS, LimbLaunches

    codec, others = LimbCodec(precision), partial(_by_objects, LimbCodec(precision), reference)

    def enclose(name: str, *operands: Array) -> Array:
        scalar = get_scalar(f"mp:{precision}", "cpu")
        return compute(scalar, codec, name, operands, by_enclosures=True)

    def make(name: str) -> Routine:
        return _marker if name in FUNCTIONS else reference[name]

    return Table(
        key=f"mp limbs/{precision}",
        zero=None,
        make=make,
        same_bits_as=reference.arithmetic,
        kernels=LimbLaunches(precision, others, enclose, is_below_default, _has_long_numbers),
    )


def _marker(*operands: Any) -> NoReturn:
    """Stand for a routine that exists in kernels alone."""
    raise NotImplementedError("a routine of kernels on numbers in limbs")


@cache
def interpreted_limb_table(precision: int, reference: Table) -> Table:
    """Return the table of numbers in limbs whose loops all run with the routines of another."""
    return Table(
        key=f"mp limbs/{precision} interpreted",
        zero=None,
        make=reference.make,
        same_bits_as=reference.arithmetic,
        kernels=partial(_by_objects, LimbCodec(precision), reference),
    )


def _by_objects(codec: LimbCodec, reference: Table, loop: Loop) -> Launch:
    """Return the launch of a loop on numbers in limbs, which runs on ``mpmath.mpf`` objects."""
    dtype, outputs = codec.storage_dtype, loop.outputs
    launch = PYTHON.kernel_of(loop, reference)

    def result_of(z: Array, is_read: bool) -> Array:
        if z.dtype != dtype:
            return z
        return codec.to_objects(z) if is_read else np.empty(z.shape, object)

    def run(domain: tuple[int, ...], *arrays: Array) -> None:
        read, written = arrays[:-outputs], arrays[-outputs:]
        given = [codec.to_objects(x) if x.dtype == dtype else x for x in read]
        results = [result_of(z, is_read=not read) for z in written]
        launch(domain, *given, *results)
        for z, result in zip(written, results, strict=True):
            if result is not z:
                elements = (codec.encode(a._mpf_) for a in result.ravel().tolist())
                z[...] = codec.from_elements(elements, z.shape)

    return run
